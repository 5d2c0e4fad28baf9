//! The three calls that processes make most, many in one statement: queueing, heartbeats and the ends of attempts.
use std::{collections::HashMap, sync::Arc, time::Duration};

use uuid::Uuid;
use voiceclone_core::{
    Error, Result,
    domain::{Job, JobState, NewJob, Progress},
    id::{JobId, LeaseId},
    store::{LeaseStatus, Outcome},
};

use super::{batch::Batched, link::Link, rows, sql, wake::Wake};
use crate::sql::values::to_json;

/// What the statements are run with.
#[derive(Clone)]
pub(super) struct Hands {
    pub(super) link: Link,
    pub(super) wake: Arc<Wake>,
}

pub(super) struct Enqueues(pub(super) Hands);

/// A job as the columns hold it.
pub(super) struct NewRow {
    id: JobId,
    job: String,
    owner: String,
    kind: &'static str,
    spec: String,
    text: Option<String>,
    fingerprint: String,
    key: Option<String>,
    priority: i16,
    max_attempts: i64,
    max_crashes: i64,
    delay: i64,
}

impl NewRow {
    pub(super) fn of(new: &NewJob, fingerprint: String) -> Result<Self> {
        let (spec, text) = rows::split_text(&new.spec)?;
        Ok(Self {
            id: new.id,
            job: new.id.to_string(),
            owner: new.owner.to_string(),
            kind: new.spec.kind(),
            spec,
            text,
            fingerprint,
            key: new.idempotency_key.as_ref().map(ToString::to_string),
            priority: new.priority,
            max_attempts: i64::from(new.max_attempts.max(1)),
            max_crashes: i64::from(new.max_crashes.max(1)),
            delay: rows::micros(new.delay),
        })
    }
}

impl Batched for Enqueues {
    type Call = NewRow;
    /// `None`: the id or the idempotency key is taken.
    type Answer = Option<Job>;

    fn subjects(new: &NewRow) -> Vec<String> {
        let key = new.key.as_ref().map(|key| format!("{}\n{}\n{key}", new.owner, new.kind));
        std::iter::once(new.job.clone()).chain(key).collect()
    }

    async fn run(&self, new: &[Arc<NewRow>]) -> Result<Vec<Option<Job>>> {
        let statement = sqlx::query(sql::ENQUEUE)
            .bind(column(new, |new| new.job.as_str()))
            .bind(column(new, |new| new.owner.as_str()))
            .bind(column(new, |new| new.kind))
            .bind(column(new, |new| new.spec.as_str()))
            .bind(column(new, |new| new.text.as_deref()))
            .bind(column(new, |new| new.fingerprint.as_str()))
            .bind(column(new, |new| new.key.as_deref()))
            .bind(column(new, |new| new.priority))
            .bind(column(new, |new| new.max_attempts))
            .bind(column(new, |new| new.max_crashes))
            .bind(column(new, |new| new.delay));
        let Hands { link, wake } = &self.0;
        let jobs = link.run(statement).await?.iter().map(rows::job).collect::<Result<Vec<_>>>()?;
        if !jobs.is_empty() {
            wake.queued();
        }
        let mut by_id: HashMap<JobId, Job> = jobs.into_iter().map(|job| (job.id, job)).collect();
        Ok(new.iter().map(|new| by_id.remove(&new.id)).inspect(|job| announce(wake, job.as_ref())).collect())
    }
}

pub(super) struct Heartbeats(pub(super) Hands);

pub(super) struct Beat {
    lease: LeaseId,
    length: i64,
    progress: Option<String>,
}

impl Beat {
    pub(super) fn of(lease: LeaseId, progress: Option<&Progress>, length: Duration) -> Result<Self> {
        Ok(Self { lease, length: rows::micros(length), progress: progress.map(to_json).transpose()? })
    }
}

impl Batched for Heartbeats {
    type Call = Beat;
    /// `None`: the lease is lost.
    type Answer = Option<LeaseStatus>;

    fn subjects(beat: &Beat) -> Vec<String> {
        vec![beat.lease.to_string()]
    }

