//! Where followers read.
use std::time::Duration;

use voiceclone_core::{
    Result,
    domain::JobEvent,
    id::{JobId, OwnerId},
};

use super::{PostgresStore, rows, sql};
use crate::sql::{follow::Journal, values::count};

impl Journal for PostgresStore {
    async fn read(&self, owner: &OwnerId, job: JobId, seen: u64, limit: i64) -> Result<Vec<JobEvent>> {
        let statement =
            sqlx::query(sql::EVENTS).bind(job.to_string()).bind(owner.as_str()).bind(count(seen)).bind(limit);
        self.run(statement).await?.iter().map(rows::event).collect()
    }

    async fn may_go_on(&self, owner: &OwnerId, job: JobId, seen: u64) -> Result<bool> {
        let statement = sqlx::query(sql::MAY_GO_ON).bind(job.to_string()).bind(owner.as_str()).bind(count(seen));
        Ok(!self.run(statement).await?.is_empty())
    }

    fn patience(&self) -> Duration {
        self.0.poll_interval
    }
}
