//! Queued work in the table `clone_jobs`. Knows the rules of the queue as statements, and nothing of what a job does.
use std::{num::NonZeroUsize, time::Duration};

use async_trait::async_trait;
use futures_util::{StreamExt as _, future::try_join_all, stream};
use voiceclone_core::{
    Error, Result,
    audio::BoxStream,
    domain::{Job, JobError, JobEvent, JobState, NewJob, Progress},
    id::{JobId, LeaseId, OwnerId},
    store::{Enqueued, JobQuery, JobStore, Lease, LeaseStatus, Outcome, Page},
};

use super::{SqliteStore, Statement, rows, sql};
use crate::sql::{
    follow,
    record::{cursor, page_of},
    refuse,
    values::{count, to_json},
};

/// The most jobs of one claim, however many are asked for.
const MAX_BATCH: usize = 1000;

impl SqliteStore {
    /// Wakes the followers of a job that was changed; it is no matter if there are none.
    fn announce(&self, job: JobId) {
        let _ = self.changed.send(Some(job));
    }

    /// The job that `statement` changed, if it changed one.
    async fn change(&self, statement: Statement) -> Result<Option<Job>> {
        let job = self.write(statement).await?.first().map(rows::job).transpose()?;
        if let Some(job) = &job {
            self.announce(job.id);
        }
        Ok(job)
    }

    async fn find(&self, owner: &OwnerId, id: JobId) -> Result<Job> {
        let found = self.read(sqlx::query(sql::JOB).bind(id.to_string()).bind(owner.to_string())).await?;
        found.first().map_or_else(|| Err(Error::not_found("job", id)), rows::job)
    }

    /// Why a job could not be queued: there is one with its key, or one with its id.
    async fn existing(&self, new: &NewJob, fingerprint: &str) -> Result<Enqueued> {
        let statement = sqlx::query(sql::JOB_BY_KEY)
            .bind(new.owner.to_string())
            .bind(new.spec.kind())
            .bind(new.idempotency_key.as_ref().map(ToString::to_string));
        let found = self.read(statement).await?;
        let Some(row) = found.first() else {
            return Err(refuse::job_id_taken(new.id));
        };
        let asks_the_same = rows::get::<&str>(row, "fingerprint")? == fingerprint;
        refuse::key_taken(rows::job(row)?, asks_the_same)
    }

    /// Ends the lapsed jobs that are not to be tried again.
    async fn end_lost_jobs(&self) -> Result<()> {
        let lost = self.read(sqlx::query(sql::LOST)).await?;
        try_join_all(lost.iter().map(async |row| {
            let asked_to_stop: bool = rows::get(row, "cancel_requested")?;
            let poison = JobError::worker_lost(rows::get(row, "crashes")?, rows::get(row, "attempt")?);
            let error = if asked_to_stop { None } else { Some(to_json(&poison)?) };
            let state = if asked_to_stop { JobState::Cancelled } else { JobState::Failed };
            let statement = sqlx::query(sql::END_LOST)
                .bind(rows::get::<String>(row, "lease_id")?)
                .bind(state.as_str())
                .bind(error)
                .bind(asked_to_stop);
            for ended in self.write(statement).await? {
                self.announce(rows::parse(&ended, "job_id")?);
            }
            Ok(())
        }))
        .await
        .map(drop)
    }
}

/// The attempt ends and so does the job.
fn end(lease: LeaseId, state: JobState, output: Option<String>, error: Option<String>) -> Statement {
    sqlx::query(sql::END).bind(lease.to_string()).bind(state.as_str()).bind(output).bind(error)
}

