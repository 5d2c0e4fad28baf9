//! How attempts end, and how jobs are stopped.
use std::time::Duration;

use super::{JobFixture, LONG, NONE, erase};
use crate::{
    audio::AudioFormat,
    domain::{JobError, JobOutput, JobState, SpokenAudio},
    error::{Error, ErrorKind},
    id::{ProviderId, SampleId},
    store::{BlobKey, LeaseStatus, Outcome},
    testkit::check::{Checked, ensure, ensure_eq, ensure_kind},
};

fn error(attempt: u32) -> JobError {
    JobError::new(&Error::new(ErrorKind::RateLimited, "too many “calls”"), attempt)
}

fn outputs() -> Checked<[JobOutput; 5]> {
    let provider = ProviderId::new("one")?;
    let spoken = SpokenAudio {
        key: BlobKey::new("jobs/1/2.wav")?,
        format: AudioFormat::raw_s16(24_000)?,
        bytes: 1 << 33,
        sha256: "ab".repeat(32),
        duration: Duration::new(3, 141_592_653),
        provider: provider.clone(),
        instead_of: Some(ProviderId::new("two")?),
        warnings: vec!["speed 1.1 was asked, é".into()],
    };
    Ok([
        JobOutput::Speech(spoken),
        JobOutput::Prepared { sample: SampleId::new() },
        JobOutput::Enrolled { provider: provider.clone() },
        JobOutput::Unenrolled { providers: vec![provider.clone()] },
        JobOutput::Erased { blobs: 7, providers: vec![provider] },
    ])
}

pub(super) async fn success_keeps_the_output(f: JobFixture) -> Checked {
    for output in outputs()? {
        let lease = f.running().await?;
        let job = f.finish(lease.id, Outcome::Succeeded(output.clone())).await?;
        ensure_eq((job.state, &job.output, &job.error), (JobState::Succeeded, &Some(output), &None), "the job")?;
        ensure_eq(f.kept(&job).await?, job, "the job as it is kept")?;
    }
    ensure_eq(f.claim(1, LONG).await?, [], "claims of jobs that succeeded")
}

pub(super) async fn failure_keeps_the_error(f: JobFixture) -> Checked {
    let lease = f.running().await?;
    let job = f.finish(lease.id, Outcome::Failed(error(1))).await?;
    ensure_eq((job.state, &job.error, &job.output), (JobState::Failed, &Some(error(1)), &None), "the job")?;
    ensure_eq(f.kept(&job).await?, job, "the job as it is kept")?;
    ensure_eq(f.claim(1, LONG).await?, [], "claims of a job that failed")
}

pub(super) async fn an_attempt_ends_once(f: JobFixture) -> Checked {
    let [output, ..] = outputs()?;
    for first in [Outcome::Succeeded(output), Outcome::Failed(error(1)), Outcome::Cancelled, Outcome::Reschedule(LONG)]
    {
        let lease = f.running().await?;
        let job = f.finish(lease.id, first.clone()).await?;
        for second in [&first, &Outcome::Released, &Outcome::Cancelled] {
            ensure_kind(f.store.finish(lease.id, second).await, ErrorKind::LeaseLost, "finishing twice")?;
        }
        let late = f.store.heartbeat(lease.id, None, LONG).await;
        ensure_kind(late, ErrorKind::LeaseLost, "a heartbeat after the end")?;
        ensure_eq(f.kept(&job).await?, job, "the job afterwards")?;
    }
    Ok(())
}

pub(super) async fn a_retry_is_counted_and_delayed(f: JobFixture) -> Checked {
    let lease = f.running().await?;
    let job = f.finish(lease.id, Outcome::Retry(error(1), NONE)).await?;
    ensure_eq((job.state, job.attempt, &job.error), (JobState::Queued, 1, &Some(error(1))), "a job to be tried again")?;
    let second = f.claim_one(LONG).await?;
    ensure_eq(second.job.attempt, 2, "the second attempt")?;
    let job = f.finish(second.id, Outcome::Retry(error(2), LONG)).await?;
    ensure_eq(f.kept(&job).await?, job, "the job as it is kept")?;
    ensure_eq(f.claim(1, LONG).await?, [], "claims before the delay is over")
}

pub(super) async fn a_retry_at_the_last_attempt_fails(f: JobFixture) -> Checked {
    let job = f.enqueue(erase("ada")?.with_max_attempts(2)).await?;
    let first = f.claim_one(LONG).await?;
    ensure_eq(f.finish(first.id, Outcome::Retry(error(1), NONE)).await?.state, JobState::Queued, "after the first")?;
    let last = f.claim_one(LONG).await?;
    let failed = f.finish(last.id, Outcome::Retry(error(2), NONE)).await?;
    ensure_eq((failed.state, &failed.error), (JobState::Failed, &Some(error(2))), "after the last attempt")?;
    ensure_eq(f.kept(&job).await?, failed, "the job as it is kept")?;
    ensure_eq(f.claim(1, LONG).await?, [], "claims after the last attempt")
}

pub(super) async fn an_error_outlives_a_retry_and_not_a_success(f: JobFixture) -> Checked {
    let [output, ..] = outputs()?;
    let first = f.running().await?;
    f.finish(first.id, Outcome::Retry(error(1), NONE)).await?;
    let second = f.claim_one(LONG).await?;
    ensure_eq(&second.job.error, &Some(error(1)), "the error during the second attempt")?;
    let job = f.finish(second.id, Outcome::Succeeded(output)).await?;
    ensure_eq(&job.error, &None, "the error after success")?;
    ensure_eq(f.kept(&job).await?, job, "the job as it is kept")
}

