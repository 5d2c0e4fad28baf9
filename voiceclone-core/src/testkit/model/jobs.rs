//! Random operations on job stores.
use std::{num::NonZeroUsize, time::Duration};

use chrono::{DateTime, Utc};
use futures_util::TryStreamExt as _;
use proptest::{arbitrary::any, option, prop_oneof, strategy::Strategy};

use super::told;
use crate::{
    domain::{Job, JobError, JobEvent, JobOutput, JobSpec, JobState, NewJob, Progress},
    error::{Error, Result},
    id::{IdempotencyKey, JobId, LeaseId, OwnerId, ProviderId, SampleId, VoiceId},
    store::{Enqueued, JobQuery, JobStore, Outcome},
    testkit::{
        check::{Checked, in_time},
        records::owner,
    },
};

const OWNERS: usize = 3;
const OUTCOMES: usize = 8;
/// A lease that holds, and a delay that is not over, for as long as a sequence takes.
const LONG: Duration = Duration::from_hours(24);

/// One random operation. Jobs and leases are named by when they came, owners, keys and requests by number.
#[derive(Debug, Clone)]
pub(super) enum Op {
    Enqueue {
        owner: usize,
        request: usize,
        key: Option<usize>,
        priority: i16,
        delayed: bool,
        attempts: u32,
        crashes: u32,
        again: bool,
    },
    Claim {
        limit: usize,
        holds: bool,
    },
    Heartbeat {
        lease: usize,
        progress: Option<u64>,
        holds: bool,
    },
    Finish {
        lease: usize,
        outcome: usize,
    },
    Cancel {
        owner: usize,
        job: usize,
    },
    Read {
        owner: usize,
        job: usize,
    },
    Remove {
        owner: usize,
        job: usize,
    },
    /// Prunes all that have ended, or those that ended long ago: none.
    Prune {
        old: bool,
    },
    Page {
        owner: usize,
        state: Option<usize>,
        limit: usize,
    },
    /// Ends whatever has not ended and reads every job with its events.
    EndAll,
}

pub(super) fn op() -> impl Strategy<Value = Op> {
    let enqueue = (0..OWNERS, 0..4_usize, option::of(0..2_usize), 0..2_i16, 0..8_u32, 1..4_u32, 1..4_u32, 0..16_u32);
    prop_oneof![
        6 => enqueue.prop_map(|(owner, request, key, priority, delayed, attempts, crashes, again)| {
            let (delayed, again) = (delayed == 0, again == 0);
            Op::Enqueue { owner, request, key, priority, delayed, attempts, crashes, again }
        }),
        6 => (1..4_usize, any::<bool>()).prop_map(|(limit, holds)| Op::Claim { limit, holds }),
        3 => (0..64_usize, option::of(0..3_u64), any::<bool>())
            .prop_map(|(lease, progress, holds)| Op::Heartbeat { lease, progress, holds }),
        6 => (0..64_usize, 0..OUTCOMES).prop_map(|(lease, outcome)| Op::Finish { lease, outcome }),
        2 => (0..OWNERS, 0..64_usize).prop_map(|(owner, job)| Op::Cancel { owner, job }),
        1 => (0..OWNERS, 0..64_usize).prop_map(|(owner, job)| Op::Read { owner, job }),
        3 => (0..OWNERS, 0..64_usize).prop_map(|(owner, job)| Op::Remove { owner, job }),
        1 => any::<bool>().prop_map(|old| Op::Prune { old }),
        1 => (0..OWNERS, option::of(0..JobState::ALL.len()), 1..4_usize)
            .prop_map(|(owner, state, limit)| Op::Page { owner, state, limit }),
    ]
}

/// One operation with everything it says. Leases stay numbers: each side has its own.
#[derive(Debug)]
pub(super) enum Call {
    Enqueue(NewJob),
    Claim(NonZeroUsize, Duration),
    Heartbeat(usize, Option<Progress>, Duration),
    Finish(usize, Outcome),
    Cancel(OwnerId, JobId),
    Read(OwnerId, JobId),
    Remove(OwnerId, JobId),
    Prune(Duration),
    Page(JobQuery),
    EndAll(Vec<NewJob>),
}