/// The attempt ends and the job waits for another, unless it may not.
fn requeue(lease: LeaseId, error: Option<String>, delay: Option<Duration>, counts: bool) -> Statement {
    let delay = delay.map(rows::millis);
    sqlx::query(sql::REQUEUE).bind(lease.to_string()).bind(error).bind(delay).bind(counts)
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl JobStore for SqliteStore {
    async fn enqueue(&self, new: &NewJob) -> Result<Enqueued> {
        let fingerprint = new.spec.fingerprint()?;
        let statement = sqlx::query(sql::ENQUEUE)
            .bind(new.id.to_string())
            .bind(new.owner.to_string())
            .bind(new.spec.kind())
            .bind(to_json(&new.spec)?)
            .bind(fingerprint.to_string())
            .bind(new.idempotency_key.as_ref().map(ToString::to_string))
            .bind(new.priority)
            .bind(i64::from(new.max_attempts.max(1)))
            .bind(i64::from(new.max_crashes.max(1)))
            .bind(rows::millis(new.delay));
        match self.change(statement).await? {
            Some(job) => {
                self.arrived.send_replace(());
                Ok(Enqueued::New(job))
            }
            None => self.existing(new, fingerprint.as_str()).await,
        }
    }

    async fn job(&self, owner: &OwnerId, id: JobId) -> Result<Job> {
        self.find(owner, id).await
    }

    async fn jobs(&self, query: &JobQuery) -> Result<Page<Job>> {
        let limit = query.limit.max(1);
        let statement = sqlx::query(sql::JOBS)
            .bind(query.owner.to_string())
            .bind(cursor::<JobId>(query.after.as_deref())?)
            .bind(query.state.map(JobState::as_str))
            .bind(count(limit).saturating_add(1));
        let found = self.read(statement).await?;
        let jobs = found.iter().map(rows::job).collect::<Result<Vec<_>>>()?;
        Ok(page_of(jobs, limit, |job| job.id))
    }

    async fn claim(&self, worker: &str, limit: NonZeroUsize, lease: Duration) -> Result<Vec<Lease>> {
        self.end_lost_jobs().await?;
        let limit = limit.get().min(MAX_BATCH);
        let fresh: Vec<LeaseId> = (0..limit).map(|_| LeaseId::new()).collect();
        let statement = sqlx::query(sql::CLAIM)
            .bind(count(limit))
            .bind(to_json(&fresh)?)
            .bind(worker.to_owned())
            .bind(rows::millis(lease));
        let claimed = self.write(statement).await?;
        let mut leases = claimed.iter().map(rows::lease).collect::<Result<Vec<_>>>()?;
        // Rows come in no order, but the fresh leases were dealt in the order of the jobs and sort as they were made.
        leases.sort_by_key(|lease| lease.id);
        for lease in &leases {
            self.announce(lease.job.id);
        }
        Ok(leases)
    }

    async fn heartbeat(&self, lease: LeaseId, progress: Option<Progress>, length: Duration) -> Result<LeaseStatus> {
        let progress = progress.as_ref().map(to_json).transpose()?;
        let moved = progress.is_some();
        let statement = sqlx::query(sql::HEARTBEAT).bind(lease.to_string()).bind(rows::millis(length)).bind(progress);
        let held = self.write(statement).await?;
        let row = held.first().ok_or_else(|| refuse::lease_lost(lease))?;
        if moved {
            self.announce(rows::parse(row, "job_id")?);
        }
        let asked_to_stop = rows::get(row, "cancel_requested")?;
        Ok(if asked_to_stop { LeaseStatus::CancelRequested } else { LeaseStatus::Held })
    }

    async fn finish(&self, lease: LeaseId, outcome: &Outcome) -> Result<Job> {
        let statement = match outcome {
            Outcome::Succeeded(output) => end(lease, JobState::Succeeded, Some(to_json(output)?), None),
            Outcome::Failed(error) => end(lease, JobState::Failed, None, Some(to_json(error)?)),
            Outcome::Cancelled => end(lease, JobState::Cancelled, None, None),
            Outcome::Retry(error, delay) => requeue(lease, Some(to_json(error)?), Some(*delay), true),
            Outcome::Reschedule(delay) => requeue(lease, None, Some(*delay), false),
            Outcome::Released => requeue(lease, None, None, false),
            other => return Err(Error::unsupported(format!("this store does not know the outcome {other:?}"))),
        };
        self.change(statement).await?.ok_or_else(|| refuse::lease_lost(lease))
    }

    async fn cancel(&self, owner: &OwnerId, id: JobId) -> Result<Job> {
        let statement = sqlx::query(sql::CANCEL).bind(id.to_string()).bind(owner.to_string());
        match self.change(statement).await? {
            Some(job) => Ok(job),
            None => self.find(owner, id).await,
        }
    }

    async fn events(&self, owner: &OwnerId, id: JobId, after: u64) -> Result<BoxStream<Result<JobEvent>>> {
        let changes = self.changed.subscribe();
        self.find(owner, id).await?;
        Ok(follow::events(self.clone(), changes, owner.clone(), id, after))
    }

    fn arrivals(&self) -> BoxStream<()> {
        let arrived = self.arrived.subscribe();
        stream::unfold(arrived, |mut arrived| async { arrived.changed().await.ok().map(|()| ((), arrived)) }).boxed()
    }

    async fn remove(&self, owner: &OwnerId, id: JobId) -> Result<Job> {
        let statement = sqlx::query(sql::REMOVE).bind(id.to_string()).bind(owner.to_string());
        if let Some(removed) = self.change(statement).await? {
            return Ok(removed);
        }
        let job = self.find(owner, id).await?;
        Err(refuse::job_goes_on(job.id))
    }

    async fn prune(&self, age: Duration, limit: NonZeroUsize) -> Result<Vec<Job>> {
        let statement = sqlx::query(sql::PRUNE).bind(rows::millis(age)).bind(count(limit.get()));
        self.write(statement).await?.iter().map(rows::job).collect()
    }
}
