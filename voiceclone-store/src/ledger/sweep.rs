//! Removing what no record names, on any number of machines at once.
use std::{num::NonZeroUsize, time::Duration};

use futures_util::{StreamExt as _, stream};
use tokio::time::Instant;
use voiceclone_core::{
    Error, ErrorKind, Result,
    store::{BlobKey, BlobStore},
};

use super::{Books, CONCURRENCY, LedgerBlobs, at_least_one};

/// Objects that are marked at once: few enough that all are removed while their mark holds.
const BATCH: NonZeroUsize = at_least_one(64);
/// Whoever has not removed what it marked by now never will, and somebody else may.
const STALE: Duration = Duration::from_mins(1);
/// Nothing is begun under a mark that is older, and nothing begun goes on for longer: both together end well before
/// the mark is stale.
const HOLDS: Duration = Duration::from_secs(15);
/// Rows are struck before this, or left to the next sweep.
const STRIKES: Duration = Duration::from_secs(40);

/// What a sweep did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LedgerSwept {
    /// Blobs that are gone now, from the store and from the books.
    pub removed: u64,
}

/// When something was marked for removal, by this machine's clock. Older than the mark itself, so never too late.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark(Instant);

impl Mark {
    /// To be called before the statement that marks.
    pub(super) fn now() -> Self {
        Self(Instant::now())
    }

    /// Removes the object if the mark surely still holds.
    pub(super) async fn remove(self, blobs: &dyn BlobStore, key: &BlobKey) -> Result<()> {
        if self.0.elapsed() > HOLDS {
            let message = "the blob was marked for removal too long ago, try again";
            return Err(Error::new(ErrorKind::Unavailable, message).with("key", key));
        }
        tokio::time::timeout(HOLDS, blobs.delete(key)).await.unwrap_or_else(|_| {
            Err(Error::new(ErrorKind::Timeout, "the blob store does not answer").with("key", key).during("delete"))
        })
    }

    /// Takes out of the books what was removed under the mark. Too late, somebody else may be at it again.
    pub(super) async fn strike(self, books: &dyn Books, removed: &[BlobKey]) -> Result<()> {
        if removed.is_empty() || self.0.elapsed() > STRIKES { Ok(()) } else { books.strike(removed).await }
    }
}

impl LedgerBlobs {
    /// Removes the blobs that have been in the books for `grace` without a record that names them and without an
    /// unfinished job that works with them, those that no record names any more, and those whose removal was begun more
    /// than a minute ago and not finished. To be run every few minutes, on one machine or many.
    ///
    /// `grace` must be longer than the longest upload, the longest validity of a URL for writing included, or attempt;
    /// a day is plenty. Less than a minute is for tests and for stores that nobody else uses: a removal that another
    /// has just begun is then taken for one that was not finished.
    ///
    /// # Errors
    /// `Unavailable` if the database fails, and the store's first error if it fails; what was not removed then stays in
    /// the books for the next sweep.
    pub async fn sweep(&self, grace: Duration) -> Result<LedgerSwept> {
        let mut swept = LedgerSwept::default();
        loop {
            let mark = Mark::now();
            let taken = self.books.take(grace, STALE.min(grace), BATCH).await?;
            let is_last = taken.len() < BATCH.get();
            let (removed, failed) = self.remove_all(taken, mark).await;
            mark.strike(&*self.books, &removed).await?;
            swept.removed += removed.len() as u64;
            match failed {
                Some(error) => return Err(error.during("sweep")),
                None if is_last => return Ok(swept),
                None => {}
            }
        }
    }

    /// Which of them were removed, and the first error if there was one.
    async fn remove_all(&self, taken: Vec<BlobKey>, mark: Mark) -> (Vec<BlobKey>, Option<Error>) {
        let removals =
            stream::iter(taken).map(|key| async move { mark.remove(&*self.inner, &key).await.map(|()| key) });
        let mut outcomes = removals.buffer_unordered(CONCURRENCY);
        let (mut removed, mut failed) = (Vec::new(), None);
        while let Some(outcome) = outcomes.next().await {
            match outcome {
                Ok(key) => removed.push(key),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        (removed, failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use async_trait::async_trait;
    use voiceclone_core::{
        id::JobId,
        memory::MemoryBlobs,
        store::{BlobBody, PutOptions},
    };

    /// Books that mark one blob, after which this process stops for a while.
    #[derive(Debug)]
    struct SlowBooks {
        key: BlobKey,
        stops_for: Duration,
    }

    #[async_trait]
    impl Books for SlowBooks {
        async fn enter(&self, _: &BlobKey, _: Option<JobId>) -> Result<bool> {
            Ok(true)
        }

        async fn condemn(&self, _: &BlobKey) -> Result<()> {
            tokio::time::advance(self.stops_for).await;
            Ok(())
        }

        async fn take(&self, _: Duration, _: Duration, _: NonZeroUsize) -> Result<Vec<BlobKey>> {
            tokio::time::advance(self.stops_for).await;
            Ok(vec![self.key.clone()])
        }

        async fn strike(&self, _: &[BlobKey]) -> Result<()> {
            Ok(())
        }

        async fn adopt(&self, _: &[(BlobKey, Option<JobId>)]) -> Result<usize> {
            Ok(0)
        }

        async fn claim(&self, _: &[BlobKey]) -> Result<usize> {
            Ok(0)
        }

        async fn live_after(&self, _: Option<&BlobKey>, _: NonZeroUsize) -> Result<Vec<BlobKey>> {
            Ok(Vec::new())
        }

        async fn live_among(&self, _: &[BlobKey]) -> Result<Vec<BlobKey>> {
            Ok(Vec::new())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_stopped_for_long_after_marking_removes_nothing() {
        for (stops_for, removes) in [(HOLDS, true), (HOLDS * 2, false)] {
            for by_sweep in [true, false] {
                let key = BlobKey::new("owners/a/1").unwrap();
                let blobs = LedgerBlobs::new(MemoryBlobs::new(), SlowBooks { key: key.clone(), stops_for });
                blobs.put(&key, BlobBody::Bytes("x".into()), &PutOptions::default()).await.unwrap();
                let outcome = if by_sweep {
                    blobs.sweep(Duration::from_hours(1)).await.map(drop)
                } else {
                    blobs.delete(&key).await
                };
                assert_eq!(outcome.is_ok(), removes, "{outcome:?}");
                assert!(outcome.err().is_none_or(|e| e.is_retryable()));
                assert_eq!(blobs.head(&key).await.is_err(), removes, "stopped for {stops_for:?}");
            }
        }
    }
}
