//! Leases: how they are taken, kept, lost and fenced.
use super::{JobFixture, LONG, NONE, erase};
use crate::{
    domain::{Job, JobError, JobState, Progress},
    error::{Error, ErrorKind},
    id::LeaseId,
    store::{LeaseStatus, Outcome},
    testkit::check::{Checked, ensure, ensure_eq, ensure_kind},
};

pub(super) async fn a_claim_runs_the_job_and_counts_the_attempt(f: JobFixture) -> Checked {
    let job = f.job().await?;
    let lease = f.claim_one(LONG).await?;
    ensure_eq(lease.job.id, job.id, "the job claimed")?;
    ensure_eq((lease.job.state, lease.job.attempt), (JobState::Running, 1), "the job as it was claimed")?;
    ensure_eq(f.kept(&job).await?, lease.job, "the job as it is kept")
}

pub(super) async fn a_held_job_is_not_claimed_again(f: JobFixture) -> Checked {
    let lease = f.running().await?;
    ensure_eq(f.claim(10, NONE).await?, [], "claims of a held job")?;
    let status = f.store.heartbeat(lease.id, None, LONG).await?;
    ensure_eq(status, LeaseStatus::Held, "the lease")
}

pub(super) async fn a_lapsed_lease_is_claimed_again_and_counted(f: JobFixture) -> Checked {
    f.job().await?;
    let first = f.claim_one(NONE).await?;
    let second = f.claim_one(NONE).await?;
    ensure_eq((first.job.id, first.job.attempt), (second.job.id, second.job.attempt), "the job and its attempt")?;
    ensure_eq((first.job.crashes, second.job.crashes), (0, 1), "the lost workers")?;
    ensure(first.id != second.id, "two claims have one lease")
}

pub(super) async fn a_heartbeat_extends_the_lease(f: JobFixture) -> Checked {
    f.job().await?;
    let lease = f.claim_one(NONE).await?;
    f.store.heartbeat(lease.id, None, LONG).await?;
    ensure_eq(f.claim(1, LONG).await?, [], "claims after a long heartbeat")?;
    f.store.heartbeat(lease.id, None, NONE).await?;
    ensure_eq(f.claim_one(LONG).await?.job.crashes, 1, "the lost workers after a heartbeat of no length")
}

pub(super) async fn a_lapsed_lease_that_nobody_took_still_writes(f: JobFixture) -> Checked {
    f.job().await?;
    let lease = f.claim_one(NONE).await?;
    f.store.heartbeat(lease.id, Some(Progress::new("late", 1, 2)), NONE).await?;
    let job = f.finish(lease.id, Outcome::Cancelled).await?;
    ensure_eq(job.state, JobState::Cancelled, "where the job stands")
}

pub(super) async fn a_stale_lease_is_refused_a_heartbeat(f: JobFixture) -> Checked {
    f.job().await?;
    let stale = f.claim_one(NONE).await?;
    let held = f.claim_one(LONG).await?;
    let late = f.store.heartbeat(stale.id, Some(Progress::new("stale", 1, 2)), NONE).await;
    ensure_kind(late, ErrorKind::LeaseLost, "a stale heartbeat")?;
    ensure_eq(f.kept(&held.job).await?, held.job, "the job afterwards")?;
    ensure_eq(f.claim(1, LONG).await?, [], "claims after a stale heartbeat")
}

pub(super) async fn a_stale_lease_is_refused_a_finish(f: JobFixture) -> Checked {
    f.job().await?;
    let stale = f.claim_one(NONE).await?;
    let held = f.claim_one(LONG).await?;
    for outcome in [Outcome::Cancelled, Outcome::Released, Outcome::Reschedule(NONE)] {
        ensure_kind(f.store.finish(stale.id, &outcome).await, ErrorKind::LeaseLost, "a stale finish")?;
    }
    ensure_eq(f.kept(&held.job).await?, held.job, "the job afterwards")?;
    ensure_eq(f.finish(held.id, Outcome::Cancelled).await?.state, JobState::Cancelled, "the holder's finish")
}

pub(super) async fn a_lease_that_never_was_is_lost(f: JobFixture) -> Checked {
    let held = f.running().await?;
    let unknown = LeaseId::new();
    ensure_kind(f.store.heartbeat(unknown, None, LONG).await, ErrorKind::LeaseLost, "a heartbeat")?;
    ensure_kind(f.store.finish(unknown, &Outcome::Cancelled).await, ErrorKind::LeaseLost, "a finish")?;
    ensure_eq(f.kept(&held.job).await?, held.job, "another job")
}

