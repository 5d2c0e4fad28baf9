//! Where followers read: another process's changes are found by looking again every half second or so.
use std::time::Duration;

use voiceclone_core::{
    Result,
    domain::JobEvent,
    id::{JobId, OwnerId},
};

use super::{SqliteStore, rows, sql};
use crate::sql::{follow::Journal, values::count};

const POLL: Duration = Duration::from_millis(500);

impl Journal for SqliteStore {
    async fn read(&self, owner: &OwnerId, job: JobId, seen: u64, limit: i64) -> Result<Vec<JobEvent>> {
        let statement =
            sqlx::query(sql::EVENTS).bind(job.to_string()).bind(owner.to_string()).bind(count(seen)).bind(limit);
        self.read(statement).await?.iter().map(rows::event).collect()
    }

    async fn may_go_on(&self, owner: &OwnerId, job: JobId, seen: u64) -> Result<bool> {
        let statement = sqlx::query(sql::MAY_GO_ON).bind(job.to_string()).bind(owner.to_string()).bind(count(seen));
        Ok(!self.read(statement).await?.is_empty())
    }

    fn patience(&self) -> Duration {
        POLL
    }
}
