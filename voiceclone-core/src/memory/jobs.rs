//! Queued work in a map: the model of what every job store does.
use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
    fmt,
    num::NonZeroUsize,
    ops::Bound,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::{StreamExt as _, stream};
use tokio::{sync::watch, time::Instant};

use super::lock;
use crate::{
    audio::BoxStream,
    domain::{Job, JobError, JobEvent, JobState, NewJob, Progress, later},
    error::{Error, ErrorKind, Result},
    id::{Fingerprint, IdempotencyKey, JobId, LeaseId, OwnerId},
    store::{Enqueued, JobQuery, JobStore, Lease, LeaseStatus, Outcome, Page},
};

/// Keeps jobs and their events in memory, without a bound. Its clock is tokio's, so `tokio::time::pause` stops it and
/// `tokio::time::advance` drives it.
pub struct MemoryJobs {
    epoch: DateTime<Utc>,
    started: Instant,
    queue: Arc<Mutex<Queue>>,
    /// Wakes workers.
    arrived: watch::Sender<()>,
}

#[derive(Default)]
struct Queue {
    rows: BTreeMap<JobId, Row>,
    leases: HashMap<LeaseId, JobId>,
    keys: HashMap<(OwnerId, &'static str, IdempotencyKey), JobId>,
}

struct Row {
    job: Job,
    request: Fingerprint,
    lease: Option<Held>,
    events: Vec<JobEvent>,
    /// Wakes followers.
    written: watch::Sender<()>,
}

struct Held {
    id: LeaseId,
    until: DateTime<Utc>,
    worker: String,
}

impl Default for MemoryJobs {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryJobs {
    /// An empty queue whose clock begins now.
    pub fn new() -> Self {
        Self::starting_at(Utc::now())
    }

    /// An empty queue whose clock begins at `epoch`.
    pub fn starting_at(epoch: DateTime<Utc>) -> Self {
        Self { epoch, started: Instant::now(), queue: Arc::default(), arrived: watch::Sender::default() }
    }

    fn now(&self) -> DateTime<Utc> {
        later(self.epoch, self.started.elapsed())
    }
}

impl fmt::Debug for MemoryJobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemoryJobs({} jobs)", lock(&self.queue).rows.len())
    }
}

impl Row {
    fn new(job: Job, request: Fingerprint) -> Self {
        let events = vec![JobEvent::of(&job, 1, job.created_at)];
        Self { job, request, lease: None, events, written: watch::Sender::new(()) }
    }

    fn has_lapsed(&self, now: DateTime<Utc>) -> bool {
        self.lease.as_ref().is_some_and(|held| held.until <= now)
    }

    fn is_due(&self, now: DateTime<Utc>) -> bool {
        (self.job.state == JobState::Queued && self.job.run_at <= now) || self.has_lapsed(now)
    }

    /// The only write of a state: the job and its event together.
    fn write(&mut self, change: impl FnOnce(&mut Job), now: DateTime<Utc>) -> Result<()> {
        let mut job = self.job.clone();
        change(&mut job);
        if !self.job.state.can_become(job.state) {
            let (from, to) = (self.job.state.as_str(), job.state.as_str());
            return Err(Error::unexpected(format!("a {from} job was to become {to}")).with("job", job.id));
        }
        job.updated_at = now;
        self.events.push(JobEvent::of(&job, self.events.len() as u64 + 1, now));
        self.job = job;
        self.written.send_replace(());
        Ok(())
    }
}

impl Queue {
    fn enqueue(&mut self, new: &NewJob, now: DateTime<Utc>) -> Result<Enqueued> {
        let request = new.spec.fingerprint()?;
        let key = new.idempotency_key.clone().map(|key| (new.owner.clone(), new.spec.kind(), key));
        if let Some(row) = key.as_ref().and_then(|key| self.keys.get(key)).and_then(|id| self.rows.get(id)) {
            if row.request == request {
                return Ok(Enqueued::Existing(row.job.clone()));
            }
            let message = "this idempotency key came with another request before";
            return Err(Error::new(ErrorKind::Conflict, message).with("job", row.job.id));
        }
        if self.rows.contains_key(&new.id) {
            return Err(Error::new(ErrorKind::AlreadyExists, "there is a job of this id").with("job", new.id));
        }
        let job = new.queued(now);
        self.rows.insert(new.id, Row::new(job.clone(), request));
        self.keys.extend(key.map(|key| (key, new.id)));
        Ok(Enqueued::New(job))
    }

