//! Following a job: the events that have been, then those that come, until the one with which it ended.
//!
//! A change that the store hears of wakes the follower at once; what it does not hear of is found by looking again from
//! time to time.
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

/// Events read at once.
const BATCH: i64 = 256;
/// Changes that a slow follower may fall behind before it has to look for itself.
const CHANGES: usize = 1024;

/// A job that changed; `None` if any may have.
pub(crate) type Change = Option<JobId>;

pub(crate) fn changes() -> broadcast::Sender<Change> {
    broadcast::Sender::new(CHANGES)
}

/// Where events are read.
pub(crate) trait Journal: Send + Sync + 'static {
    /// Up to `limit` events after number `seen`, in their order.
    fn read(
        &self,
        owner: &OwnerId,
        job: JobId,
        seen: u64,
        limit: i64,
    ) -> impl Future<Output = Result<Vec<JobEvent>>> + Send;

    /// Whether events after `seen` may come, or are there by now.
    fn may_go_on(&self, owner: &OwnerId, job: JobId, seen: u64) -> impl Future<Output = Result<bool>> + Send;

    /// How long a follower waits before it looks again.
    fn patience(&self) -> Duration;
}

struct Follower<J> {
    journal: J,
    changes: broadcast::Receiver<Change>,
    owner: OwnerId,
    job: JobId,
    seen: u64,
}

/// The events of `job` after number `seen`. `changes` must have been subscribed to before the job was looked up.
pub(crate) fn events<J: Journal>(
    journal: J,
    changes: broadcast::Receiver<Change>,
    owner: OwnerId,
    job: JobId,
    seen: u64,
) -> BoxStream<Result<JobEvent>> {
    let follower = Follower { journal, changes, owner, job, seen };
    let batches = stream::try_unfold(follower, Follower::next);
    batches.map_ok(|batch| stream::iter(batch).map(Ok)).try_flatten().boxed()
}

impl<J: Journal> Follower<J> {
    async fn next(mut self) -> Result<Option<(Vec<JobEvent>, Self)>> {
        loop {
            let batch = self.journal.read(&self.owner, self.job, self.seen, BATCH).await?;
            if let Some(last) = batch.last() {
                self.seen = last.seq;
                return Ok(Some((batch, self)));
            }
            if !self.journal.may_go_on(&self.owner, self.job, self.seen).await? {
                return Ok(None);
            }
            self.wait().await;
        }
    }

    /// Until this job changes as far as the store hears, or it is time to look whether it changed unheard. The random
    /// part keeps many followers from looking all at once.
    async fn wait(&mut self) {
        let until_poll = self.journal.patience().mul_f64(rand::rng().random_range(0.75..1.25));
        let changed = async {
            // Having missed some changes, this one may be among them.
            while self.changes.recv().await.is_ok_and(|job| job.is_some_and(|job| job != self.job)) {}
        };
        let _ = tokio::time::timeout(until_poll, changed).await;
    }
}
