//! Queued work in the table `clone_jobs`. Knows the rules of the queue as statements, and nothing of what a job does.
use std::{num::NonZeroUsize, time::Duration};

use async_trait::async_trait;
use futures_util::{StreamExt as _, stream};
use voiceclone_core::{
    Error, Result,
    audio::BoxStream,
    domain::{Job, JobEvent, JobState, NewJob, Progress},
    id::{JobId, LeaseId, OwnerId},
    store::{Enqueued, JobQuery, JobStore, Lease, LeaseStatus, Outcome, Page},
};

use super::{
    PostgresStore,
    link::Statement,
    rows, sql,
    writes::{Beat, End, NewRow},
};
use crate::sql::{
    follow,
    record::{cursor, page_of},
    refuse,
    values::count,
};

impl PostgresStore {
    /// The job that `statement` changed, if it changed one.
    async fn change(&self, statement: Statement<'_>) -> Result<Option<Job>> {
        let job = self.run(statement).await?.first().map(rows::job).transpose()?;
        if let Some(job) = &job {
            self.0.hands.wake.changed(job.id);
        }
        Ok(job)
    }

    async fn find(&self, owner: &OwnerId, id: JobId) -> Result<Job> {
        let found = self.run(sqlx::query(sql::JOB).bind(id.to_string()).bind(owner.as_str())).await?;
        found.first().map_or_else(|| Err(Error::not_found("job", id)), rows::job)
    }

    /// Why a job could not be queued: there is one with its key, or one with its id.
    async fn existing(&self, new: &NewJob, fingerprint: &str) -> Result<Enqueued> {
        let statement = sqlx::query(sql::JOB_BY_KEY)
            .bind(new.owner.as_str())
            .bind(new.spec.kind())
            .bind(new.idempotency_key.as_ref().map(ToString::to_string));
        let found = self.run(statement).await?;
        let row = found.first().ok_or_else(|| refuse::job_id_taken(new.id))?;
        let asks_the_same = rows::get::<&str>(row, "fingerprint")? == fingerprint;
        refuse::key_taken(rows::job(row)?, asks_the_same)
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl JobStore for PostgresStore {
    async fn enqueue(&self, new: &NewJob) -> Result<Enqueued> {
        let fingerprint = new.spec.fingerprint()?.to_string();
        match self.0.enqueues.call(NewRow::of(new, fingerprint.clone())?).await? {
            Some(job) => Ok(Enqueued::New(job)),
            None => self.existing(new, &fingerprint).await,
        }
    }

    async fn job(&self, owner: &OwnerId, id: JobId) -> Result<Job> {
        self.find(owner, id).await
    }

    async fn jobs(&self, query: &JobQuery) -> Result<Page<Job>> {
        let limit = query.limit.max(1);
        let statement = sqlx::query(sql::JOBS)
            .bind(query.owner.as_str())
            .bind(cursor::<JobId>(query.after.as_deref())?)
            .bind(query.state.map(JobState::as_str))
            .bind(count(limit).saturating_add(1));
        let found = self.run(statement).await?;
        let jobs = found.iter().map(rows::job).collect::<Result<Vec<_>>>()?;
        Ok(page_of(jobs, limit, |job| job.id))
    }

    async fn claim(&self, worker: &str, limit: NonZeroUsize, lease: Duration) -> Result<Vec<Lease>> {
        self.take(worker, limit, lease).await
    }

    async fn heartbeat(&self, lease: LeaseId, progress: Option<Progress>, length: Duration) -> Result<LeaseStatus> {
        let beat = Beat::of(lease, progress.as_ref(), length)?;
        self.0.heartbeats.call(beat).await?.ok_or_else(|| refuse::lease_lost(lease))
    }

    async fn finish(&self, lease: LeaseId, outcome: &Outcome) -> Result<Job> {
        self.0.finishes.call(End::of(lease, outcome)?).await?.ok_or_else(|| refuse::lease_lost(lease))
    }

    async fn cancel(&self, owner: &OwnerId, id: JobId) -> Result<Job> {
        let statement = sqlx::query(sql::CANCEL).bind(id.to_string()).bind(owner.as_str());
        match self.change(statement).await? {
            Some(job) => Ok(job),
            None => self.find(owner, id).await,
        }
    }

    async fn events(&self, owner: &OwnerId, id: JobId, after: u64) -> Result<BoxStream<Result<JobEvent>>> {
        let changes = self.0.hands.wake.changed.subscribe();
        self.find(owner, id).await?;
        Ok(follow::events(self.clone(), changes, owner.clone(), id, after))
    }

    fn arrivals(&self) -> BoxStream<()> {
        let arrived = self.0.hands.wake.arrived.subscribe();
        // The store goes with the stream, so that what listens for arrivals stays.
        let all = stream::unfold((arrived, self.clone()), |(mut arrived, store)| async {
            arrived.changed().await.ok().map(|()| ((), (arrived, store)))
        });
        all.boxed()
    }

    async fn remove(&self, owner: &OwnerId, id: JobId) -> Result<Job> {
        let statement = sqlx::query(sql::REMOVE).bind(id.to_string()).bind(owner.as_str());
        if let Some(removed) = self.change(statement).await? {
            return Ok(removed);
        }
        let job = self.find(owner, id).await?;
        Err(refuse::job_goes_on(job.id))
    }

    async fn prune(&self, age: Duration, limit: NonZeroUsize) -> Result<Vec<Job>> {
        let statement = sqlx::query(sql::PRUNE).bind(rows::age(age)).bind(count(limit.get()));
        self.run(statement).await?.iter().map(rows::job).collect()
    }
}
