//! A job store that fails when it is told to.
use std::{num::NonZeroUsize, sync::Arc, time::Duration};

use async_trait::async_trait;

use super::{Faults, StoreFault, When};
use crate::{
    audio::BoxStream,
    domain::{Job, JobEvent, NewJob, Progress},
    error::Result,
    id::{JobId, LeaseId, OwnerId},
    store::{Enqueued, JobQuery, JobStore, Lease, LeaseStatus, Outcome, Page},
};

/// A job store and a plan of what goes wrong, by verb: each method's name. The text of a plan is the id in the call: the
/// job's, the lease's, the owner's or the worker's. Clones share the plan.
#[derive(Debug, Clone)]
pub struct FlakyJobs {
    inner: Arc<dyn JobStore>,
    faults: Arc<Faults>,
}

impl FlakyJobs {
    /// Fails at nothing yet.
    pub fn new(inner: impl JobStore) -> Self {
        let verbs = ["enqueue", "job", "jobs", "claim", "heartbeat", "finish", "cancel", "events", "remove", "prune"];
        Self { inner: Arc::new(inner), faults: Arc::new(Faults::of(&verbs)) }
    }

    /// Plans a fault.
    ///
    /// # Panics
    /// For a verb there is not.
    pub fn plan(&self, verb: &str, when: When, fault: StoreFault) {
        self.faults.plan(verb, when, fault);
    }

    /// How often a verb was called.
    pub fn calls(&self, verb: &str) -> usize {
        self.faults.calls(verb)
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl JobStore for FlakyJobs {
    async fn enqueue(&self, job: &NewJob) -> Result<Enqueued> {
        self.faults.around("enqueue", &job.id.to_string(), self.inner.enqueue(job)).await
    }

    async fn job(&self, owner: &OwnerId, id: JobId) -> Result<Job> {
        self.faults.around("job", &id.to_string(), self.inner.job(owner, id)).await
    }

    async fn jobs(&self, query: &JobQuery) -> Result<Page<Job>> {
        self.faults.around("jobs", query.owner.as_str(), self.inner.jobs(query)).await
    }

    async fn claim(&self, worker: &str, limit: NonZeroUsize, lease: Duration) -> Result<Vec<Lease>> {
        self.faults.around("claim", worker, self.inner.claim(worker, limit, lease)).await
    }

    async fn heartbeat(&self, lease: LeaseId, progress: Option<Progress>, length: Duration) -> Result<LeaseStatus> {
        self.faults.around("heartbeat", &lease.to_string(), self.inner.heartbeat(lease, progress, length)).await
    }

    async fn finish(&self, lease: LeaseId, outcome: &Outcome) -> Result<Job> {
        self.faults.around("finish", &lease.to_string(), self.inner.finish(lease, outcome)).await
    }

    async fn cancel(&self, owner: &OwnerId, id: JobId) -> Result<Job> {
        self.faults.around("cancel", &id.to_string(), self.inner.cancel(owner, id)).await
    }

    async fn events(&self, owner: &OwnerId, id: JobId, after: u64) -> Result<BoxStream<Result<JobEvent>>> {
        self.faults.around("events", &id.to_string(), self.inner.events(owner, id, after)).await
    }

    fn arrivals(&self) -> BoxStream<()> {
        self.inner.arrivals()
    }

    async fn remove(&self, owner: &OwnerId, id: JobId) -> Result<Job> {
        self.faults.around("remove", &id.to_string(), self.inner.remove(owner, id)).await
    }

    async fn prune(&self, age: Duration, limit: NonZeroUsize) -> Result<Vec<Job>> {
        self.faults.around("prune", "", self.inner.prune(age, limit)).await
    }
}
