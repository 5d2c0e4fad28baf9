//! Removing jobs that have ended, one by name and old ones in batches.
use std::{collections::BTreeSet, num::NonZeroUsize, time::Duration};

use chrono::{DateTime, Utc};
use futures_util::{StreamExt as _, TryStreamExt as _};

use super::{JobFixture, LONG, NONE, erase};
use crate::{
    domain::{Job, JobEvent, JobState, NewJob, Progress},
    error::ErrorKind,
    id::{IdempotencyKey, JobId, LeaseId},
    store::{Enqueued, JobQuery, Outcome},
    testkit::{
        check::{Checked, ensure, ensure_eq, ensure_kind, in_time, race},
        records::owner,
    },
};

/// More writes than any clock needs to go on.
const TICKS: u64 = 1_000_000;

impl JobFixture {
    /// A job of ada's that was stopped while it ran.
    async fn stopped(&self) -> Checked<Job> {
        let lease = self.running().await?;
        self.finish(lease.id, Outcome::Cancelled).await
    }

    /// What is pruned, in the order of the ids.
    async fn prune(&self, age: Duration, limit: usize) -> Checked<Vec<JobId>> {
        let limit = NonZeroUsize::new(limit).unwrap_or(NonZeroUsize::MIN);
        let mut pruned: Vec<_> = self.store.prune(age, limit).await?.into_iter().map(|job| job.id).collect();
        pruned.sort();
        Ok(pruned)
    }

    /// Writes progress to a running job until the store's clock is past `then`.
    async fn until_after(&self, then: DateTime<Utc>, running: &Job, lease: LeaseId) -> Checked {
        for tick in 0..TICKS {
            self.store.heartbeat(lease, Some(Progress::new("waiting", tick, TICKS)), LONG).await?;
            if self.kept(running).await?.updated_at > then {
                return Ok(());
            }
        }
        ensure(false, "the store's clock stands still")
    }

    async fn is_gone(&self, job: &Job) -> Checked {
        ensure_kind(self.store.job(&job.owner, job.id).await, ErrorKind::NotFound, "reading a removed job")?;
        ensure_kind(self.store.events(&job.owner, job.id, 0).await, ErrorKind::NotFound, "following a removed job")?;
        ensure_kind(self.store.cancel(&job.owner, job.id).await, ErrorKind::NotFound, "cancelling a removed job")?;
        ensure_kind(self.store.remove(&job.owner, job.id).await, ErrorKind::NotFound, "removing a removed job")?;
        let page = self.store.jobs(&JobQuery::of(job.owner.clone()).limit(1000)).await?;
        ensure(!page.items.iter().any(|kept| kept.id == job.id), "a removed job is in the pages")?;
        // Events that were left would meet those of a new job of the same id.
        self.enqueue(NewJob { id: job.id, ..erase("ada")? }).await?;
        let again = self.store.cancel(&job.owner, job.id).await?;
        ensure_eq(self.history(&again, 0).await?.len(), 2, "the events of a new job of the same id")
    }
}

pub(super) async fn an_ended_job_is_removed_whole(f: JobFixture) -> Checked {
    let lease = f.running().await?;
    f.store.heartbeat(lease.id, Some(Progress::new("speaking", 1, 2)), LONG).await?;
    let (job, other) = (f.finish(lease.id, Outcome::Cancelled).await?, f.stopped().await?);
    ensure_eq(&f.store.remove(&job.owner, job.id).await?, &job, "what removing a job returns")?;
    f.is_gone(&job).await?;
    ensure_eq(f.history(&other, 0).await?.len(), 3, "the events of another job")?;
    ensure_eq(f.kept(&other).await?, other, "another job")
}

pub(super) async fn a_job_that_has_not_ended_is_not_removed(f: JobFixture) -> Checked {
    let refused = async |job: &Job, what: &str| {
        ensure_kind(f.store.remove(&job.owner, job.id).await, ErrorKind::Conflict, what)?;
        ensure_eq(&f.kept(job).await?, job, "the job afterwards")
    };
    let queued = f.job().await?;
    refused(&queued, "removing a queued job").await?;
    let lapsed = f.claim_one(NONE).await?;
    refused(&lapsed.job, "removing a job whose lease has lapsed").await?;
    let held = f.claim_one(LONG).await?;
    refused(&held.job, "removing a running job").await?;
    let asked_to_stop = f.store.cancel(&queued.owner, queued.id).await?;
    refused(&asked_to_stop, "removing a running job that was asked to stop").await?;
    f.finish(held.id, Outcome::Cancelled).await?;
    f.store.remove(&queued.owner, queued.id).await?;
    Ok(())
}

pub(super) async fn only_its_owner_removes_a_job(f: JobFixture) -> Checked {
    let (ended, queued) = (f.stopped().await?, f.job().await?);
    for eve in ["eve", "Ada", "ad%"] {
        for job in [&ended, &queued] {
            let removed = f.store.remove(&owner(eve)?, job.id).await;
            ensure_kind(removed, ErrorKind::NotFound, "another owner removing")?;
            ensure_eq(&f.kept(job).await?, job, "the job afterwards")?;
        }
    }
    ensure_kind(f.store.remove(&ended.owner, JobId::new()).await, ErrorKind::NotFound, "removing a missing job")
}

