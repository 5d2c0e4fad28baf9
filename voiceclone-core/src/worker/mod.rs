//! Does queued work: claims jobs, keeps their leases alive, ends each in exactly one way.
//!
//! Any number of workers, in any number of processes, may work over the same stores. A worker that is killed loses its
//! leases; another takes them over. This module knows leases and outcomes; what a job means is the engine's matter.
mod attempt;
mod outcome;
mod room;

use std::{num::NonZeroUsize, sync::Arc, time::Duration};

use futures_util::StreamExt as _;
use rand::RngExt as _;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use self::{
    attempt::{attempt, give_back},
    room::Room,
};
use crate::{engine::Engine, error::Result, store::Lease};

/// How a worker works.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct WorkerConfig {
    /// Its name in the store; unique per start, so that two workers are never taken for one.
    pub name: String,
    /// Jobs at the same time: 2.
    pub concurrency: NonZeroUsize,
    /// How long a claim holds without a heartbeat: 30 s. Heartbeats come three times as often.
    pub lease: Duration,
    /// How often the store is asked for work nobody announced: 1 s, jittered.
    pub poll: Duration,
    /// How long running jobs may go on after a shutdown was asked for: 30 s. Then they go back to the queue.
    pub drain: Duration,
    /// The first wait before another attempt: 1 s; doubled each time, with full jitter.
    pub backoff: Duration,
    /// The longest such wait: 5 min.
    pub max_backoff: Duration,
    /// Progress is written at most this often: every 250 ms.
    pub progress_interval: Duration,
}

impl Default for WorkerConfig {
    fn default() -> Self {
        Self {
            name: format!("worker-{}", crate::id::LeaseId::new().as_uuid().simple()),
            concurrency: NonZeroUsize::MIN.saturating_add(1),
            lease: Duration::from_secs(30),
            poll: Duration::from_secs(1),
            drain: Duration::from_secs(30),
            backoff: Duration::from_secs(1),
            max_backoff: Duration::from_mins(5),
            progress_interval: Duration::from_millis(250),
        }
    }
}

impl WorkerConfig {
    /// The defaults, changed.
    #[must_use]
    pub fn with(mut self, set: impl FnOnce(&mut Self)) -> Self {
        set(&mut self);
        self
    }
}

/// One worker. [`Worker::run`] drives it; [`Engine::start_worker`] runs one in the background.
#[derive(Debug)]
pub struct Worker {
    engine: Engine,
    config: Arc<WorkerConfig>,
}

impl Engine {
    /// A worker over this engine's stores, not yet running.
    pub fn worker(&self, config: WorkerConfig) -> Worker {
        Worker { engine: self.clone(), config: Arc::new(config) }
    }

    /// A worker in the background. It stops when the handle is dropped; [`RunningWorker::shutdown`] lets it finish first.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn start_worker(&self, config: WorkerConfig) -> RunningWorker {
        let stop = CancellationToken::new();
        let mut task = JoinSet::new();
        task.spawn(self.worker(config).run(stop.clone()));
        RunningWorker { stop, task }
    }
}

/// A worker in the background.
#[derive(Debug)]
pub struct RunningWorker {
    stop: CancellationToken,
    task: JoinSet<()>,
}

impl RunningWorker {
    /// Claims nothing more, waits for running jobs as long as the configuration says, and gives the rest back.
    pub async fn shutdown(mut self) {
        self.stop.cancel();
        while self.task.join_next().await.is_some() {}
    }
}

impl Worker {
    /// Works until `shutdown` is cancelled and the running jobs have drained. A store that fails is asked again.
    ///
    /// # Cancel safety
    /// Dropping the future abandons the running jobs; their leases lapse and another worker takes them over.
    pub async fn run(self, shutdown: CancellationToken) {
        let release = CancellationToken::new();
        let mut running = JoinSet::new();
        let mut room = Room::of(self.config.concurrency.get());
        // From before the first claim, so that a job queued meanwhile is not slept through.
        let mut arrivals = self.engine.0.jobs.arrivals();
        while !shutdown.is_cancelled() {
            let free = room.free(running.len());
            let claimed = self.claim(free).await;
            if claimed.is_empty() {
                tokio::select! {
                    () = shutdown.cancelled() => {}
                    Some(()) = arrivals.next(), if free > 0 => {}
                    Some(_) = running.join_next(), if !running.is_empty() => {}
                    () = tokio::time::sleep(jittered(self.config.poll)), if free > 0 => {}
                }
            }
            for lease in claimed {
                let (parts, config) = (Arc::clone(&self.engine.0), Arc::clone(&self.config));
                if room.admits(&lease.job, running.len()) {
                    running.spawn(attempt(parts, config, lease, release.clone()));
                } else {
                    running.spawn(give_back(parts, config, lease));
                }
            }
        }
        self.drain(running, &release).await;
    }

    async fn claim(&self, free: usize) -> Vec<Lease> {
        let Some(free) = NonZeroUsize::new(free) else { return Vec::new() };
        let claimed: Result<_> = self.engine.0.jobs.claim(&self.config.name, free, self.config.lease).await;
        claimed.unwrap_or_else(|error| {
            tracing::warn!(worker = self.config.name, error = %error.chain(), "no work could be claimed");
            Vec::new()
        })
    }

    async fn drain(&self, mut running: JoinSet<()>, release: &CancellationToken) {
        let all = async { while running.join_next().await.is_some() {} };
        if tokio::time::timeout(self.config.drain, all).await.is_err() {
            release.cancel();
            while running.join_next().await.is_some() {}
        }
    }
}

/// Between half and all of `duration`: workers that were started together do not ask together.
pub(crate) fn jittered(duration: Duration) -> Duration {
    duration.mul_f64(rand::rng().random_range(0.5..=1.0))
}