/// What the calls of a sequence are made of.
///
/// A queue's order hangs on the clock when a job is queued again at once, and a store's clock may be coarse. So either no
/// job is, and the order is that of the ids; or the jobs are ranked, each with a priority of its own.
pub(super) struct Calls {
    ranked: bool,
    owners: Vec<OwnerId>,
    requests: Vec<JobSpec>,
    keys: Vec<IdempotencyKey>,
    outcomes: Vec<Outcome>,
    queued: Vec<NewJob>,
}

#[expect(
    clippy::indexing_slicing,
    reason = "operations are made below the numbers of owners, requests, keys, outcomes"
)]
impl Calls {
    pub(super) fn new(ranked: bool) -> Checked<Self> {
        let at_once = if ranked { Duration::ZERO } else { LONG };
        let (provider, sample) = (ProviderId::new("one")?, SampleId::new());
        let [one, two] = [VoiceId::new(), VoiceId::new()];
        let enroll = |voice| JobSpec::Enroll { voice, provider: provider.clone() };
        let error = JobError::new(&Error::unexpected("it broke"), 1);
        Ok(Self {
            ranked,
            owners: ["ada", "bob", "eve"].map(owner).into_iter().collect::<Checked<_>>()?,
            requests: vec![JobSpec::Erase { voice: one }, JobSpec::Erase { voice: two }, enroll(one), enroll(two)],
            keys: vec![IdempotencyKey::new("k1")?, IdempotencyKey::new("k2")?],
            outcomes: vec![
                Outcome::Succeeded(JobOutput::Prepared { sample }),
                Outcome::Failed(error.clone()),
                Outcome::Retry(error.clone(), at_once),
                Outcome::Retry(error, LONG),
                Outcome::Reschedule(at_once),
                Outcome::Reschedule(LONG),
                Outcome::Released,
                Outcome::Cancelled,
            ],
            queued: Vec::new(),
        })
    }

    /// The job that came at this number, or one that never came.
    fn job(&self, job: usize) -> JobId {
        job.checked_rem(self.queued.len()).map_or_else(JobId::new, |i| self.queued[i].id)
    }

    pub(super) fn call(&mut self, op: &Op) -> Call {
        let lasting = |long| if long { LONG } else { Duration::ZERO };
        match *op {
            Op::Enqueue { owner, request, key, priority, delayed, attempts, crashes, again } => {
                let rank = i16::try_from(self.queued.len()).unwrap_or(i16::MAX);
                let priority = if self.ranked { (2 * priority - 1) * (rank + 1) } else { priority };
                let mut new = NewJob::new(self.owners[owner].clone(), self.requests[request].clone())
                    .with_priority(priority)
                    .with_max_attempts(attempts)
                    .with_max_crashes(crashes)
                    // A job under an old id would come after younger ones, as far as the clock can tell.
                    .after(lasting(delayed || again));
                new.idempotency_key = key.map(|key| self.keys[key].clone());
                if again {
                    new.id = self.job(0);
                }
                self.queued.push(new.clone());
                Call::Enqueue(new)
            }
            Op::Claim { limit, holds } => {
                Call::Claim(NonZeroUsize::new(limit).unwrap_or(NonZeroUsize::MIN), lasting(holds))
            }
            Op::Heartbeat { lease, progress, holds } => {
                Call::Heartbeat(lease, progress.map(|done| Progress::new("speaking", done, 3)), lasting(holds))
            }
            Op::Finish { lease, outcome } => Call::Finish(lease, self.outcomes[outcome].clone()),
            Op::Cancel { owner, job } => Call::Cancel(self.owners[owner].clone(), self.job(job)),
            Op::Read { owner, job } => Call::Read(self.owners[owner].clone(), self.job(job)),
            Op::Remove { owner, job } => Call::Remove(self.owners[owner].clone(), self.job(job)),
            Op::Prune { old } => Call::Prune(lasting(old)),
            Op::Page { owner, state, limit } => {
                let mut query = JobQuery::of(self.owners[owner].clone()).limit(limit);
                query.state = state.map(|state| JobState::ALL[state]);
                Call::Page(query)
            }
            Op::EndAll => Call::EndAll(self.queued.clone()),
        }
    }
}

