//! Comparing the books with the bucket, object by object.
use std::{num::NonZeroUsize, time::Duration};

use chrono::Utc;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use voiceclone_core::{
    ErrorKind, Result,
    store::{BlobKey, BlobMeta},
};

use super::{CONCURRENCY, LedgerBlobs, ROOT, at_least_one, is_kept, job_of};

/// Objects and rows that are compared at once.
const BATCH: NonZeroUsize = at_least_one(500);
/// Missing objects that are named one by one.
const NAMED: usize = 100;

/// What an audit found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LedgerAudit {
    /// Objects that are old enough to be judged.
    pub objects: u64,
    /// How many of them were not in the books and now are.
    pub adopted: u64,
    /// How many waited in the books although a record named them, and are live now. What was adopted and is named by
    /// no record is removed by a later sweep.
    pub claimed: u64,
    /// Blobs that records name and whose object was asked for.
    pub checked: u64,
    /// How many of them have no object: their bytes are lost.
    pub missing: u64,
    /// Their keys, the first hundred.
    pub missing_keys: Vec<BlobKey>,
}

impl LedgerBlobs {
    /// Compares the books with the bucket. Objects older than `grace` that are not in the books are entered, as live if
    /// a record names them; the others are removed by a [`sweep`](Self::sweep) after another grace, unless somebody
    /// claims them. Then every object that a record names is asked for, and those that are missing are reported and
    /// logged. To be run once a week, and before the first sweep of a bucket that was in use without books.
    ///
    /// It lists all objects below `owners/` and asks for all that are live: a request for each thousand and one for
    /// each, on S3. Its memory is bounded.
    ///
    /// # Errors
    /// `Unavailable` if the database or the store fails; what was entered until then stays entered.
    pub async fn audit(&self, grace: Duration) -> Result<LedgerAudit> {
        let mut audit = LedgerAudit::default();
        self.enter_all(grace, &mut audit).await.map_err(|e| e.during("audit"))?;
        self.look_for_all(&mut audit).await.map_err(|e| e.during("audit"))?;
        if audit.missing > 0 {
            tracing::error!(missing = audit.missing, "blobs that records name are missing from the blob store");
        }
        Ok(audit)
    }

    async fn enter_all(&self, grace: Duration, audit: &mut LedgerAudit) -> Result<()> {
        let is_old = move |blob: &BlobMeta| (Utc::now() - blob.modified).to_std().unwrap_or_default() >= grace;
        let old = self.inner.list(&BlobKey::new(ROOT)?).try_filter(move |blob| std::future::ready(is_old(blob)));
        let mut batches = old.map_ok(|blob| blob.key).try_chunks(BATCH.get());
        while let Some(batch) = batches.try_next().await.map_err(|e| e.1)? {
            let keys: Vec<BlobKey> = batch.into_iter().filter(is_kept).collect();
            let found: Vec<_> = keys.iter().map(|key| (key.clone(), job_of(key))).collect();
            audit.objects += keys.len() as u64;
            audit.adopted += self.books.adopt(&found).await? as u64;
            audit.claimed += self.books.claim(&keys).await? as u64;
        }
        Ok(())
    }

    async fn look_for_all(&self, audit: &mut LedgerAudit) -> Result<()> {
        let mut after = None;
        loop {
            let live = self.books.live_after(after.as_ref(), BATCH).await?;
            audit.checked += live.len() as u64;
            let missing = self.missing_among(&live).await?;
            audit.missing += missing.len() as u64;
            for key in missing.into_iter().take(NAMED.saturating_sub(audit.missing_keys.len())) {
                tracing::error!(%key, "a blob that a record names is missing from the blob store");
                audit.missing_keys.push(key);
            }
            if live.len() < BATCH.get() {
                return Ok(());
            }
            after = live.last().cloned();
        }
    }

    /// Those that have no object although they are live, also after it was looked for: they may have been removed in
    /// the meantime.
    async fn missing_among(&self, live: &[BlobKey]) -> Result<Vec<BlobKey>> {
        let looks = stream::iter(live.to_vec()).map(|key| async move {
            match self.inner.head(&key).await {
                Ok(_) => Ok(None),
                Err(e) if e.kind() == ErrorKind::NotFound => Ok(Some(key)),
                Err(e) => Err(e),
            }
        });
        let looks = looks.buffer_unordered(CONCURRENCY).try_filter_map(|missing| std::future::ready(Ok(missing)));
        let missing: Vec<BlobKey> = looks.try_collect().await?;
        if missing.is_empty() { Ok(missing) } else { self.books.live_among(&missing).await }
    }
}