    async fn run(&self, beats: &[Arc<Beat>]) -> Result<Vec<Option<LeaseStatus>>> {
        let statement = sqlx::query(sql::HEARTBEAT)
            .bind(column(beats, |beat| *beat.lease.as_uuid()))
            .bind(column(beats, |beat| beat.length))
            .bind(column(beats, |beat| beat.progress.as_deref()));
        let Hands { link, wake } = &self.0;
        let mut held: HashMap<LeaseId, (LeaseStatus, JobId)> = HashMap::new();
        for row in &link.run(statement).await? {
            let asked_to_stop = rows::get(row, "cancel_requested")?;
            let status = if asked_to_stop { LeaseStatus::CancelRequested } else { LeaseStatus::Held };
            held.insert(rows::lease_id(row)?, (status, rows::parse(row, "job_id")?));
        }
        let answer = |beat: &Arc<Beat>| {
            let (status, job) = held.get(&beat.lease).copied()?;
            // A heartbeat without progress is no event.
            if beat.progress.is_some() {
                wake.changed(job);
            }
            Some(status)
        };
        Ok(beats.iter().map(answer).collect())
    }
}

pub(super) struct Finishes(pub(super) Hands);

/// How an attempt ended, as the statement takes it.
pub(super) struct End {
    lease: LeaseId,
    /// The state to end in, or `None` to wait for another attempt unless the job may not.
    state: Option<JobState>,
    output: Option<String>,
    error: Option<String>,
    delay: Option<i64>,
    counts: bool,
}

impl End {
    pub(super) fn of(lease: LeaseId, outcome: &Outcome) -> Result<Self> {
        let end = Self { lease, state: None, output: None, error: None, delay: None, counts: true };
        Ok(match outcome {
            Outcome::Succeeded(output) => {
                Self { state: Some(JobState::Succeeded), output: Some(to_json(output)?), ..end }
            }
            Outcome::Failed(error) => Self { state: Some(JobState::Failed), error: Some(to_json(error)?), ..end },
            Outcome::Cancelled => Self { state: Some(JobState::Cancelled), ..end },
            Outcome::Retry(error, delay) => {
                Self { error: Some(to_json(error)?), delay: Some(rows::micros(*delay)), ..end }
            }
            Outcome::Reschedule(delay) => Self { delay: Some(rows::micros(*delay)), counts: false, ..end },
            Outcome::Released => Self { counts: false, ..end },
            other => return Err(Error::unsupported(format!("this store does not know the outcome {other:?}"))),
        })
    }
}

impl Batched for Finishes {
    type Call = End;
    /// `None`: the lease is lost.
    type Answer = Option<Job>;

    fn subjects(end: &End) -> Vec<String> {
        vec![end.lease.to_string()]
    }

    async fn run(&self, ends: &[Arc<End>]) -> Result<Vec<Option<Job>>> {
        let statement = sqlx::query(sql::FINISH)
            .bind(column(ends, |end| *end.lease.as_uuid()))
            .bind(column(ends, |end| end.state.map(JobState::as_str)))
            .bind(column(ends, |end| end.output.as_deref()))
            .bind(column(ends, |end| end.error.as_deref()))
            .bind(column(ends, |end| end.delay))
            .bind(column(ends, |end| end.counts));
        let Hands { link, wake } = &self.0;
        let mut by_lease: HashMap<Uuid, Job> = HashMap::new();
        for row in &link.run(statement).await? {
            by_lease.insert(rows::get(row, "lease_id")?, rows::job(row)?);
        }
        let answers = ends.iter().map(|end| by_lease.remove(end.lease.as_uuid()));
        Ok(answers.inspect(|job| announce(wake, job.as_ref())).collect())
    }
}

fn announce(wake: &Wake, job: Option<&Job>) {
    if let Some(job) = job {
        wake.changed(job.id);
    }
}

fn column<'c, C, T>(calls: &'c [Arc<C>], value: impl Fn(&'c C) -> T) -> Vec<T> {
    calls.iter().map(|call| value(call)).collect()
}