/// A store with the leases that it gave.
pub(super) struct Side<S> {
    store: S,
    leases: Vec<LeaseId>,
}

impl<S: JobStore> Side<S> {
    pub(super) fn new(store: S) -> Self {
        Self { store, leases: Vec::new() }
    }

    /// The lease that came at this number, or one that never came.
    fn lease(&self, lease: usize) -> LeaseId {
        let known = lease.checked_rem(self.leases.len()).and_then(|i| self.leases.get(i));
        known.copied().unwrap_or_else(LeaseId::new)
    }

    pub(super) async fn answer(&mut self, call: &Call) -> String {
        match call {
            Call::Enqueue(new) => told(self.store.enqueue(new).await.map(|enqueued| match enqueued {
                Enqueued::New(job) => ("new", timeless(job)),
                Enqueued::Existing(job) => ("existing", timeless(job)),
            })),
            Call::Claim(limit, lease) => told(self.claim(*limit, *lease).await),
            Call::Heartbeat(lease, progress, length) => {
                told(self.store.heartbeat(self.lease(*lease), progress.clone(), *length).await)
            }
            Call::Finish(lease, outcome) => told(self.store.finish(self.lease(*lease), outcome).await.map(timeless)),
            Call::Cancel(owner, job) => told(self.store.cancel(owner, *job).await.map(timeless)),
            Call::Read(owner, job) => told(self.store.job(owner, *job).await.map(timeless)),
            Call::Remove(owner, job) => told(self.store.remove(owner, *job).await.map(timeless)),
            Call::Prune(age) => told(self.prune(*age).await),
            Call::Page(query) => told(self.pages(query.clone()).await),
            Call::EndAll(queued) => told(self.end_all(queued).await),
        }
    }

    /// The jobs claimed, in the order of their ids: a store may hand a batch over in any.
    async fn claim(&mut self, limit: NonZeroUsize, length: Duration) -> Result<Vec<Job>> {
        let mut leases = self.store.claim("worker", limit, length).await?;
        leases.sort_by_key(|lease| lease.job.id);
        self.leases.extend(leases.iter().map(|lease| lease.id));
        Ok(leases.into_iter().map(|lease| timeless(lease.job)).collect())
    }

    /// All at once, in the order of their ids: which ended first hangs on the clock.
    async fn prune(&self, age: Duration) -> Result<Vec<Job>> {
        let mut pruned = self.store.prune(age, NonZeroUsize::MAX).await?;
        pruned.sort_by_key(|job| job.id);
        Ok(pruned.into_iter().map(timeless).collect())
    }

    async fn pages(&self, mut query: JobQuery) -> Result<Vec<Vec<Job>>> {
        let mut pages = Vec::new();
        loop {
            let page = self.store.jobs(&query).await?;
            pages.push(page.items.into_iter().map(timeless).collect());
            query = query.after(page.next);
            if query.after.is_none() {
                return Ok(pages);
            }
        }
    }

    async fn end_all(&self, queued: &[NewJob]) -> Result<Vec<(Job, Vec<JobEvent>)>> {
        for lease in &self.leases {
            // A lease that was lost has no job to end.
            let _ = self.store.finish(*lease, &Outcome::Cancelled).await;
        }
        let mut ended = Vec::new();
        for new in queued {
            // A request that was repeated or refused has no job of its own.
            let Ok(job) = self.store.cancel(&new.owner, new.id).await else { continue };
            let events = self.store.events(&new.owner, new.id, 0).await?;
            let events = in_time("the events of a job that has ended", events.try_collect::<Vec<_>>()).await;
            let mut events = events.map_err(|why| Error::unexpected(why.0))??;
            for event in &mut events {
                event.at = DateTime::UNIX_EPOCH;
            }
            ended.push((timeless(job), events));
        }
        Ok(ended)
    }
}

/// The job without its times: each store has a clock of its own.
fn timeless(job: Job) -> Job {
    let never = DateTime::<Utc>::UNIX_EPOCH;
    Job { run_at: never, created_at: never, updated_at: never, ..job }
}
