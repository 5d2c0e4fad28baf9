//! What the books ask of the database that keeps them. Each verb is one statement.
use std::{fmt::Debug, num::NonZeroUsize, time::Duration};

use async_trait::async_trait;
use voiceclone_core::{Result, id::JobId, store::BlobKey};

/// One row for each blob: pending until a record names it, live while one does, deleting when none does any more. The
/// statements that write records move the rows; these are the other moves.
#[async_trait]
pub(crate) trait Books: Debug + Send + Sync + 'static {
    /// Makes a pending row or refreshes it; a live one stays live. False: it is being removed, and nothing was done.
    async fn enter(&self, key: &BlobKey, job: Option<JobId>) -> Result<bool>;

    /// Marks it for removal, whether or not it is in the books.
    async fn condemn(&self, key: &BlobKey) -> Result<()>;

    /// Marks up to `limit` for removal that nobody claimed for `grace` and no unfinished job works with, and marks anew
    /// those whose mark is older than `stale`, which somebody did not come to remove.
    async fn take(&self, grace: Duration, stale: Duration, limit: NonZeroUsize) -> Result<Vec<BlobKey>>;

    /// Takes those that are marked out of the books.
    async fn strike(&self, removed: &[BlobKey]) -> Result<()>;

    /// Makes pending rows of those that have none; how many had none.
    async fn adopt(&self, found: &[(BlobKey, Option<JobId>)]) -> Result<usize>;

    /// Makes those live that are pending and named by a record; how many.
    async fn claim(&self, found: &[BlobKey]) -> Result<usize>;

    /// The live ones, by key.
    async fn live_after(&self, after: Option<&BlobKey>, limit: NonZeroUsize) -> Result<Vec<BlobKey>>;

    /// Which of these are live now.
    async fn live_among(&self, asked: &[BlobKey]) -> Result<Vec<BlobKey>>;
}
