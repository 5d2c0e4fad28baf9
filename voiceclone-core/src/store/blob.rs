//! The seam of bytes: an object store, seen through the verbs the house needs.
use std::{collections::BTreeMap, fmt, ops::Range, str::FromStr, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    audio::{AudioBody, BoxStream},
    error::{Error, Result},
};

/// Where a blob is: segments of `a-z A-Z 0-9 . _ -` joined by `/`. Made by the engine of ids and hashes, never of text a
/// user wrote, so no store has to escape one and no key leads out of its root. No blob's key may be the path to another
/// blob (`a` and `a/b`): a directory of files cannot hold both.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct BlobKey(Arc<str>);

const MAX_KEY: usize = 512;

impl BlobKey {
    /// Checks and takes a key.
    ///
    /// # Errors
    /// `InvalidInput` if it is empty, longer than 512 bytes, has an empty segment, one that begins with a dot, or any other
    /// character than the ones above.
    pub fn new(key: impl AsRef<str>) -> Result<Self> {
        let key = key.as_ref();
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
        let segment = |s: &str| !s.is_empty() && !s.starts_with('.') && s.bytes().all(plain);
        if key.len() > MAX_KEY || !key.split('/').all(segment) {
            return Err(Error::invalid(
                "a blob key is 1 to 512 bytes of letters, digits, '.', '_' and '-' in segments joined by '/', \
                 none of them empty or beginning with a dot",
            ));
        }
        Ok(Self(key.into()))
    }

    /// The key itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for BlobKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for BlobKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

impl FromStr for BlobKey {
    type Err = Error;

    fn from_str(s: &str) -> Result<Self> {
        Self::new(s)
    }
}

impl TryFrom<String> for BlobKey {
    type Error = Error;

    fn try_from(s: String) -> Result<Self> {
        Self::new(s)
    }
}

impl From<BlobKey> for String {
    fn from(key: BlobKey) -> Self {
        key.0.as_ref().to_owned()
    }
}

/// What a store knows of a blob without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BlobMeta {
    /// Where it is.
    pub key: BlobKey,
    /// Size in bytes.
    pub size: u64,
    /// When it was last written, by the store's clock.
    pub modified: DateTime<Utc>,
}

impl BlobMeta {
    /// A blob of this size, written then.
    pub fn new(key: BlobKey, size: u64, modified: DateTime<Utc>) -> Self {
        Self { key, size, modified }
    }
}

/// Bytes on their way into a store.
pub enum BlobBody {
    /// All there.
    Bytes(Bytes),
    /// Arriving. An error in it, or dropping the put, leaves no object behind.
    Stream(BoxStream<Result<Bytes>>),
}

impl From<&AudioBody> for BlobBody {
    fn from(body: &AudioBody) -> Self {
        Self::Stream(body.stream())
    }
}

impl fmt::Debug for BlobBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => write!(f, "Bytes({} bytes)", bytes.len()),
            Self::Stream(_) => f.write_str("Stream"),
        }
    }
}

/// Bytes on their way out of a store.
pub struct BlobReader {
    /// What is read.
    pub meta: BlobMeta,
    /// Which of its bytes.
    pub range: Range<u64>,
    /// The bytes of the range, in order.
    pub chunks: BoxStream<Result<Bytes>>,
}

impl fmt::Debug for BlobReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlobReader").field("meta", &self.meta).field("range", &self.range).finish_non_exhaustive()
    }
}

/// How to write.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PutOptions {
    /// The media type that a later GET answers with, where the store keeps one.
    pub media_type: Option<String>,
    /// Fail with `AlreadyExists` rather than replace.
    pub create_only: bool,
}

impl PutOptions {
    /// With this media type.
    #[must_use]
    pub fn media_type(mut self, media_type: impl Into<String>) -> Self {
        self.media_type = Some(media_type.into());
        self
    }

    /// Never replacing.
    #[must_use]
    pub fn create_only(mut self) -> Self {
        self.create_only = true;
        self
    }
}

/// What a store can do beyond the plain verbs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BlobCapability {
    /// Refuses to replace when asked, atomically.
    pub create_only: bool,
    /// Makes URLs for reading.
    pub presign_get: bool,
    /// Makes URLs for writing.
    pub presign_put: bool,
}

impl BlobCapability {
    /// The plain verbs and what `set` adds.
    pub fn with(set: impl FnOnce(&mut Self)) -> Self {
        let mut capability = Self::default();
        set(&mut capability);
        capability
    }
}