    fn find(&mut self, owner: &OwnerId, id: JobId) -> Result<&mut Row> {
        self.rows.get_mut(&id).filter(|row| row.job.owner == *owner).ok_or_else(|| Error::not_found("job", id))
    }

    fn page(&self, query: &JobQuery) -> Result<Page<Job>> {
        let after = match &query.after {
            Some(cursor) => Bound::Excluded(cursor.parse::<JobId>()?),
            None => Bound::Unbounded,
        };
        let asked = |job: &&Job| job.owner == query.owner && query.state.is_none_or(|state| state == job.state);
        let mut rest = self.rows.range((after, Bound::Unbounded)).map(|(_, row)| &row.job).filter(asked);
        let items: Vec<Job> = rest.by_ref().take(query.limit.max(1)).cloned().collect();
        let next = rest.next().and(items.last()).map(|last| last.id.to_string());
        Ok(Page::new(items, next))
    }

    fn claim(&mut self, worker: &str, limit: usize, until: DateTime<Utc>, now: DateTime<Utc>) -> Result<Vec<Lease>> {
        self.end_lost_jobs(now)?;
        let mut busy: HashMap<OwnerId, usize> = HashMap::new();
        for row in self.rows.values().filter(|row| row.lease.is_some() && !row.has_lapsed(now)) {
            *busy.entry(row.job.owner.clone()).or_default() += 1;
        }
        let mut due: Vec<&mut Row> = self.rows.values_mut().filter(|row| row.is_due(now)).collect();
        let mut leases = Vec::new();
        while leases.len() < limit {
            let place = |row: &Row| {
                let share = busy.get(&row.job.owner).copied().unwrap_or_default();
                (Reverse(row.job.priority), share, row.job.run_at, row.job.id)
            };
            let Some(first) = (0..due.len()).min_by_key(|&i| due.get(i).map(|row| place(row))) else { break };
            let row = due.swap_remove(first);
            *busy.entry(row.job.owner.clone()).or_default() += 1;
            let held = Held { id: LeaseId::new(), until, worker: worker.to_owned() };
            row.write(begin_attempt, now)?;
            self.leases.insert(held.id, row.job.id);
            leases.push(Lease::new(held.id, row.job.clone()));
            if let Some(lost) = row.lease.replace(held) {
                tracing::warn!(job = %row.job.id, worker = lost.worker, "a worker lost its lease; the job is tried again");
                self.leases.remove(&lost.id);
            }
        }
        Ok(leases)
    }

    /// Ends the lapsed jobs that are not to be tried again.
    fn end_lost_jobs(&mut self, now: DateTime<Utc>) -> Result<()> {
        for row in self.rows.values_mut().filter(|row| row.has_lapsed(now)) {
            let crashes = row.job.crashes + 1;
            let end = if row.job.cancel_requested {
                Outcome::Cancelled
            } else if crashes >= row.job.max_crashes {
                Outcome::Failed(JobError::worker_lost(crashes, row.job.attempt))
            } else {
                continue;
            };
            row.write(
                |job| {
                    job.crashes = crashes;
                    end.apply(job, now);
                },
                now,
            )?;
            if let Some(lost) = row.lease.take() {
                self.leases.remove(&lost.id);
            }
        }
        Ok(())
    }

    fn remove(&mut self, owner: &OwnerId, id: JobId) -> Result<Job> {
        let job = self.find(owner, id)?.job.clone();
        if !job.state.is_terminal() {
            return Err(Error::new(ErrorKind::Conflict, "the job has not ended").with("job", id));
        }
        self.rows.remove(&id);
        self.keys.retain(|_, kept| *kept != id);
        Ok(job)
    }

    fn prune(&mut self, before: DateTime<Utc>, limit: usize) -> Result<Vec<Job>> {
        let ended = |job: &&Job| job.state.is_terminal() && job.updated_at <= before;
        let mut old: Vec<Job> = self.rows.values().map(|row| &row.job).filter(ended).cloned().collect();
        old.sort_by_key(|job| job.updated_at);
        old.truncate(limit);
        old.into_iter().map(|job| self.remove(&job.owner, job.id)).collect()
    }

    /// The row of the job that `lease` still holds.
    fn held(&mut self, lease: LeaseId) -> Result<&mut Row> {
        let row = self.leases.get(&lease).and_then(|id| self.rows.get_mut(id));
        row.ok_or_else(|| {
            Error::new(ErrorKind::LeaseLost, "the job has ended or another worker holds it").with("lease", lease)
        })
    }

    fn finish(&mut self, lease: LeaseId, outcome: &Outcome, now: DateTime<Utc>) -> Result<Job> {
        let row = self.held(lease)?;
        row.write(|job| outcome.apply(job, now), now)?;
        row.lease = None;
        let job = row.job.clone();
        self.leases.remove(&lease);
        Ok(job)
    }
}

