//! A job store that says which jobs it handed out and when, and how many have ended.
use std::{num::NonZeroUsize, sync::Arc, time::Duration};

use tokio::sync::watch;

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
pub struct Watched {
    inner: Arc<dyn JobStore>,
    is_silent: bool,
    finished: watch::Sender<u32>,
}

impl Watched {
    /// Over `inner`.
    pub fn over(inner: Arc<dyn JobStore>) -> Self {
        Self { inner, is_silent: false, finished: watch::Sender::new(0) }
    }

    /// Prints nothing.
    #[must_use]
    pub fn silent(mut self) -> Self {
        self.is_silent = true;
        self
    }

    /// How many attempts have ended.
    pub fn finished(&self) -> watch::Receiver<u32> {
        self.finished.subscribe()
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl JobStore for Watched {
    async fn claim(&self, worker: &str, limit: NonZeroUsize, lease: Duration) -> Result<Vec<Lease>> {
        let claimed = self.inner.claim(worker, limit, lease).await;
        for lease in claimed.iter().flatten().filter(|_| !self.is_silent) {
            println!("began {} {}", lease.job.id, micros());
        }
        claimed
    }

    async fn enqueue(&self, job: &NewJob) -> Result<Enqueued> {
        self.inner.enqueue(job).await
    }

    async fn job(&self, owner: &OwnerId, id: JobId) -> Result<Job> {
        self.inner.job(owner, id).await
    }

    async fn jobs(&self, query: &JobQuery) -> Result<Page<Job>> {
        self.inner.jobs(query).await
    }

    async fn heartbeat(&self, lease: LeaseId, progress: Option<Progress>, length: Duration) -> Result<LeaseStatus> {
        self.inner.heartbeat(lease, progress, length).await
    }

    async fn finish(&self, lease: LeaseId, outcome: &Outcome) -> Result<Job> {
        let job = self.inner.finish(lease, outcome).await?;
        self.finished.send_modify(|finished| *finished += 1);
        Ok(job)
    }

    async fn cancel(&self, owner: &OwnerId, id: JobId) -> Result<Job> {
        self.inner.cancel(owner, id).await
    }

    async fn events(&self, owner: &OwnerId, id: JobId, after: u64) -> Result<BoxStream<Result<JobEvent>>> {
        self.inner.events(owner, id, after).await
    }

    fn arrivals(&self) -> BoxStream<()> {
        self.inner.arrivals()
    }

    async fn remove(&self, owner: &OwnerId, id: JobId) -> Result<Job> {
        self.inner.remove(owner, id).await
    }

    async fn prune(&self, age: Duration, limit: NonZeroUsize) -> Result<Vec<Job>> {
        self.inner.prune(age, limit).await
    }
}
