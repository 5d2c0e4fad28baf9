//! Blobs in a map.
use std::{collections::BTreeMap, fmt, ops::Range, sync::Mutex, time::Duration};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use chrono::{DateTime, Utc};
use futures_util::{StreamExt as _, stream};

use super::lock;
use crate::{
    audio::BoxStream,
    error::{Error, ErrorKind, Result},
    store::{BlobBody, BlobCapability, BlobKey, BlobMeta, BlobReader, BlobStore, PresignedRequest, PutOptions},
};

/// Keeps blobs in memory, without a bound. Refuses to replace when asked; makes no URLs.
#[derive(Default)]
pub struct MemoryBlobs {
    blobs: Mutex<BTreeMap<BlobKey, Blob>>,
}

#[derive(Clone)]
struct Blob {
    bytes: Bytes,
    modified: DateTime<Utc>,
}

impl Blob {
    fn meta(&self, key: &BlobKey) -> BlobMeta {
        BlobMeta::new(key.clone(), self.bytes.len() as u64, self.modified)
    }
}

impl MemoryBlobs {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn find(&self, key: &BlobKey) -> Result<Blob> {
        lock(&self.blobs).get(key).cloned().ok_or_else(|| Error::not_found("blob", key))
    }
}

impl fmt::Debug for MemoryBlobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemoryBlobs({} blobs)", lock(&self.blobs).len())
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl BlobStore for MemoryBlobs {
    fn capability(&self) -> BlobCapability {
        BlobCapability::with(|c| c.create_only = true)
    }

    async fn put(&self, key: &BlobKey, body: BlobBody, options: &PutOptions) -> Result<BlobMeta> {
        let blob = Blob { bytes: collect(body).await?, modified: Utc::now() };
        let mut blobs = lock(&self.blobs);
        if options.create_only && blobs.contains_key(key) {
            return Err(Error::new(ErrorKind::AlreadyExists, "there is a blob under this key").with("key", key));
        }
        let meta = blob.meta(key);
        blobs.insert(key.clone(), blob);
        Ok(meta)
    }

    async fn get(&self, key: &BlobKey, range: Option<Range<u64>>) -> Result<BlobReader> {
        let blob = self.find(key)?;
        let meta = blob.meta(key);
        let (range, bytes) = match range {
            None => (0..meta.size, blob.bytes),
            Some(asked) => cut(&blob.bytes, &asked)?,
        };
        Ok(BlobReader { meta, range, chunks: stream::iter((!bytes.is_empty()).then_some(Ok(bytes))).boxed() })
    }

    async fn head(&self, key: &BlobKey) -> Result<BlobMeta> {
        Ok(self.find(key)?.meta(key))
    }

    async fn delete(&self, key: &BlobKey) -> Result<()> {
        lock(&self.blobs).remove(key);
        Ok(())
    }

    fn list(&self, prefix: &BlobKey) -> BoxStream<Result<BlobMeta>> {
        let below = format!("{prefix}/");
        let blobs = lock(&self.blobs);
        let found: Vec<_> = blobs
            .iter()
            .filter(|(key, _)| key.as_str().starts_with(&below))
            .map(|(key, blob)| Ok(blob.meta(key)))
            .collect();
        stream::iter(found).boxed()
    }

    async fn presign_get(&self, _: &BlobKey, _: Duration) -> Result<PresignedRequest> {
        Err(no_urls())
    }

    async fn presign_put(&self, _: &BlobKey, _: Duration, _: &PutOptions) -> Result<PresignedRequest> {
        Err(no_urls())
    }
}

fn no_urls() -> Error {
    Error::unsupported("blobs in memory have no URLs")
}

async fn collect(body: BlobBody) -> Result<Bytes> {
    match body {
        BlobBody::Bytes(bytes) => Ok(bytes),
        BlobBody::Stream(mut chunks) => {
            let mut bytes = BytesMut::new();
            while let Some(chunk) = chunks.next().await {
                bytes.extend_from_slice(&chunk?);
            }
            Ok(bytes.freeze())
        }
    }
}

/// The part of `bytes` in `asked`, which may reach past the end but not start there.
fn cut(bytes: &Bytes, asked: &Range<u64>) -> Result<(Range<u64>, Bytes)> {
    let size = bytes.len();
    let start = usize::try_from(asked.start).unwrap_or(usize::MAX);
    let end = usize::try_from(asked.end).unwrap_or(usize::MAX).min(size);
    if start >= end {
        return Err(Error::invalid(format!(
            "the range {}..{} holds none of the blob's {size} bytes",
            asked.start, asked.end
        )));
    }
    Ok((start as u64..end as u64, bytes.slice(start..end)))
}
