//! Following a job: the events that have been, then those that come, until the one with which it ended.
//!
//! A change made through the same store wakes the follower at once; a change made by another process is found by
//! looking again every half second or so.
use std::time::Duration;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use rand::RngExt as _;
use tokio::sync::broadcast;
use voiceclone_core::{
    Result,
    audio::BoxStream,
    domain::JobEvent,
    id::{JobId, OwnerId},
};

use super::{SqliteStore, rows, sql};

const POLL: Duration = Duration::from_millis(500);
/// Events read at once.
const BATCH: i64 = 256;

struct Follower {
    store: SqliteStore,
    changes: broadcast::Receiver<JobId>,
    owner: OwnerId,
    job: JobId,
    seen: u64,
}

/// The events of `job` after number `seen`. `changes` must have been subscribed to before the job was looked up.
pub(super) fn events(
    store: SqliteStore,
    changes: broadcast::Receiver<JobId>,
    owner: OwnerId,
    job: JobId,
    seen: u64,
) -> BoxStream<Result<JobEvent>> {
    let follower = Follower { store, changes, owner, job, seen };
    let batches = stream::try_unfold(follower, Follower::next);
    batches.map_ok(|batch| stream::iter(batch).map(Ok)).try_flatten().boxed()
}

impl Follower {
    async fn next(mut self) -> Result<Option<(Vec<JobEvent>, Self)>> {
        loop {
            let batch = self.read().await?;
            if let Some(last) = batch.last() {
                self.seen = last.seq;
                return Ok(Some((batch, self)));
            }
            if !self.may_go_on().await? {
                return Ok(None);
            }
            self.wait().await;
        }
    }

    async fn read(&self) -> Result<Vec<JobEvent>> {
        let statement = sqlx::query(sql::EVENTS)
            .bind(self.job.to_string())
            .bind(self.owner.to_string())
            .bind(rows::count(self.seen))
            .bind(BATCH);
        self.store.read(statement).await?.iter().map(rows::event).collect()
    }

    async fn may_go_on(&self) -> Result<bool> {
        let statement = sqlx::query(sql::MAY_GO_ON)
            .bind(self.job.to_string())
            .bind(self.owner.to_string())
            .bind(rows::count(self.seen));
        Ok(!self.store.read(statement).await?.is_empty())
    }

    /// Until this job changes here, or it is time to look whether it changed elsewhere. The random part keeps many
    /// followers from looking all at once.
    async fn wait(&mut self) {
        let until_poll = POLL.mul_f64(rand::rng().random_range(0.75..1.25));
        let changed = async {
            // Having missed some changes, this one may be among them.
            while self.changes.recv().await.is_ok_and(|job| job != self.job) {}
        };
        let _ = tokio::time::timeout(until_poll, changed).await;
    }
}