pub(super) async fn a_job_that_loses_every_worker_fails(f: JobFixture) -> Checked {
    let job = f.enqueue(erase("ada")?.with_max_attempts(1).with_max_crashes(3)).await?;
    let mut last = f.claim_one(NONE).await?;
    for crashes in 1..3 {
        last = f.claim_one(NONE).await?;
        ensure_eq((last.job.attempt, last.job.crashes), (1, crashes), "the attempt and the lost workers")?;
    }
    ensure_eq(f.claim(1, LONG).await?, [], "claims after the last worker allowed was lost")?;
    let failed = f.kept(&job).await?;
    ensure_eq((failed.state, failed.crashes), (JobState::Failed, 3), "the job that lost every worker")?;
    let error = failed.error.as_ref().map(|error| (error.kind, error.attempt));
    ensure_eq(error, Some((ErrorKind::LeaseLost, 1)), "its error")?;
    let event = f.history(&job, 0).await?.pop();
    ensure_eq(event.map(|event| (event.state, event.error)), Some((JobState::Failed, failed.error)), "its last event")?;
    ensure_kind(f.store.finish(last.id, &Outcome::Released).await, ErrorKind::LeaseLost, "its last worker")
}

pub(super) async fn lost_workers_and_errors_are_counted_apart(f: JobFixture) -> Checked {
    let error = JobError::new(&Error::new(ErrorKind::Timeout, "too slow"), 2);
    f.enqueue(erase("ada")?.with_max_attempts(2).with_max_crashes(4)).await?;
    let counts = |job: &Job| (job.attempt, job.crashes);
    f.claim_one(NONE).await?;
    f.claim_one(NONE).await?;
    let first = f.claim_one(LONG).await?;
    ensure_eq(counts(&first.job), (1, 2), "attempts and lost workers after two were lost")?;
    let waits = f.finish(first.id, Outcome::Retry(error.clone(), NONE)).await?;
    ensure_eq((waits.state, counts(&waits)), (JobState::Queued, (1, 2)), "the job after its first error")?;
    ensure_eq(counts(&f.claim_one(NONE).await?.job), (2, 2), "the second attempt")?;
    let last = f.claim_one(LONG).await?;
    ensure_eq(counts(&last.job), (2, 3), "the second attempt after a third worker was lost")?;
    let failed = f.finish(last.id, Outcome::Retry(error.clone(), NONE)).await?;
    ensure_eq((failed.state, counts(&failed)), (JobState::Failed, (2, 3)), "the job after its last error")?;
    ensure_eq(&failed.error, &Some(error), "its error")?;
    ensure_eq(f.kept(&failed).await?, failed, "the job as it is kept")
}

pub(super) async fn lost_workers_stay_counted_when_the_job_is_given_back(f: JobFixture) -> Checked {
    let error = JobError::new(&Error::new(ErrorKind::Timeout, "too slow"), 1);
    for outcome in [Outcome::Retry(error, NONE), Outcome::Reschedule(NONE), Outcome::Released] {
        let job = f.enqueue(erase("ada")?.with_max_crashes(2)).await?;
        f.claim_one(NONE).await?;
        let lease = f.claim_one(LONG).await?;
        ensure_eq(f.finish(lease.id, outcome).await?.crashes, 1, "the lost workers of a job given back")?;
        ensure_eq(f.claim_one(NONE).await?.job.crashes, 1, "the lost workers of a job claimed again")?;
        ensure_eq(f.claim(1, LONG).await?, [], "claims after the last worker allowed was lost")?;
        let failed = f.kept(&job).await?;
        ensure_eq((failed.state, failed.crashes), (JobState::Failed, 2), "the job that lost both workers")?;
    }
    Ok(())
}

pub(super) async fn a_poisoned_job_takes_no_place_in_a_claim(f: JobFixture) -> Checked {
    f.enqueue(erase("ada")?.with_max_crashes(1)).await?;
    f.claim_one(NONE).await?;
    let next = f.job().await?;
    ensure_eq(f.claim(1, LONG).await?.first().map(|lease| lease.job.id), Some(next.id), "the job claimed")
}

pub(super) async fn progress_is_kept_and_visible(f: JobFixture) -> Checked {
    let lease = f.running().await?;
    let half = Some(Progress::new("speaking é", 5, u64::from(u32::MAX)));
    f.store.heartbeat(lease.id, half.clone(), LONG).await?;
    ensure_eq(&f.kept(&lease.job).await?.progress, &half, "the progress")?;
    f.store.heartbeat(lease.id, None, LONG).await?;
    ensure_eq(&f.kept(&lease.job).await?.progress, &half, "the progress after a heartbeat without one")?;
    let ended = f.finish(lease.id, Outcome::Cancelled).await?;
    ensure_eq(ended.progress, half, "the progress of an ended job")
}
