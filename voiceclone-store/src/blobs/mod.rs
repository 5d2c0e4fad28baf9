//! Blobs in any store that the `object_store` crate reaches. Knows keys and bytes, not what they mean.
#[cfg(feature = "fs")]
mod leftovers;
mod upload;

use std::{fmt, ops::Range, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::StreamExt as _;
use object_store::{
    Attribute, Attributes, GetOptions, GetRange, ObjectMeta, ObjectStore, ObjectStoreExt as _, PutMode, path::Path,
};
use tokio_util::task::TaskTracker;
use voiceclone_core::{
    Error, ErrorKind, Result,
    audio::BoxStream,
    store::{BlobBody, BlobCapability, BlobKey, BlobMeta, BlobReader, BlobStore, PresignedRequest, PutOptions},
};

use crate::error;

/// A [`BlobStore`] over any [`ObjectStore`]. Cheap to clone.
///
/// A body that fits into one part of 8 MiB is written with one call, a longer one in parts of that size, one after the
/// other, so a put holds no more than one part in memory whatever its length.
///
/// # Cancel safety
/// A put that is dropped stops reading its body and takes back what it wrote, on a task of this store:
/// [`close`](Self::close) waits for it.
#[derive(Clone)]
pub struct ObjectBlobStore {
    store: Arc<dyn ObjectStore>,
    offers: Offers,
    uploads: TaskTracker,
}

/// What an object store can do, which its trait does not tell.
#[derive(Debug, Clone, Copy, Default)]
struct Offers {
    create_only: bool,
    media_type: bool,
}

impl ObjectBlobStore {
    /// Blobs in `store`, of which nothing is presumed beyond the plain verbs.
    pub fn new(store: Arc<dyn ObjectStore>) -> Self {
        Self { store, offers: Offers::default(), uploads: TaskTracker::new() }
    }

    /// States that `store` honours `PutMode::Create` and `CopyMode::Create` atomically. Many servers that speak S3 accept
    /// such a put and let more than one of several racing writers win; only state what was tried.
    #[must_use]
    pub fn with_create_only(mut self) -> Self {
        self.offers.create_only = true;
        self
    }

    /// States that `store` keeps a media type with each object. A store that does not refuses to be given one, so it is
    /// left out unless this was said.
    #[must_use]
    pub fn with_media_types(mut self) -> Self {
        self.offers.media_type = true;
        self
    }

    /// Blobs as files below `dir`, which is made if it is missing. Refuses to replace when asked, keeps no media types.
    ///
    /// Each file is written under a temporary name, flushed with `fsync` together with its directories, and then renamed,
    /// so what was acknowledged survives a killed process and a power cut, and nobody sees half a blob. Temporary files
    /// older than a day, which only a killed process leaves, are removed here. Directories that became empty stay.
    ///
    /// # Errors
    /// `Config` if the directory cannot be made or read.
    #[cfg(feature = "fs")]
    pub async fn filesystem(dir: impl AsRef<std::path::Path>) -> Result<Self> {
        let dir = dir.as_ref().to_owned();
        let opened = tokio::task::spawn_blocking(move || {
            std::fs::create_dir_all(&dir)?;
            leftovers::remove(&dir, leftovers::ABANDONED_AFTER);
            let files = object_store::local::LocalFileSystem::new_with_prefix(&dir).map_err(std::io::Error::other)?;
            Ok::<_, std::io::Error>(files.with_fsync(true))
        });
        let opened = opened.await.unwrap_or_else(|join| Err(std::io::Error::other(join)));
        let cannot = |e| Error::new(ErrorKind::Config, "the blob directory cannot be made or opened").with_source(e);
        Ok(Self::new(Arc::new(opened.map_err(cannot)?)).with_create_only())
    }

    /// Waits until puts that were dropped have taken back what they wrote. For an orderly shutdown.
    ///
    /// # Cancel safety
    /// Dropping it stops waiting only.
    pub async fn close(&self) {
        self.uploads.close();
        self.uploads.wait().await;
    }

    fn attributes(&self, options: &PutOptions) -> Attributes {
        let kept = options.media_type.clone().filter(|_| self.offers.media_type);
        kept.map(|media_type| (Attribute::ContentType, media_type)).into_iter().collect()
    }

    /// Why a read failed: a range that lies outside is told apart by asking for the size, since stores answer it in many
    /// ways.
    async fn explain(&self, error: object_store::Error, key: &BlobKey, range: Option<Range<u64>>) -> Error {
        let failed = error::object(&error, key.as_str());
        let Some(range) = range.filter(|_| failed.kind() != ErrorKind::NotFound) else { return failed };
        match self.head(key).await {
            Err(missing) => missing,
            Ok(meta) if range.is_empty() || range.start >= meta.size => Error::invalid(format!(
                "the range {}..{} holds none of the blob's {} bytes",
                range.start, range.end, meta.size
            )),
            Ok(_) => failed,
        }
    }
}

impl fmt::Debug for ObjectBlobStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ObjectBlobStore({}, {:?})", self.store, self.offers)
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl BlobStore for ObjectBlobStore {
    fn capability(&self) -> BlobCapability {
        BlobCapability::with(|c| c.create_only = self.offers.create_only)
    }

    async fn put(&self, key: &BlobKey, body: BlobBody, options: &PutOptions) -> Result<BlobMeta> {
        if options.create_only && !self.offers.create_only {
            return Err(Error::unsupported("this blob store cannot refuse to replace").with("key", key));
        }
        let mode = if options.create_only { PutMode::Create } else { PutMode::Overwrite };
        upload::put(self, key, body, mode, self.attributes(options)).await.map_err(|e| e.during("put"))?;
        self.head(key).await
    }

    async fn get(&self, key: &BlobKey, range: Option<Range<u64>>) -> Result<BlobReader> {
        let options = GetOptions { range: range.clone().map(GetRange::Bounded), ..GetOptions::default() };
        let found = match self.store.get_opts(&path(key), options).await {
            Ok(found) => found,
            Err(error) => return Err(self.explain(error, key, range).await.during("get")),
        };
        let (meta, range) = (meta(key.clone(), &found.meta), found.range.clone());
        let key = key.clone();
        let chunks =
            found.into_stream().map(move |chunk| chunk.map_err(|e| error::object(&e, key.as_str()).during("get")));
        Ok(BlobReader { meta, range, chunks: chunks.boxed() })
    }

    async fn head(&self, key: &BlobKey) -> Result<BlobMeta> {
        let found = self.store.head(&path(key)).await;
        found.map(|found| meta(key.clone(), &found)).map_err(|e| error::object(&e, key.as_str()).during("head"))
    }

    async fn delete(&self, key: &BlobKey) -> Result<()> {
        match self.store.delete(&path(key)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(e) => Err(error::object(&e, key.as_str()).during("delete")),
        }
    }

    fn list(&self, prefix: &BlobKey) -> BoxStream<Result<BlobMeta>> {
        let below = format!("{prefix}/");
        let found = self.store.list(Some(&path(prefix)));
        let ours = found.filter_map(move |found| {
            let listed = match found {
                Ok(object) if object.location.as_ref().starts_with(&below) => listed(&object),
                Ok(_) => None,
                Err(e) => Some(Err(error::object(&e, &below).during("list"))),
            };
            std::future::ready(listed)
        });
        ours.boxed()
    }

    async fn presign_get(&self, _: &BlobKey, _: Duration) -> Result<PresignedRequest> {
        Err(no_urls())
    }

    async fn presign_put(&self, _: &BlobKey, _: Duration, _: &PutOptions) -> Result<PresignedRequest> {
        Err(no_urls())
    }
}

fn no_urls() -> Error {
    Error::unsupported("this blob store makes no URLs")
}

/// Every key is a path as it stands: its characters need no escape and its segments are no dots.
fn path(key: &BlobKey) -> Path {
    Path::from(key.as_str())
}

fn meta(key: BlobKey, found: &ObjectMeta) -> BlobMeta {
    BlobMeta::new(key, found.size, found.last_modified)
}

/// An object whose name cannot be a key was not written by us and is not ours to report.
fn listed(object: &ObjectMeta) -> Option<Result<BlobMeta>> {
    let Ok(key) = BlobKey::new(&object.location) else {
        tracing::warn!(object = %object.location, "a foreign object lies among the blobs; it is left alone");
        return None;
    };
    Some(Ok(meta(key, object)))
}
