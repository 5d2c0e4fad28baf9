//! A blob store whose URLs lead nowhere but to itself.
use std::{ops::Range, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;

use crate::{
    audio::BoxStream,
    error::{Error, Result},
    store::{BlobBody, BlobCapability, BlobKey, BlobMeta, BlobReader, BlobStore, PresignedRequest, PutOptions},
};

const ROOT: &str = "fake://blobs/";

/// Makes URLs for a store that makes none. Nothing is signed and nothing lapses: [`SigningBlobs::upload`] does with a
/// request what a browser would.
#[derive(Debug, Clone)]
pub struct SigningBlobs {
    inner: Arc<dyn BlobStore>,
}

impl SigningBlobs {
    /// URLs for the blobs of `inner`.
    pub fn new(inner: impl BlobStore) -> Self {
        Self { inner: Arc::new(inner) }
    }

    /// Puts `bytes` where the request says.
    ///
    /// # Errors
    /// `PermissionDenied` for a request that is not one of [`BlobStore::presign_put`].
    pub async fn upload(&self, request: &PresignedRequest, bytes: impl Into<Bytes>) -> Result<BlobMeta> {
        let key = key_of(request, "PUT")?;
        self.inner.put(&key, BlobBody::Bytes(bytes.into()), &PutOptions::default()).await
    }

    /// Reads what the request says.
    ///
    /// # Errors
    /// `PermissionDenied` for a request that is not one of [`BlobStore::presign_get`]; `NotFound`.
    pub async fn download(&self, request: &PresignedRequest) -> Result<BlobReader> {
        self.inner.get(&key_of(request, "GET")?, None).await
    }
}

fn request(method: &'static str, key: &BlobKey, ttl: Duration) -> PresignedRequest {
    PresignedRequest::new(method, format!("{ROOT}{key}?ttl={}", ttl.as_secs()))
}

fn key_of(request: &PresignedRequest, method: &str) -> Result<BlobKey> {
    let path = request.url.strip_prefix(ROOT).and_then(|rest| rest.split('?').next());
    let path = path.filter(|_| request.method == method);
    let refused = || Error::new(crate::error::ErrorKind::PermissionDenied, "this request is not one of this store's");
    BlobKey::new(path.ok_or_else(refused)?)
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl BlobStore for SigningBlobs {
    fn capability(&self) -> BlobCapability {
        let mut capability = self.inner.capability();
        capability.presign_get = true;
        capability.presign_put = true;
        capability
    }

    async fn put(&self, key: &BlobKey, body: BlobBody, options: &PutOptions) -> Result<BlobMeta> {
        self.inner.put(key, body, options).await
    }

    async fn get(&self, key: &BlobKey, range: Option<Range<u64>>) -> Result<BlobReader> {
        self.inner.get(key, range).await
    }

    async fn head(&self, key: &BlobKey) -> Result<BlobMeta> {
        self.inner.head(key).await
    }

    async fn delete(&self, key: &BlobKey) -> Result<()> {
        self.inner.delete(key).await
    }

    fn list(&self, prefix: &BlobKey) -> BoxStream<Result<BlobMeta>> {
        self.inner.list(prefix)
    }

    async fn presign_get(&self, key: &BlobKey, ttl: Duration) -> Result<PresignedRequest> {
        Ok(request("GET", key, ttl))
    }

    async fn presign_put(&self, key: &BlobKey, ttl: Duration, _: &PutOptions) -> Result<PresignedRequest> {
        Ok(request("PUT", key, ttl))
    }
}
