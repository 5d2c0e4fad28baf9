//! The books of blobs in the table `blobs`.
use std::{num::NonZeroUsize, time::Duration};

use async_trait::async_trait;
use sqlx::sqlite::SqliteRow;
use voiceclone_core::{
    Result,
    id::JobId,
    store::{BlobKey, BlobStore},
};

use super::{SqliteStore, ledger_sql as sql, rows};
use crate::{
    ledger::{Books, LedgerBlobs},
    sql::values::{count, to_json},
};

impl SqliteStore {
    /// Opens the books of blobs in this database for `blobs`: see [`LedgerBlobs`]. From then on, a record that names a
    /// blob below `owners/` which is not in the books is refused with `Conflict`.
    ///
    /// # Errors
    /// `Unavailable` if the database fails.
    pub async fn ledger(&self, blobs: impl BlobStore) -> Result<LedgerBlobs> {
        self.write(sqlx::query(sql::OPEN)).await?;
        Ok(LedgerBlobs::new(blobs, self.clone()))
    }
}

#[async_trait]
impl Books for SqliteStore {
    async fn enter(&self, key: &BlobKey, job: Option<JobId>) -> Result<bool> {
        let statement = sqlx::query(sql::ENTER).bind(key.to_string()).bind(job.map(|job| job.to_string()));
        Ok(!self.write(statement).await?.is_empty())
    }

    async fn condemn(&self, key: &BlobKey) -> Result<()> {
        self.write(sqlx::query(sql::CONDEMN).bind(key.to_string())).await.map(drop)
    }

    async fn take(&self, grace: Duration, stale: Duration, limit: NonZeroUsize) -> Result<Vec<BlobKey>> {
        let statement =
            sqlx::query(sql::TAKE).bind(rows::millis(grace)).bind(rows::millis(stale)).bind(count(limit.get()));
        keys(&self.write(statement).await?)
    }

    async fn strike(&self, removed: &[BlobKey]) -> Result<()> {
        self.write(sqlx::query(sql::STRIKE).bind(to_json(removed)?)).await.map(drop)
    }

    async fn adopt(&self, found: &[(BlobKey, Option<JobId>)]) -> Result<usize> {
        Ok(self.write(sqlx::query(sql::ADOPT).bind(to_json(found)?)).await?.len())
    }

    async fn claim(&self, found: &[BlobKey]) -> Result<usize> {
        Ok(self.write(sqlx::query(sql::CLAIM).bind(to_json(found)?)).await?.len())
    }

    async fn live_after(&self, after: Option<&BlobKey>, limit: NonZeroUsize) -> Result<Vec<BlobKey>> {
        let after = after.map(ToString::to_string).unwrap_or_default();
        let statement = sqlx::query(sql::LIVE_AFTER).bind(after).bind(count(limit.get()));
        keys(&self.read(statement).await?)
    }

    async fn live_among(&self, asked: &[BlobKey]) -> Result<Vec<BlobKey>> {
        keys(&self.read(sqlx::query(sql::LIVE_AMONG).bind(to_json(asked)?)).await?)
    }
}

fn keys(found: &[SqliteRow]) -> Result<Vec<BlobKey>> {
    found.iter().map(|row| rows::parse(row, "key")).collect()
}