pub(super) async fn a_reschedule_is_delayed_and_not_counted(f: JobFixture) -> Checked {
    f.enqueue(erase("ada")?.with_max_attempts(1)).await?;
    for _ in 0..3 {
        let lease = f.claim_one(LONG).await?;
        ensure_eq(lease.job.attempt, 1, "the attempt")?;
        let job = f.finish(lease.id, Outcome::Reschedule(NONE)).await?;
        ensure_eq((job.state, job.attempt), (JobState::Queued, 0), "a rescheduled job")?;
    }
    let lease = f.claim_one(LONG).await?;
    let job = f.finish(lease.id, Outcome::Reschedule(LONG)).await?;
    ensure_eq(f.kept(&job).await?, job, "the job as it is kept")?;
    ensure_eq(f.claim(1, LONG).await?, [], "claims before the delay is over")
}

pub(super) async fn a_release_is_not_counted_and_keeps_its_place(f: JobFixture) -> Checked {
    let job = f.enqueue(erase("ada")?.with_max_attempts(1)).await?;
    let later = f.enqueue(erase("ada")?).await?;
    for _ in 0..3 {
        let lease = f.claim(1, LONG).await?.pop().filter(|lease| lease.job.id == job.id);
        let Some(lease) = lease else { return ensure(false, "a released job lost its place in the queue") };
        let released = f.finish(lease.id, Outcome::Released).await?;
        let stands = (released.state, released.attempt, released.run_at);
        ensure_eq(stands, (JobState::Queued, 0, job.run_at), "a released job")?;
    }
    f.claim(1, LONG).await?;
    ensure_eq(f.claim_one(LONG).await?.job.id, later.id, "the job after it")
}

pub(super) async fn a_queued_job_is_cancelled_at_once(f: JobFixture) -> Checked {
    let job = f.job().await?;
    let cancelled = f.store.cancel(&job.owner, job.id).await?;
    ensure_eq((cancelled.state, cancelled.cancel_requested), (JobState::Cancelled, true), "the job")?;
    ensure_eq(f.kept(&job).await?, cancelled, "the job as it is kept")?;
    ensure_eq(f.claim(1, LONG).await?, [], "claims of a cancelled job")?;
    ensure_eq(f.history(&job, 1).await?.first().map(|event| event.state), Some(JobState::Cancelled), "its event")
}

pub(super) async fn a_running_job_learns_of_its_cancellation(f: JobFixture) -> Checked {
    let lease = f.running().await?;
    for _ in 0..2 {
        let job = f.store.cancel(&lease.job.owner, lease.job.id).await?;
        ensure_eq((job.state, job.cancel_requested), (JobState::Running, true), "a running job asked to stop")?;
    }
    for _ in 0..2 {
        let status = f.store.heartbeat(lease.id, None, LONG).await?;
        ensure_eq(status, LeaseStatus::CancelRequested, "the heartbeat of a job asked to stop")?;
    }
    let job = f.finish(lease.id, Outcome::Cancelled).await?;
    ensure_eq((job.state, &job.error), (JobState::Cancelled, &None), "the job that was stopped")?;
    ensure_eq(f.history(&job, 0).await?.len(), 3, "events of being queued, claimed and cancelled")
}

pub(super) async fn an_ended_job_is_not_cancelled(f: JobFixture) -> Checked {
    let [output, ..] = outputs()?;
    for outcome in [Outcome::Succeeded(output), Outcome::Failed(error(1)), Outcome::Cancelled] {
        let lease = f.running().await?;
        let job = f.finish(lease.id, outcome).await?;
        ensure_eq(&f.store.cancel(&job.owner, job.id).await?, &job, "cancelling a job that has ended")?;
        ensure_eq(&f.kept(&job).await?, &job, "the job as it is kept")?;
        ensure_eq(f.history(&job, 0).await?.len(), 3, "its events")?;
    }
    Ok(())
}

pub(super) async fn a_job_asked_to_stop_is_not_queued_again(f: JobFixture) -> Checked {
    for outcome in [Outcome::Retry(error(1), NONE), Outcome::Reschedule(NONE), Outcome::Released] {
        let lease = f.running().await?;
        f.store.cancel(&lease.job.owner, lease.job.id).await?;
        let job = f.finish(lease.id, outcome).await?;
        ensure_eq(job.state, JobState::Cancelled, "a job given back after it was asked to stop")?;
        ensure_eq(f.kept(&job).await?, job, "the job as it is kept")?;
    }
    ensure_eq(f.claim(1, LONG).await?, [], "claims of jobs asked to stop")
}

pub(super) async fn a_lapsed_job_asked_to_stop_is_cancelled(f: JobFixture) -> Checked {
    for attempts in [1, 5] {
        let job = f.enqueue(erase("ada")?.with_max_attempts(attempts)).await?;
        f.claim_one(NONE).await?;
        f.store.cancel(&job.owner, job.id).await?;
        ensure_eq(f.claim(1, LONG).await?, [], "claims of a job asked to stop")?;
        ensure_eq(f.kept(&job).await?.state, JobState::Cancelled, "a lapsed job asked to stop")?;
    }
    Ok(())
}