/// A queued job begins an attempt; one whose worker was lost goes on with the attempt it was in.
fn begin_attempt(job: &mut Job) {
    if job.state == JobState::Running {
        job.crashes += 1;
    } else {
        (job.state, job.attempt) = (JobState::Running, job.attempt + 1);
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl JobStore for MemoryJobs {
    async fn enqueue(&self, job: &NewJob) -> Result<Enqueued> {
        let queued = lock(&self.queue).enqueue(job, self.now());
        self.arrived.send_replace(());
        queued
    }

    async fn job(&self, owner: &OwnerId, id: JobId) -> Result<Job> {
        Ok(lock(&self.queue).find(owner, id)?.job.clone())
    }

    async fn jobs(&self, query: &JobQuery) -> Result<Page<Job>> {
        lock(&self.queue).page(query)
    }

    async fn claim(&self, worker: &str, limit: NonZeroUsize, lease: Duration) -> Result<Vec<Lease>> {
        let now = self.now();
        lock(&self.queue).claim(worker, limit.get(), later(now, lease), now)
    }

    async fn heartbeat(&self, lease: LeaseId, progress: Option<Progress>, length: Duration) -> Result<LeaseStatus> {
        let now = self.now();
        let mut queue = lock(&self.queue);
        let row = queue.held(lease)?;
        if progress.is_some() && progress != row.job.progress {
            row.write(|job| job.progress = progress, now)?;
        }
        if let Some(held) = &mut row.lease {
            held.until = later(now, length);
        }
        Ok(if row.job.cancel_requested { LeaseStatus::CancelRequested } else { LeaseStatus::Held })
    }

    async fn finish(&self, lease: LeaseId, outcome: &Outcome) -> Result<Job> {
        lock(&self.queue).finish(lease, outcome, self.now())
    }

    async fn cancel(&self, owner: &OwnerId, id: JobId) -> Result<Job> {
        let now = self.now();
        let mut queue = lock(&self.queue);
        let row = queue.find(owner, id)?;
        match row.job.state {
            JobState::Queued => {
                row.write(|job| (job.state, job.cancel_requested) = (JobState::Cancelled, true), now)?;
            }
            JobState::Running if !row.job.cancel_requested => {
                (row.job.cancel_requested, row.job.updated_at) = (true, now);
            }
            _ => {}
        }
        Ok(row.job.clone())
    }

    async fn events(&self, owner: &OwnerId, id: JobId, after: u64) -> Result<BoxStream<Result<JobEvent>>> {
        let written = lock(&self.queue).find(owner, id)?.written.subscribe();
        let queue = Arc::clone(&self.queue);
        let follow = stream::unfold((queue, written, after), move |(queue, mut written, seen)| async move {
            loop {
                // Seen before looking, so that an event written in between wakes the wait below.
                written.mark_unchanged();
                match next_event(&queue, id, seen) {
                    Next::Event(event) => {
                        let seen = event.seq;
                        return Some((Ok(event), (queue, written, seen)));
                    }
                    Next::End => return None,
                    Next::Wait => written.changed().await.ok()?,
                }
            }
        });
        Ok(follow.boxed())
    }

    fn arrivals(&self) -> BoxStream<()> {
        let arrived = self.arrived.subscribe();
        stream::unfold(arrived, |mut arrived| async { arrived.changed().await.ok().map(|()| ((), arrived)) }).boxed()
    }

    async fn remove(&self, owner: &OwnerId, id: JobId) -> Result<Job> {
        lock(&self.queue).remove(owner, id)
    }

    async fn prune(&self, age: Duration, limit: NonZeroUsize) -> Result<Vec<Job>> {
        let age = TimeDelta::from_std(age).unwrap_or(TimeDelta::MAX);
        let before = self.now().checked_sub_signed(age).unwrap_or(DateTime::<Utc>::MIN_UTC);
        lock(&self.queue).prune(before, limit.get())
    }
}

enum Next {
    Event(JobEvent),
    Wait,
    End,
}

fn next_event(queue: &Mutex<Queue>, id: JobId, seen: u64) -> Next {
    let queue = lock(queue);
    let Some(row) = queue.rows.get(&id) else { return Next::End };
    match usize::try_from(seen).ok().and_then(|seen| row.events.get(seen)) {
        Some(event) => Next::Event(event.clone()),
        None if row.job.state.is_terminal() => Next::End,
        None => Next::Wait,
    }
}
