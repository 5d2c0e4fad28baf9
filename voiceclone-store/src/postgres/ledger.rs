//! The books of blobs in the table `blobs`.
use std::{num::NonZeroUsize, time::Duration};

use async_trait::async_trait;
use sqlx::postgres::PgRow;
use voiceclone_core::{
    Result,
    id::JobId,
    store::{BlobKey, BlobStore},
};

use super::{PostgresStore, ledger_sql as sql, rows};
use crate::{
    ledger::{Books, LedgerBlobs},
    sql::values::count,
};

impl PostgresStore {
    /// Opens the books of blobs in this database for `blobs`: see [`LedgerBlobs`]. From then on, a record that names a
    /// blob below `owners/` which is not in the books is refused with `Conflict`.
    ///
    /// # Errors
    /// `Unavailable` or `Timeout` if the database fails.
    pub async fn ledger(&self, blobs: impl BlobStore) -> Result<LedgerBlobs> {
        self.run(sqlx::query(sql::OPEN)).await?;
        Ok(LedgerBlobs::new(blobs, self.clone()))
    }
}

#[async_trait]
impl Books for PostgresStore {
    async fn enter(&self, key: &BlobKey, job: Option<JobId>) -> Result<bool> {
        let statement = sqlx::query(sql::ENTER).bind(key.as_str()).bind(job.map(|job| job.to_string()));
        Ok(!self.run(statement).await?.is_empty())
    }

    async fn condemn(&self, key: &BlobKey) -> Result<()> {
        self.run(sqlx::query(sql::CONDEMN).bind(key.as_str())).await.map(drop)
    }

    async fn take(&self, grace: Duration, stale: Duration, limit: NonZeroUsize) -> Result<Vec<BlobKey>> {
        let statement = sqlx::query(sql::TAKE).bind(rows::age(grace)).bind(rows::age(stale)).bind(count(limit.get()));
        keys(&self.run(statement).await?)
    }

    async fn strike(&self, removed: &[BlobKey]) -> Result<()> {
        self.run(sqlx::query(sql::STRIKE).bind(texts(removed))).await.map(drop)
    }

    async fn adopt(&self, found: &[(BlobKey, Option<JobId>)]) -> Result<usize> {
        let (found, jobs): (Vec<_>, Vec<_>) =
            found.iter().map(|(key, job)| (key.as_str(), job.map(|job| job.to_string()))).unzip();
        Ok(self.run(sqlx::query(sql::ADOPT).bind(found).bind(jobs)).await?.len())
    }

    async fn claim(&self, found: &[BlobKey]) -> Result<usize> {
        Ok(self.run(sqlx::query(sql::CLAIM).bind(texts(found))).await?.len())
    }

    async fn live_after(&self, after: Option<&BlobKey>, limit: NonZeroUsize) -> Result<Vec<BlobKey>> {
        let after = after.map(BlobKey::as_str).unwrap_or_default();
        keys(&self.run(sqlx::query(sql::LIVE_AFTER).bind(after).bind(count(limit.get()))).await?)
    }

    async fn live_among(&self, asked: &[BlobKey]) -> Result<Vec<BlobKey>> {
        keys(&self.run(sqlx::query(sql::LIVE_AMONG).bind(texts(asked))).await?)
    }
}

fn texts(keys: &[BlobKey]) -> Vec<&str> {
    keys.iter().map(BlobKey::as_str).collect()
}

fn keys(found: &[PgRow]) -> Result<Vec<BlobKey>> {
    found.iter().map(|row| rows::parse(row, "key")).collect()
}
