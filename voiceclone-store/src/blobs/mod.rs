//! Blobs in any store that the `object_store` crate reaches. Knows keys and bytes, not what they mean.
mod builder;
#[cfg(feature = "_http")]
mod cloud;
mod credentials;
#[cfg(feature = "fs")]
mod leftovers;
mod place;
mod presign;
mod read;
mod upload;

use std::{fmt, ops::Range, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::StreamExt as _;
use object_store::{
    Attribute, Attributes, GetOptions, ObjectMeta, ObjectStore, ObjectStoreExt as _, PutMode, path::Path,
};
use tokio_util::task::TaskTracker;
use voiceclone_core::{
    Error, ErrorKind, Result,
    audio::BoxStream,
    store::{BlobBody, BlobCapability, BlobKey, BlobMeta, BlobReader, BlobStore, PresignedRequest, PutOptions},
};

use self::presign::Sign;
pub use self::{builder::ObjectBlobStoreBuilder, credentials::Credentials};
use crate::error;

/// A [`BlobStore`] over any [`ObjectStore`]. Cheap to clone.
///
/// A body that fits into one part of 8 MiB is written with one call, a longer one in parts of that size, one after the
/// other, so a put holds no more than one part in memory whatever its length. A body may have 10 000 parts, which is
/// 78 GiB; a longer one is refused when it gets there. A read that breaks off is resumed or fails: it never ends early.
///
/// # Cancel safety
/// A put that is dropped stops reading its body and takes back what it wrote, on a task of this store:
/// [`close`](Self::close) waits for it.
#[derive(Clone)]
pub struct ObjectBlobStore {
    store: Arc<dyn ObjectStore>,
    offers: Offers,
    bucket: Option<Bucket>,
    cut: upload::Cut,
    uploads: TaskTracker,
}

/// What is known of a bucket besides its objects.
#[derive(Clone)]
struct Bucket {
    name: Arc<str>,
    prefix: Option<BlobKey>,
    signer: Arc<dyn Sign>,
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
        let (offers, cut, uploads) = (Offers::default(), upload::Cut::default(), TaskTracker::new());
        Self { store, offers, bucket: None, cut, uploads }
    }

    /// Blobs at a URL such as `s3://bucket/prefix`, with what the environment says of it. What URLs there are and what
    /// may be set is told at [`ObjectBlobStoreBuilder`].
    ///
    /// # Errors
    /// `Config` for a URL that is none of these, or whose feature is off; as [`ObjectBlobStoreBuilder::build`].
    pub async fn from_url(url: &str) -> Result<Self> {
        Self::builder(url)?.build().await
    }

    /// Blobs at a URL such as `s3://bucket/prefix`, with what will be set.
    ///
    /// # Errors
    /// `Config` for a URL that is none of these. It is not repeated in the error.
    pub fn builder(url: &str) -> Result<ObjectBlobStoreBuilder> {
        ObjectBlobStoreBuilder::new(url)
    }

    #[cfg(feature = "_http")]
    fn of_bucket(store: Arc<dyn ObjectStore>, name: &str, prefix: Option<BlobKey>, signer: Arc<dyn Sign>) -> Self {
        let bucket = Some(Bucket { name: name.into(), prefix, signer });
        Self { bucket, ..Self::new(store).with_media_types() }
    }

    /// States that `store` honours `PutMode::Create` and `CopyMode::Create` atomically. Many servers that speak S3
    /// accept such a put and let more than one of several racing writers win; only state what was tried. S3 itself does
    /// honour them. A body of several parts is then staged below `.staging/` and copied from there, and S3 keeps no media
    /// type with such a copy.
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

    /// Blobs as files below `dir`, which is made if it is missing and must hold nothing else. Refuses to replace when
    /// asked, keeps no media types.
    ///
    /// Each file is written under a temporary name, flushed with `fsync` together with its directories, and then
    /// renamed: what was acknowledged survives a killed process and a power cut, and nobody sees half a blob. A delete
    /// survives a killed process, but is not flushed. Temporary files (`name#1`) older than a day, which only a killed
    /// process leaves, are removed here. Directories that became empty stay.
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

    /// Every key is a path as it stands: its characters need no escape and its segments are no dots.
    fn path(&self, key: &str) -> Path {
        match self.prefix() {
            Some(prefix) => Path::from(format!("{prefix}/{key}")),
            None => Path::from(key),
        }
    }

    fn prefix(&self) -> Option<&BlobKey> {
        self.bucket.as_ref().and_then(|bucket| bucket.prefix.as_ref())
    }

    fn failed(&self, e: &object_store::Error, key: &str) -> Error {
        let failed = error::object(e, key);
        self.bucket.iter().fold(failed, |failed, bucket| failed.with("bucket", &bucket.name))
    }

    fn may_create_only(&self, key: &BlobKey, options: &PutOptions) -> Result<()> {
        if options.create_only && !self.offers.create_only {
            return Err(Error::unsupported("this blob store cannot refuse to replace").with("key", key));
        }
        Ok(())
    }

    fn signer(&self) -> Result<&Arc<dyn Sign>> {
        let signer = self.bucket.as_ref().map(|bucket| &bucket.signer);
        signer.ok_or_else(|| Error::unsupported("this blob store makes no URLs"))
    }

    /// An object whose name cannot be a key was not written by us and is not ours to report.
    fn listed(&self, object: &ObjectMeta) -> Option<BlobMeta> {
        let below =
            |path: &str, prefix: &BlobKey| path.strip_prefix(prefix.as_str())?.strip_prefix('/').map(str::to_owned);
        let path = object.location.as_ref();
        let path = self.prefix().map_or_else(|| Some(path.to_owned()), |prefix| below(path, prefix))?;
        let Ok(key) = BlobKey::new(path) else {
            tracing::warn!(object = %object.location, "a foreign object lies among the blobs; it is left alone");
            return None;
        };
        Some(meta(key, object))
    }

    fn attributes(&self, options: &PutOptions) -> Attributes {
        let kept = options.media_type.clone().filter(|_| self.offers.media_type);
        kept.map(|media_type| (Attribute::ContentType, media_type)).into_iter().collect()
    }

    /// Why a read failed: a range that lies outside is told apart by asking for the size, since stores answer it in
    /// many ways.
    async fn explain(&self, error: object_store::Error, key: &BlobKey, range: Option<Range<u64>>) -> Error {
        let failed = self.failed(&error, key.as_str());
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
        write!(f, "ObjectBlobStore({}", self.store)?;
        if let Some(prefix) = self.prefix() {
            write!(f, " below {prefix}")?;
        }
        write!(f, ", {:?})", self.offers)
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl BlobStore for ObjectBlobStore {
    fn capability(&self) -> BlobCapability {
        BlobCapability::with(|c| {
            c.create_only = self.offers.create_only;
            c.presign_get = self.bucket.is_some();
            c.presign_put = self.bucket.is_some();
        })
    }

    async fn put(&self, key: &BlobKey, body: BlobBody, options: &PutOptions) -> Result<BlobMeta> {
        self.may_create_only(key, options)?;
        let mode = if options.create_only { PutMode::Create } else { PutMode::Overwrite };
        upload::put(self, key, body, mode, self.attributes(options)).await.map_err(|e| e.during("put"))?;
        self.head(key).await
    }

    async fn get(&self, key: &BlobKey, range: Option<Range<u64>>) -> Result<BlobReader> {
        let options = GetOptions { range: range.as_ref().map(read::as_asked), ..GetOptions::default() };
        let found = match self.store.get_opts(&self.path(key.as_str()), options).await {
            Ok(found) => found,
            Err(error) => return Err(self.explain(error, key, range).await.during("get")),
        };
        let (meta, range) = (meta(key.clone(), &found.meta), found.range.clone());
        let (this, key) = (self.clone(), key.clone());
        let chunks =
            found.into_stream().map(move |chunk| chunk.map_err(|e| this.failed(&e, key.as_str()).during("get")));
        let chunks = read::whole(chunks.boxed(), range.end.saturating_sub(range.start));
        Ok(BlobReader { meta, range, chunks })
    }

    async fn head(&self, key: &BlobKey) -> Result<BlobMeta> {
        let found = self.store.head(&self.path(key.as_str())).await;
        found.map(|found| meta(key.clone(), &found)).map_err(|e| self.failed(&e, key.as_str()).during("head"))
    }

    async fn delete(&self, key: &BlobKey) -> Result<()> {
        let Err(error) = self.store.delete(&self.path(key.as_str())).await else { return Ok(()) };
        let failed = self.failed(&error, key.as_str());
        if failed.kind() == ErrorKind::NotFound { Ok(()) } else { Err(failed.during("delete")) }
    }

    fn list(&self, prefix: &BlobKey) -> BoxStream<Result<BlobMeta>> {
        let below = format!("{prefix}/");
        let found = self.store.list(Some(&self.path(prefix.as_str())));
        let this = self.clone();
        let ours = found.filter_map(move |found| {
            let listed = match found {
                Ok(object) => this.listed(&object).filter(|meta| meta.key.as_str().starts_with(&below)).map(Ok),
                Err(e) => Some(Err(this.failed(&e, &below).during("list"))),
            };
            std::future::ready(listed)
        });
        ours.boxed()
    }

    async fn presign_get(&self, key: &BlobKey, ttl: Duration) -> Result<PresignedRequest> {
        let failed = |e| self.failed(&e, key.as_str()).during("presign_get");
        presign::get(self.signer()?, &self.path(key.as_str()), ttl, failed).await
    }

    async fn presign_put(&self, key: &BlobKey, ttl: Duration, options: &PutOptions) -> Result<PresignedRequest> {
        let signer = self.signer()?;
        self.may_create_only(key, options)?;
        let failed = |e| self.failed(&e, key.as_str()).during("presign_put");
        presign::put(signer, &self.path(key.as_str()), ttl, options, failed).await
    }
}

fn meta(key: BlobKey, found: &ObjectMeta) -> BlobMeta {
    BlobMeta::new(key, found.size, found.last_modified)
}