pub(super) async fn the_key_of_a_removed_job_is_free(f: JobFixture) -> Checked {
    let key = IdempotencyKey::new("once")?;
    let kept = f.enqueue(erase("bob")?.with_key(key.clone())).await?;
    let job = f.enqueue(erase("ada")?.with_key(key.clone())).await?;
    f.store.cancel(&job.owner, job.id).await?;
    f.store.remove(&job.owner, job.id).await?;
    let another = erase("ada")?.with_key(key);
    let Enqueued::New(next) = f.store.enqueue(&another).await? else {
        return ensure(false, "a request with the key of a removed job is not new");
    };
    ensure_eq(next.id, another.id, "the next job of the key")?;
    ensure_eq(f.kept(&kept).await?, kept, "another owner's job of the same key")
}

pub(super) async fn a_follower_of_a_removed_job_ends(f: JobFixture) -> Checked {
    let lease = f.running().await?;
    let (owner, id) = (&lease.job.owner, lease.job.id);
    let mut behind = f.store.events(owner, id, 0).await?;
    in_time("the first event", behind.next()).await?.transpose()?;
    let ahead = f.store.events(owner, id, 2).await?;
    f.finish(lease.id, Outcome::Cancelled).await?;
    f.store.remove(owner, id).await?;
    for follower in [behind, ahead] {
        // What had happened before may still come, or not.
        in_time("the end of a follower of a removed job", follower.try_collect::<Vec<JobEvent>>()).await??;
    }
    Ok(())
}

pub(super) async fn pruning_takes_those_that_ended_first(f: JobFixture) -> Checked {
    let clock = f.running().await?;
    let mut ended = Vec::new();
    for _ in 0..5 {
        f.job().await?;
    }
    // The last queued ends first, so that the order of the ends is not that of the ids.
    let mut leases = f.claim(5, LONG).await?;
    leases.sort_by_key(|lease| std::cmp::Reverse(lease.job.id));
    for lease in leases {
        let job = f.finish(lease.id, Outcome::Cancelled).await?;
        f.until_after(job.updated_at, &clock.job, clock.id).await?;
        ended.push(job.id);
    }
    for batch in ended.chunks(2) {
        let mut batch = batch.to_vec();
        batch.sort();
        ensure_eq(f.prune(NONE, 2).await?, batch, "what was pruned")?;
    }
    ensure_eq(f.prune(NONE, 2).await?, [], "what was pruned when nothing was left")
}

pub(super) async fn pruning_leaves_what_has_not_ended(f: JobFixture) -> Checked {
    let held = f.running().await?.job;
    f.job().await?;
    let lapsed = f.claim_one(NONE).await?.job;
    let (queued, delayed) = (f.job().await?, f.enqueue(erase("ada")?.after(LONG)).await?);
    let ended = f.job().await?;
    f.store.cancel(&ended.owner, ended.id).await?;
    ensure_eq(f.prune(NONE, 10).await?, [ended.id], "what was pruned")?;
    for job in [lapsed, held, queued, delayed] {
        ensure_eq(f.kept(&job).await?, job, "a job that has not ended")?;
    }
    Ok(())
}

pub(super) async fn pruning_leaves_the_young(f: JobFixture) -> Checked {
    let job = f.stopped().await?;
    for age in [LONG, Duration::MAX] {
        ensure_eq(f.prune(age, 10).await?, [], "what was pruned of an older age")?;
    }
    ensure_eq(&f.kept(&job).await?, &job, "the job afterwards")?;
    ensure_eq(f.prune(NONE, 10).await?, [job.id], "what was pruned of any age")
}

pub(super) async fn pruning_takes_jobs_of_every_owner_and_end(f: JobFixture) -> Checked {
    let mut expected = Vec::new();
    for name in ["ada", "bob", "Zoë"] {
        let job = f.enqueue(erase(name)?.with_max_crashes(1)).await?;
        match name {
            "ada" => drop(f.store.cancel(&job.owner, job.id).await?),
            "bob" => {
                f.claim_one(NONE).await?;
                f.claim(1, NONE).await?;
            }
            _ => {
                let error = crate::Error::unexpected("it broke");
                let failed = Outcome::Failed(crate::domain::JobError::new(&error, 1));
                f.finish(f.claim_one(LONG).await?.id, failed).await?;
            }
        }
        expected.push(job.id);
    }
    ensure_eq(f.prune(NONE, 10).await?, expected, "what was pruned")
}

pub(super) async fn what_is_pruned_is_gone_whole(f: JobFixture) -> Checked {
    let new = erase("ada")?.with_key(IdempotencyKey::new("once")?);
    let job = f.enqueue(new.clone()).await?;
    let job = f.store.cancel(&job.owner, job.id).await?;
    let pruned = f.store.prune(NONE, NonZeroUsize::MIN).await?;
    ensure_eq(pruned, [job.clone()], "what was pruned")?;
    f.is_gone(&job).await?;
    let again = NewJob { id: JobId::new(), ..new };
    let Enqueued::New(again) = f.store.enqueue(&again).await? else {
        return ensure(false, "a request with the key of a pruned job is not new");
    };
    ensure_eq(again.state, JobState::Queued, "the next job of the key")
}

pub(super) async fn those_that_prune_at_once_take_each_job_once(f: JobFixture) -> Checked {
    let mut ended = BTreeSet::new();
    for _ in 0..24 {
        ended.insert(f.stopped().await?.id);
    }
    let pruned = race(4, |_| {
        let f = f.clone();
        async move {
            let mut all = Vec::new();
            loop {
                let batch = f.prune(NONE, 5).await?;
                if batch.is_empty() {
                    return Checked::Ok(all);
                }
                all.extend(batch);
            }
        }
    });
    let pruned = pruned.await?.into_iter().collect::<Checked<Vec<_>>>()?.concat();
    ensure_eq(pruned.len(), ended.len(), "how many were pruned")?;
    ensure_eq(pruned.into_iter().collect::<BTreeSet<_>>(), ended, "which were pruned")
}
