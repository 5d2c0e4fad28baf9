//! A blob store whose keys all lie below another key of the one it wraps.
use std::{ops::Range, time::Duration};

use futures_util::{StreamExt as _, TryStreamExt as _};
use voiceclone_core::{
    Result, async_trait,
    audio::BoxStream,
    store::{BlobBody, BlobCapability, BlobKey, BlobMeta, BlobReader, BlobStore, PresignedRequest, PutOptions},
};

const PREFIX: &str = "owners/suite/";

#[derive(Debug)]
pub(crate) struct Below<S>(S);

impl<S> Below<S> {
    pub(crate) fn owners(inner: S) -> Self {
        Self(inner)
    }
}

fn below(key: &BlobKey) -> Result<BlobKey> {
    BlobKey::new(format!("{PREFIX}{key}"))
}

#[expect(clippy::needless_pass_by_value, reason = "it is mapped over results that own it")]
fn above(meta: BlobMeta) -> Result<BlobMeta> {
    let key = BlobKey::new(meta.key.as_str().strip_prefix(PREFIX).unwrap_or_default())?;
    Ok(BlobMeta::new(key, meta.size, meta.modified))
}

#[async_trait]
impl<S: BlobStore> BlobStore for Below<S> {
    fn capability(&self) -> BlobCapability {
        self.0.capability()
    }

    async fn put(&self, key: &BlobKey, body: BlobBody, options: &PutOptions) -> Result<BlobMeta> {
        above(self.0.put(&below(key)?, body, options).await?)
    }

    async fn get(&self, key: &BlobKey, range: Option<Range<u64>>) -> Result<BlobReader> {
        let reader = self.0.get(&below(key)?, range).await?;
        Ok(BlobReader { meta: above(reader.meta)?, ..reader })
    }

    async fn head(&self, key: &BlobKey) -> Result<BlobMeta> {
        above(self.0.head(&below(key)?).await?)
    }

    async fn delete(&self, key: &BlobKey) -> Result<()> {
        self.0.delete(&below(key)?).await
    }

    fn list(&self, prefix: &BlobKey) -> BoxStream<Result<BlobMeta>> {
        match below(prefix) {
            Ok(prefix) => self.0.list(&prefix).and_then(|meta| std::future::ready(above(meta))).boxed(),
            Err(error) => futures_util::stream::iter([Err(error)]).boxed(),
        }
    }

    async fn presign_get(&self, key: &BlobKey, ttl: Duration) -> Result<PresignedRequest> {
        self.0.presign_get(&below(key)?, ttl).await
    }

    async fn presign_put(&self, key: &BlobKey, ttl: Duration, options: &PutOptions) -> Result<PresignedRequest> {
        self.0.presign_put(&below(key)?, ttl, options).await
    }
}
