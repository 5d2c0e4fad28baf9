//! The seam of queued work: one row is queue, status and result, and its events are what followers read.
//!
//! Every claim gets a fresh [`LeaseId`] and every write of an attempt names it, so a worker that slept past its lease
//! writes nothing. Time is the store's own clock; no worker's clock decides anything.
use std::{fmt::Debug, num::NonZeroUsize, sync::Arc, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::Page;
use crate::{
    audio::BoxStream,
    domain::{Job, JobError, JobEvent, JobOutput, JobState, NewJob, Progress, later},
    error::Result,
    id::{JobId, LeaseId, OwnerId},
};

/// What came of queueing.
#[derive(Debug, Clone, PartialEq)]
pub enum Enqueued {
    /// The job is new.
    New(Job),
    /// A job with the same idempotency key and the same request was there already.
    Existing(Job),
}

impl Enqueued {
    /// The job, new or not.
    pub fn into_job(self) -> Job {
        match self {
            Self::New(job) | Self::Existing(job) => job,
        }
    }
}

/// Which jobs, and from where on.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct JobQuery {
    /// Whose jobs.
    pub owner: OwnerId,
    /// Only those in this state.
    pub state: Option<JobState>,
    /// The [`Page::next`] of the page before.
    pub after: Option<String>,
    /// The most jobs of a page, at least 1.
    pub limit: usize,
}

impl JobQuery {
    /// The first 100 jobs of `owner`, oldest first.
    pub fn of(owner: OwnerId) -> Self {
        Self { owner, state: None, after: None, limit: 100 }
    }

    /// Only those in this state.
    #[must_use]
    pub fn state(mut self, state: JobState) -> Self {
        self.state = Some(state);
        self
    }

    /// Another page size; 0 counts as 1.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit.max(1);
        self
    }

    /// From where the page before ended.
    #[must_use]
    pub fn after(mut self, cursor: Option<String>) -> Self {
        self.after = cursor;
        self
    }
}

/// The right to work on one attempt of one job until it lapses.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Lease {
    /// The fence that every write names.
    pub id: LeaseId,
    /// The job as it was claimed: running, with this attempt counted.
    pub job: Job,
}

impl Lease {
    /// A claim of `job`.
    pub fn new(id: LeaseId, job: Job) -> Self {
        Self { id, job }
    }
}

/// What a heartbeat brings back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaseStatus {
    /// Go on.
    Held,
    /// Somebody asked to stop; finish with [`Outcome::Cancelled`].
    CancelRequested,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Outcome {
    /// Done.
    Succeeded(JobOutput),
    /// Failed for good.
    Failed(JobError),
    /// Failed, to be tried again after this long. At the last attempt allowed it fails for good.
    Retry(JobError, Duration),
    /// Nothing failed; look again after this long, with the attempt not counted. For a provider that trains.
    Reschedule(Duration),
    /// Given back unfinished by a worker that stops, with the attempt not counted. It keeps its place in the queue.
    Released,
    /// Stopped on request.
    Cancelled,
}

impl Outcome {
    /// What an attempt that ended so makes of its running job: the one table that every store follows. A job that was
    /// asked to stop is not queued again but cancelled.
    pub fn apply(&self, job: &mut Job, now: DateTime<Utc>) {
        job.updated_at = now;
        job.state = match self {
            Self::Succeeded(_) => JobState::Succeeded,
            Self::Failed(_) => JobState::Failed,
            Self::Cancelled => JobState::Cancelled,
            Self::Retry(..) | Self::Reschedule(_) | Self::Released if job.cancel_requested => JobState::Cancelled,
            Self::Retry(..) if job.attempt >= job.max_attempts => JobState::Failed,
            Self::Retry(..) | Self::Reschedule(_) | Self::Released => JobState::Queued,
        };
        match self {
            Self::Succeeded(output) => (job.output, job.error) = (Some(output.clone()), None),
            Self::Failed(error) | Self::Retry(error, _) => job.error = Some(error.clone()),
            Self::Reschedule(_) | Self::Released => job.attempt = job.attempt.saturating_sub(1),
            Self::Cancelled => {}
        }
        if let (JobState::Queued, Self::Retry(_, delay) | Self::Reschedule(delay)) = (job.state, self) {
            job.run_at = later(now, *delay);
        }
    }
}

