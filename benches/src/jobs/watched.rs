//! A job store that says which jobs it handed out, and when.
use std::{num::NonZeroUsize, sync::Arc, time::Duration};

use voiceclone_core::{
    Result, async_trait,
    audio::BoxStream,
    domain::{Job, JobEvent, NewJob, Progress},
    id::{JobId, LeaseId, OwnerId},
    store::{Enqueued, JobQuery, JobStore, Lease, LeaseStatus, Outcome, Page},
};

use super::meter::micros;

/// Prints `began JOB AT` for every job that a claim brings, and passes everything on.
#[derive(Debug)]
pub struct Watched(pub Arc<dyn JobStore>);

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl JobStore for Watched {
    async fn claim(&self, worker: &str, limit: NonZeroUsize, lease: Duration) -> Result<Vec<Lease>> {
        let claimed = self.0.claim(worker, limit, lease).await;
        for lease in claimed.iter().flatten() {
            println!("began {} {}", lease.job.id, micros());
        }
        claimed
    }

    async fn enqueue(&self, job: &NewJob) -> Result<Enqueued> {
        self.0.enqueue(job).await
    }

    async fn job(&self, owner: &OwnerId, id: JobId) -> Result<Job> {
        self.0.job(owner, id).await
    }

    async fn jobs(&self, query: &JobQuery) -> Result<Page<Job>> {
        self.0.jobs(query).await
    }

    async fn heartbeat(&self, lease: LeaseId, progress: Option<Progress>, length: Duration) -> Result<LeaseStatus> {
        self.0.heartbeat(lease, progress, length).await
    }

    async fn finish(&self, lease: LeaseId, outcome: &Outcome) -> Result<Job> {
        self.0.finish(lease, outcome).await
    }

    async fn cancel(&self, owner: &OwnerId, id: JobId) -> Result<Job> {
        self.0.cancel(owner, id).await
    }

    async fn events(&self, owner: &OwnerId, id: JobId, after: u64) -> Result<BoxStream<Result<JobEvent>>> {
        self.0.events(owner, id, after).await
    }

    fn arrivals(&self) -> BoxStream<()> {
        self.0.arrivals()
    }

    async fn remove(&self, owner: &OwnerId, id: JobId) -> Result<Job> {
        self.0.remove(owner, id).await
    }

    async fn prune(&self, age: Duration, limit: NonZeroUsize) -> Result<Vec<Job>> {
        self.0.prune(age, limit).await
    }
}