/// A request that somebody without credentials may make once in a while. The URL is a secret until it lapses.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PresignedRequest {
    /// `GET` or `PUT`.
    pub method: &'static str,
    /// The URL, signature included.
    pub url: String,
    /// Headers that must be sent with it.
    pub headers: BTreeMap<String, String>,
}

impl PresignedRequest {
    /// A request with no headers of its own.
    pub fn new(method: &'static str, url: String) -> Self {
        Self { method, url, headers: BTreeMap::new() }
    }
}

impl fmt::Debug for PresignedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PresignedRequest({} …)", self.method)
    }
}

/// Keeps bytes under keys.
///
/// # Cancel safety
/// Dropping a put leaves either the whole object or none; every other verb leaves nothing behind.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait BlobStore: fmt::Debug + Send + Sync + 'static {
    /// What it can do beyond the plain verbs.
    fn capability(&self) -> BlobCapability;

    /// Writes one object; it is visible whole or not at all.
    ///
    /// # Errors
    /// `AlreadyExists` under `create_only`, `Unsupported` if that is asked and not offered; the body's own error;
    /// `Unavailable` if the store fails or is full.
    async fn put(&self, key: &BlobKey, body: BlobBody, options: &PutOptions) -> Result<BlobMeta>;

    /// Reads one object or a part of it. A range that reaches past the end is cut there; one that starts past it is an
    /// error.
    ///
    /// # Errors
    /// `NotFound`; `InvalidInput` for an empty range or one that starts at or after the end.
    async fn get(&self, key: &BlobKey, range: Option<Range<u64>>) -> Result<BlobReader>;

    /// What is known without reading.
    ///
    /// # Errors
    /// `NotFound`.
    async fn head(&self, key: &BlobKey) -> Result<BlobMeta>;

    /// Removes one object. One that is already gone is a success.
    ///
    /// # Errors
    /// `Unavailable` if the store fails.
    async fn delete(&self, key: &BlobKey) -> Result<()>;

    /// Every object below `prefix`, which is whole segments: `a` finds `a/b` and neither `ab` nor an object `a`. In any
    /// order.
    fn list(&self, prefix: &BlobKey) -> BoxStream<Result<BlobMeta>>;

    /// A URL that reads one object for `ttl`.
    ///
    /// # Errors
    /// `Unsupported` unless the capability offers it.
    async fn presign_get(&self, key: &BlobKey, ttl: Duration) -> Result<PresignedRequest>;

    /// A URL that writes one object for `ttl`. It cannot bound the size: the engine checks that afterwards.
    ///
    /// # Errors
    /// `Unsupported` unless the capability offers it.
    async fn presign_put(&self, key: &BlobKey, ttl: Duration, options: &PutOptions) -> Result<PresignedRequest>;
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<T: BlobStore + ?Sized> BlobStore for Arc<T> {
    fn capability(&self) -> BlobCapability {
        (**self).capability()
    }

    async fn put(&self, key: &BlobKey, body: BlobBody, options: &PutOptions) -> Result<BlobMeta> {
        (**self).put(key, body, options).await
    }

    async fn get(&self, key: &BlobKey, range: Option<Range<u64>>) -> Result<BlobReader> {
        (**self).get(key, range).await
    }

    async fn head(&self, key: &BlobKey) -> Result<BlobMeta> {
        (**self).head(key).await
    }

    async fn delete(&self, key: &BlobKey) -> Result<()> {
        (**self).delete(key).await
    }

    fn list(&self, prefix: &BlobKey) -> BoxStream<Result<BlobMeta>> {
        (**self).list(prefix)
    }

    async fn presign_get(&self, key: &BlobKey, ttl: Duration) -> Result<PresignedRequest> {
        (**self).presign_get(key, ttl).await
    }

    async fn presign_put(&self, key: &BlobKey, ttl: Duration, options: &PutOptions) -> Result<PresignedRequest> {
        (**self).presign_put(key, ttl, options).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_leads_out_of_its_root() {
        assert!(BlobKey::new("samples/smp_01/3f.orig").is_ok());
        let long = "a".repeat(513);
        for bad in ["", "/", "a//b", "a/", "/a", "..", "a/../b", "a/./b", ".hidden", "a b", "a%2e", "ä", "a\0", &long]
        {
            assert!(BlobKey::new(bad).is_err(), "{bad:?}");
        }
    }
}
