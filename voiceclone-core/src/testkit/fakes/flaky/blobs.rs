//! A blob store that fails when it is told to.
use std::{ops::Range, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::{StreamExt as _, stream};

use super::{Faults, StoreFault, When};
use crate::{
    audio::BoxStream,
    error::Result,
    store::{BlobBody, BlobCapability, BlobKey, BlobMeta, BlobReader, BlobStore, PresignedRequest, PutOptions},
};

/// A blob store and a plan of what goes wrong, by verb: `put`, `get`, `head`, `delete`, `list`, `presign_get`,
/// `presign_put`. The text of a plan is the key. Clones share the plan.
#[derive(Debug, Clone)]
pub struct FlakyBlobs {
    inner: Arc<dyn BlobStore>,
    faults: Arc<Faults>,
}

impl FlakyBlobs {
    /// Fails at nothing yet.
    pub fn new(inner: impl BlobStore) -> Self {
        let verbs = ["put", "get", "head", "delete", "list", "presign_get", "presign_put"];
        Self { inner: Arc::new(inner), faults: Arc::new(Faults::of(&verbs)) }
    }

    /// Plans a fault.
    ///
    /// # Panics
    /// For a verb there is not.
    pub fn plan(&self, verb: &str, when: When, fault: StoreFault) {
        self.faults.plan(verb, when, fault);
    }

    /// How often a verb was called.
    pub fn calls(&self, verb: &str) -> usize {
        self.faults.calls(verb)
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl BlobStore for FlakyBlobs {
    fn capability(&self) -> BlobCapability {
        self.inner.capability()
    }

    async fn put(&self, key: &BlobKey, body: BlobBody, options: &PutOptions) -> Result<BlobMeta> {
        self.faults.around("put", key.as_str(), self.inner.put(key, body, options)).await
    }

    async fn get(&self, key: &BlobKey, range: Option<Range<u64>>) -> Result<BlobReader> {
        self.faults.around("get", key.as_str(), self.inner.get(key, range)).await
    }

    async fn head(&self, key: &BlobKey) -> Result<BlobMeta> {
        self.faults.around("head", key.as_str(), self.inner.head(key)).await
    }

    async fn delete(&self, key: &BlobKey) -> Result<()> {
        self.faults.around("delete", key.as_str(), self.inner.delete(key)).await
    }

    fn list(&self, prefix: &BlobKey) -> BoxStream<Result<BlobMeta>> {
        match self.faults.next("list", prefix.as_str()) {
            None => self.inner.list(prefix),
            Some(StoreFault::Fails(error) | StoreFault::LosesAnswer(error)) => stream::iter([Err(error)]).boxed(),
        }
    }

    async fn presign_get(&self, key: &BlobKey, ttl: Duration) -> Result<PresignedRequest> {
        self.faults.around("presign_get", key.as_str(), self.inner.presign_get(key, ttl)).await
    }

    async fn presign_put(&self, key: &BlobKey, ttl: Duration, options: &PutOptions) -> Result<PresignedRequest> {
        self.faults.around("presign_put", key.as_str(), self.inner.presign_put(key, ttl, options)).await
    }
}