/// Queues work, hands it out, and remembers what came of it.
///
/// # Cancel safety
/// Dropping a write leaves its outcome unknown. Queueing is repeatable by idempotency key, everything of an attempt by
/// its lease.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait JobStore: Debug + Send + Sync + 'static {
    /// Queues a job and writes its first event. A key is unique for its owner and kind of job.
    ///
    /// # Errors
    /// `Conflict` if the idempotency key came with another request before; `AlreadyExists` if the id is taken.
    async fn enqueue(&self, job: &NewJob) -> Result<Enqueued>;

    /// One job.
    ///
    /// # Errors
    /// `NotFound`, also for another owner's job.
    async fn job(&self, owner: &OwnerId, id: JobId) -> Result<Job>;

    /// The owner's jobs, oldest first.
    ///
    /// # Errors
    /// `InvalidInput` for a cursor that no page gave.
    async fn jobs(&self, query: &JobQuery) -> Result<Page<Job>>;

    /// Takes up to `limit` jobs that are due: queued ones whose time has come, and running ones whose lease has lapsed.
    /// Highest priority first, then the owner with the fewest jobs under a lease that holds (those taken a moment before
    /// by the same call included), then the earliest `run_at`, then the smallest id.
    ///
    /// Every lapsed lease is counted in [`Job::crashes`] and not as an attempt: a lapsed job that is claimed again goes on
    /// with the attempt it was in. A lapsed job that was asked to stop is cancelled here; else one that has lost as many
    /// workers as it may is failed here, with [`JobError::worker_lost`]. Neither is handed out or counts towards `limit`.
    /// A lease of no length lapses at once.
    ///
    /// # Errors
    /// `Unavailable` if the store fails.
    async fn claim(&self, worker: &str, limit: NonZeroUsize, lease: Duration) -> Result<Vec<Lease>>;

    /// Extends the lease from now, keeps `progress` (and writes an event if it changed), and says whether to stop.
    ///
    /// # Errors
    /// `LeaseLost` if the lease lapsed and was taken, or the job has ended.
    async fn heartbeat(&self, lease: LeaseId, progress: Option<Progress>, length: Duration) -> Result<LeaseStatus>;

    /// Ends the attempt as [`Outcome::apply`] says and writes its event. Repeating the same call after a lost answer is
    /// `LeaseLost`.
    ///
    /// # Errors
    /// `LeaseLost` if the lease lapsed and was taken, or the job has ended.
    async fn finish(&self, lease: LeaseId, outcome: &Outcome) -> Result<Job>;

    /// Asks a job to stop: a queued one is cancelled at once, a running one is marked (which is no event) and its worker
    /// learns of it at the next heartbeat, one that has ended is left as it is.
    ///
    /// # Errors
    /// `NotFound`, also for another owner's job.
    async fn cancel(&self, owner: &OwnerId, id: JobId) -> Result<Job>;

    /// The job's events after number `after`, first those that have been, then those that come; ends after the event
    /// with which the job ended, also if that is not after `after`.
    ///
    /// # Errors
    /// `NotFound`, also for another owner's job.
    async fn events(&self, owner: &OwnerId, id: JobId, after: u64) -> Result<BoxStream<Result<JobEvent>>>;

    /// Tells workers that a job was queued, by whichever process, since they last looked; several as one. It begins with
    /// what happens after the call. Only a hint, which may come for nothing or be lost: workers look again from time to
    /// time anyway, which also finds the jobs whose time has come.
    fn arrivals(&self) -> BoxStream<()>;

    /// Removes a job that has ended, with its events and its idempotency key. Its followers' streams end. Removing what
    /// the job left in the blob store is the engine's matter.
    ///
    /// # Errors
    /// `Conflict` if it has not ended; `NotFound`, also for another owner's job.
    async fn remove(&self, owner: &OwnerId, id: JobId) -> Result<Job>;

    /// Removes up to `limit` jobs of all owners that ended at least `age` ago, those that ended first before the others,
    /// and returns them in any order. For housekeeping; small limits keep a database responsive.
    ///
    /// # Errors
    /// `Unavailable` if the store fails.
    async fn prune(&self, age: Duration, limit: NonZeroUsize) -> Result<Vec<Job>>;
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<T: JobStore + ?Sized> JobStore for Arc<T> {
    async fn enqueue(&self, job: &NewJob) -> Result<Enqueued> {
        (**self).enqueue(job).await
    }

    async fn job(&self, owner: &OwnerId, id: JobId) -> Result<Job> {
        (**self).job(owner, id).await
    }

    async fn jobs(&self, query: &JobQuery) -> Result<Page<Job>> {
        (**self).jobs(query).await
    }

    async fn claim(&self, worker: &str, limit: NonZeroUsize, lease: Duration) -> Result<Vec<Lease>> {
        (**self).claim(worker, limit, lease).await
    }

    async fn heartbeat(&self, lease: LeaseId, progress: Option<Progress>, length: Duration) -> Result<LeaseStatus> {
        (**self).heartbeat(lease, progress, length).await
    }

    async fn finish(&self, lease: LeaseId, outcome: &Outcome) -> Result<Job> {
        (**self).finish(lease, outcome).await
    }

    async fn cancel(&self, owner: &OwnerId, id: JobId) -> Result<Job> {
        (**self).cancel(owner, id).await
    }

    async fn events(&self, owner: &OwnerId, id: JobId, after: u64) -> Result<BoxStream<Result<JobEvent>>> {
        (**self).events(owner, id, after).await
    }

    fn arrivals(&self) -> BoxStream<()> {
        (**self).arrivals()
    }

    async fn remove(&self, owner: &OwnerId, id: JobId) -> Result<Job> {
        (**self).remove(owner, id).await
    }

    async fn prune(&self, age: Duration, limit: NonZeroUsize) -> Result<Vec<Job>> {
        (**self).prune(age, limit).await
    }
}
