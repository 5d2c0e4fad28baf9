//! One attempt at one job: works, beats, listens, and ends it under its lease.
use std::{any::Any, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::FutureExt as _;
use tokio::{sync::watch, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{WorkerConfig, outcome::outcome_of};
use crate::{
    domain::{Job, JobOutput, JobSpec, JobState, Progress},
    engine::{Parts, ProgressSink},
    error::{Error, ErrorKind, Result},
    store::{Lease, LeaseStatus, Outcome},
};

/// Why an attempt stopped.
enum Stopped {
    Done(Result<JobOutput>),
    CancelRequested,
    Released,
    LeaseLost,
}

/// Works on one job to the end of the attempt.
pub(crate) async fn attempt(parts: Arc<Parts>, config: Arc<WorkerConfig>, lease: Lease, release: CancellationToken) {
    let (progress, seen) = watch::channel(None);
    let stopped = {
        let work = AssertUnwindSafe(perform(&parts, &lease, &progress)).catch_unwind();
        tokio::select! {
            biased;
            stopped = beat(&parts, &config, &lease, seen) => stopped,
            () = release.cancelled() => Stopped::Released,
            done = work => Stopped::Done(done.unwrap_or_else(|panic| Err(panicked(panic.as_ref())))),
        }
    };
    let outcome = match stopped {
        Stopped::Done(result) => {
            if let Err(error) = &result {
                tracing::debug!(job = %lease.job.id, kind = %error.kind(), "an attempt failed");
            }
            outcome_of(result, &lease.job, &config)
        }
        Stopped::CancelRequested => Outcome::Cancelled,
        Stopped::Released => Outcome::Released,
        Stopped::LeaseLost => return,
    };
    if let Some(job) = finish(&parts, &config, &lease, &outcome).await {
        parts.after(&job).await;
    }
}

/// Gives a job back that was claimed and not begun.
pub(crate) async fn give_back(parts: Arc<Parts>, config: Arc<WorkerConfig>, lease: Lease) {
    if let Some(job) = finish(&parts, &config, &lease, &Outcome::Released).await {
        parts.after(&job).await;
    }
}

async fn perform(parts: &Arc<Parts>, lease: &Lease, progress: &ProgressSink) -> Result<JobOutput> {
    let job = &lease.job;
    match &job.spec {
        JobSpec::PrepareSample { sample } => parts.prepare(&job.owner, *sample).await,
        JobSpec::Speak { request } => parts.render(lease.id, job, request, progress).await,
        JobSpec::Enroll { voice, provider } => parts.enroll_ahead(&job.owner, *voice, provider).await,
        JobSpec::Unenroll { voice } => parts.unenroll(&job.owner, *voice).await,
        JobSpec::Erase { voice } => parts.erase(&job.owner, *voice).await,
    }
}

fn panicked(panic: &(dyn Any + Send)) -> Error {
    let said = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    Error::unexpected("the work stopped unexpectedly").with("panic", said.unwrap_or("without a message"))
}

/// Keeps the lease alive and writes progress. Returns when the attempt must stop.
async fn beat(
    parts: &Arc<Parts>,
    config: &WorkerConfig,
    lease: &Lease,
    mut progress: watch::Receiver<Option<Progress>>,
) -> Stopped {
    let mut held_until = Instant::now() + config.lease;
    let mut told = true;
    loop {
        let next = Instant::now() + config.lease / 3;
        let earliest = Instant::now() + config.progress_interval;
        tokio::select! {
            () = tokio::time::sleep_until(next) => {}
            // The sender lives as long as the work, so the channel does not close before.
            Ok(()) = progress.changed(), if told => tokio::time::sleep_until(earliest.min(next)).await,
        }
        let now = progress.borrow_and_update().clone();
        match parts.jobs.heartbeat(lease.id, now, config.lease).await {
            Ok(LeaseStatus::Held) => (held_until, told) = (Instant::now() + config.lease, true),
            Ok(LeaseStatus::CancelRequested) => return Stopped::CancelRequested,
            Err(e) if e.kind() == ErrorKind::LeaseLost => return Stopped::LeaseLost,
            // The store is out of reach: the lease holds until it lapses, and somebody else may have it then.
            Err(_) if Instant::now() >= held_until => return Stopped::LeaseLost,
            Err(error) => {
                told = false;
                tracing::warn!(job = %lease.job.id, error = %error.chain(), "a heartbeat failed");
            }
        }
    }
}

/// Writes the outcome, again while the store is out of reach: the work is done, and the lease says whether it counts.
async fn finish(parts: &Arc<Parts>, config: &WorkerConfig, lease: &Lease, outcome: &Outcome) -> Option<Job> {
    let give_up = Instant::now() + config.lease * 4;
    let mut wait = Duration::from_millis(100);
    loop {
        match parts.jobs.finish(lease.id, outcome).await {
            Ok(job) => return Some(job),
            Err(e) if e.kind() == ErrorKind::LeaseLost => return None,
            Err(error) if !error.is_retryable() || Instant::now() >= give_up => {
                tracing::error!(job = %lease.job.id, error = %error.chain(), "an outcome could not be written");
                return None;
            }
            Err(_) => tokio::time::sleep(wait).await,
        }
        wait = (wait * 2).min(Duration::from_secs(5));
    }
}

impl Parts {
    /// What a job's end leaves to do. Failing here loses nothing: the sweep does it later.
    pub(crate) async fn after(&self, job: &Job) {
        if !job.state.is_terminal() {
            return;
        }
        let tidied = match (&job.spec, job.state, &job.error) {
            (JobSpec::Speak { .. }, JobState::Succeeded, _) => self.tidy(job).await.map(drop),
            (JobSpec::Speak { request }, ..) => self.clear_away(job, request.target).await,
            (JobSpec::PrepareSample { sample }, JobState::Failed | JobState::Cancelled, error) => {
                let why = error.as_ref().map_or("it was stopped", |error| error.message.as_str());
                self.give_up(&job.owner, *sample, why).await
            }
            _ => Ok(()),
        };
        if let Err(error) = tidied {
            tracing::warn!(job = %job.id, error = %error.chain(), "what a job left could not be removed");
        }
    }
}
