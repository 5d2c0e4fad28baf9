//! Books of blobs: one row of the database for each object, so that neither outlives the other.
mod audit;
mod books;
mod sweep;

use std::{num::NonZeroUsize, ops::Range, sync::Arc, time::Duration};

use async_trait::async_trait;
use voiceclone_core::{
    Error, ErrorKind, Result,
    audio::BoxStream,
    id::JobId,
    store::{BlobBody, BlobCapability, BlobKey, BlobMeta, BlobReader, BlobStore, PresignedRequest, PutOptions},
};

pub use audit::LedgerAudit;
pub(crate) use books::Books;
pub use sweep::LedgerSwept;
use sweep::Mark;

/// What the books reach: all that the engine keeps of its owners, and not its speech cache, which looks after itself.
const ROOT: &str = "owners";
/// Objects that are worked on at once.
const CONCURRENCY: usize = 16;

const fn at_least_one(n: usize) -> NonZeroUsize {
    match NonZeroUsize::new(n) {
        Some(n) => n,
        None => NonZeroUsize::MIN,
    }
}

/// A [`BlobStore`] that keeps books of another one in the database of the records: `SqliteStore::ledger` or
/// `PostgresStore::ledger` makes it. Cheap to clone.
///
/// Every object below `owners/` has a row there. It is written *before* the object, as `pending`; the very statement
/// that writes a record which names the object makes it `live`; the very statement after which no record names it any
/// more makes it `deleting`. Other keys pass through. So [`sweep`](Self::sweep) finds what was left behind by asking the
/// database, without listing a bucket, and [`audit`](Self::audit) finds the rest.
///
/// # Why the row and not the object
/// Something must decide whether bytes belong to a record, and only one place can: the database, which changes the
/// record and the row together. A conditional put is no such place. It cannot know of the record, and many servers that
/// speak S3 accept it and let several of its racing writers win. Here keys are unique to an attempt, nobody asks an
/// object whether it may be used, and a record that names a blob which is being removed, or is not in the books, is
/// refused with `Conflict`.
///
/// # What a crash leaves
///
/// | crash | object | row | what becomes of it |
/// | --- | --- | --- | --- |
/// | before the row is written | none | none | nothing |
/// | after the row, before the object | none | pending | the sweep removes the row after its grace |
/// | after the object, before the record | there | pending | the sweep removes both after its grace; while a job that its key names is queued or running they stay, so that another attempt finds its segments |
/// | after the record | there | live | they stay |
/// | after the record no longer names it | there | deleting | the sweep removes both |
/// | within a delete, after the mark | there or none | deleting | the sweep removes both |
/// | within a delete, after the object | none | deleting | the sweep removes the row |
/// | of a process whose put is on its way, and is carried out after others removed the blob | there | none | the audit enters it, the sweep after it removes it |
/// | within a sweep | there or none | deleting | the next sweep removes both |
///
/// A process that stopped for minutes between a mark and its work does not do that work: others have done it.
///
/// # Switching it on for a bucket that is in use
/// Stop the processes that write without books, or accept that their uploads are refused from the moment on in which
/// `ledger` is first called. Then run [`audit`](Self::audit) once: it enters every object, as live where a record names
/// it. From then on every process must write through the books. To switch it off again, empty the tables `blob_ledger`
/// and `blobs`.
///
/// ```
/// # #[cfg(all(feature = "fs", feature = "sqlite"))]
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// use std::time::Duration;
/// use voiceclone_core::store::{BlobBody, BlobKey, BlobStore as _, PutOptions};
/// use voiceclone_store::{ObjectBlobStore, SqliteStore};
///
/// let home = tempfile::tempdir().unwrap();
/// let store = SqliteStore::open(home.path().join("voiceclone.db")).await?;
/// let blobs = store.ledger(ObjectBlobStore::filesystem(home.path().join("blobs")).await?).await?;
///
/// let key = BlobKey::new("owners/3f/samples/smp_1/original")?;
/// blobs.put(&key, BlobBody::Bytes("RIFF…".into()), &PutOptions::default()).await?;
/// // No record came to name it within a day, or would have.
/// assert_eq!(blobs.sweep(Duration::from_hours(24)).await?.removed, 0);
/// assert_eq!(blobs.sweep(Duration::ZERO).await?.removed, 1);
/// # Ok::<(), voiceclone_core::Error>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Cancel safety
/// Any call that is dropped leaves what a crash leaves.
#[derive(Debug, Clone)]
pub struct LedgerBlobs {
    inner: Arc<dyn BlobStore>,
    books: Arc<dyn Books>,
}

impl LedgerBlobs {
    pub(crate) fn new(inner: impl BlobStore, books: impl Books) -> Self {
        Self { inner: Arc::new(inner), books: Arc::new(books) }
    }

    async fn enter(&self, key: &BlobKey) -> Result<()> {
        if !is_kept(key) || self.books.enter(key, job_of(key)).await? {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Unavailable, "the blob under this key is being removed, try again").with("key", key))
    }
}

fn is_kept(key: &BlobKey) -> bool {
    key.as_str().split_once('/').is_some_and(|(root, _)| root == ROOT)
}

/// The job in whose folder it is, or whose name it has.
fn job_of(key: &BlobKey) -> Option<JobId> {
    key.as_str().split('/').find_map(|segment| segment.split('.').next()?.parse().ok())
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl BlobStore for LedgerBlobs {
    fn capability(&self) -> BlobCapability {
        self.inner.capability()
    }

    async fn put(&self, key: &BlobKey, body: BlobBody, options: &PutOptions) -> Result<BlobMeta> {
        self.enter(key).await.map_err(|e| e.during("put"))?;
        let put = self.inner.put(key, body, options).await;
        // Others may have removed the blob with its row while the put was on its way. What it wrote, or may have written
        // if it failed, has a row again, so that a sweep finds it. If it is being removed just now, its row is there, and
        // no record may name it.
        let entered = if is_kept(key) { self.books.enter(key, job_of(key)).await.map(drop) } else { Ok(()) };
        let put = put?;
        entered.map(|()| put).map_err(|e| e.during("put"))
    }

    async fn get(&self, key: &BlobKey, range: Option<Range<u64>>) -> Result<BlobReader> {
        self.inner.get(key, range).await
    }

    async fn head(&self, key: &BlobKey) -> Result<BlobMeta> {
        self.inner.head(key).await
    }

    async fn delete(&self, key: &BlobKey) -> Result<()> {
        if !is_kept(key) {
            return self.inner.delete(key).await;
        }
        let mark = Mark::now();
        self.books.condemn(key).await.map_err(|e| e.during("delete"))?;
        mark.remove(&*self.inner, key).await?;
        mark.strike(&*self.books, std::slice::from_ref(key)).await.map_err(|e| e.during("delete"))
    }

    fn list(&self, prefix: &BlobKey) -> BoxStream<Result<BlobMeta>> {
        self.inner.list(prefix)
    }

    async fn presign_get(&self, key: &BlobKey, ttl: Duration) -> Result<PresignedRequest> {
        self.inner.presign_get(key, ttl).await
    }

    async fn presign_put(&self, key: &BlobKey, ttl: Duration, options: &PutOptions) -> Result<PresignedRequest> {
        self.enter(key).await.map_err(|e| e.during("presign_put"))?;
        self.inner.presign_put(key, ttl, options).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(key: &str) -> BlobKey {
        BlobKey::new(key).unwrap()
    }

    #[test]
    fn a_job_is_found_in_the_key_of_whatever_it_works_with() {
        let job = JobId::new();
        for name in ["segment-3f", "lea_1.wav", "segment-3f.warnings"] {
            assert_eq!(job_of(&key(&format!("owners/3f/jobs/{job}/{name}"))), Some(job), "{name}");
        }
        assert_eq!(job_of(&key(&format!("owners/3f/{job}.wav"))), Some(job));
        for other in ["owners/3f/samples/smp_1/original-3f", "owners/3f/jobs/job_1/x", "owners/3f/job_"] {
            assert_eq!(job_of(&key(other)), None, "{other}");
        }
    }

    #[test]
    fn only_what_is_below_owners_is_kept_in_the_books() {
        assert!(is_kept(&key("owners/3f")));
        for other in ["owners", "ownersx/3f", "speech-cache/owners/3f", "samples/original"] {
            assert!(!is_kept(&key(other)), "{other}");
        }
    }
}
