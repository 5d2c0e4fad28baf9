//! Queueing, claiming in order, idempotency and paging.
use std::{collections::BTreeSet, sync::Arc, time::Duration};

use futures_util::StreamExt as _;
use serde_json::json;

use super::{JobFixture, LONG, NONE, erase};
use crate::{
    domain::{JobSpec, JobState, NewJob},
    error::ErrorKind,
    id::{IdempotencyKey, JobId, OwnerId, ProviderId, SampleId, VoiceId},
    speak::SpeakRequest,
    store::{Enqueued, JobQuery, Outcome},
    testkit::{
        check::{Checked, ensure, ensure_eq, ensure_kind, in_time, race, walk},
        records::owner,
    },
};

fn key(name: &str) -> Checked<IdempotencyKey> {
    Ok(IdempotencyKey::new(name)?)
}

/// Claims one job after another, for long, until none is due.
async fn claim_all(f: &JobFixture) -> Checked<Vec<JobId>> {
    let mut order = Vec::new();
    while let Some(lease) = f.claim(1, LONG).await?.pop() {
        order.push(lease.job.id);
    }
    Ok(order)
}

pub(super) async fn a_new_job_waits_as_it_was_asked_for(f: JobFixture) -> Checked {
    let new = erase("Zoë 🎤")?.with_key(key("k-é")?).with_priority(-7).with_max_attempts(3);
    let new = new.with_max_crashes(7).after(LONG);
    let Enqueued::New(job) = f.store.enqueue(&new).await? else { return ensure(false, "a new job is not new") };
    let asked = (new.id, &new.owner, &new.spec, &new.idempotency_key, new.priority, new.max_attempts);
    ensure_eq((job.id, &job.owner, &job.spec, &job.idempotency_key, job.priority, job.max_attempts), asked, "the job")?;
    ensure_eq((job.state, job.attempt, job.cancel_requested), (JobState::Queued, 0, false), "where it stands")?;
    ensure_eq((job.crashes, job.max_crashes), (0, 7), "the lost workers and how many may be")?;
    ensure_eq((&job.progress, &job.output, &job.error), (&None, &None, &None), "what came of it")?;
    ensure_eq(job.run_at - job.created_at, chrono::TimeDelta::hours(24), "how long it is to wait")?;
    ensure_eq(f.kept(&job).await?, job, "the job as it is kept")
}

pub(super) async fn every_kind_of_request_survives(f: JobFixture) -> Checked {
    let provider = ProviderId::new("one")?;
    let speak = SpeakRequest::new(VoiceId::new(), "Grüße, 世界! 🎤 \"quoted\"\nnext line")?
        .language("de")
        .speed(1.25)
        .seed(u64::MAX)
        .option(provider.clone(), json!({"style": {"warmth": 0.5, "tags": ["a", null]}}))
        .sample_rate(44_100)
        .provider(provider.clone());
    for spec in [
        JobSpec::Speak { request: speak },
        JobSpec::Speak { request: SpeakRequest::new(SampleId::new(), "Plain.")? },
        JobSpec::PrepareSample { sample: SampleId::new() },
        JobSpec::Enroll { voice: VoiceId::new(), provider },
        JobSpec::Unenroll { voice: VoiceId::new() },
        JobSpec::Erase { voice: VoiceId::new() },
    ] {
        let job = f.enqueue(NewJob::new(owner("ada")?, spec.clone())).await?;
        ensure_eq(&f.kept(&job).await?.spec, &spec, "the request as it is kept")?;
        ensure_eq(f.claim_one(LONG).await?.job.spec, spec, "the request as it is claimed")?;
    }
    Ok(())
}

pub(super) async fn jobs_of_one_priority_run_in_the_order_they_came(f: JobFixture) -> Checked {
    let mut order = Vec::new();
    for _ in 0..10 {
        order.push(f.job().await?.id);
    }
    ensure_eq(claim_all(&f).await?, order, "the order of claims")
}

pub(super) async fn a_higher_priority_runs_first(f: JobFixture) -> Checked {
    let mut order = Vec::new();
    for priority in [0, i16::MIN, 5, -1, i16::MAX, 4] {
        order.push((priority, f.enqueue(erase("ada")?.with_priority(priority)).await?.id));
    }
    order.sort_by_key(|&(priority, _)| std::cmp::Reverse(priority));
    let order: Vec<_> = order.into_iter().map(|(_, id)| id).collect();
    ensure_eq(claim_all(&f).await?, order, "the order of claims")
}

pub(super) async fn a_delayed_job_is_not_claimed(f: JobFixture) -> Checked {
    for delay in [LONG, Duration::MAX] {
        f.enqueue(erase("ada")?.after(delay).with_priority(9)).await?;
    }
    let due = f.job().await?;
    ensure_eq(claim_all(&f).await?, [due.id], "the jobs claimed")
}

pub(super) async fn a_claim_takes_no_more_than_its_limit(f: JobFixture) -> Checked {
    for _ in 0..5 {
        f.job().await?;
    }
    for (limit, taken) in [(2, 2), (1, 1), (10, 2), (10, 0)] {
        ensure_eq(f.claim(limit, LONG).await?.len(), taken, "jobs claimed")?;
    }
    Ok(())
}

pub(super) async fn workers_claim_each_job_once(f: JobFixture) -> Checked {
    let mut queued = BTreeSet::new();
    for _ in 0..60 {
        queued.insert(f.job().await?.id);
    }
    let workers = race(8, |i| {
        let f = f.clone();
        async move {
            let mut claimed = Vec::new();
            loop {
                let leases = f.claim(1 + i % 3, LONG).await?;
                if leases.is_empty() {
                    return Checked::Ok(claimed);
                }
                claimed.extend(leases);
                tokio::task::yield_now().await;
            }
        }
    });
    let claimed: Vec<_> = workers.await?.into_iter().collect::<Checked<Vec<_>>>()?.concat();
    let jobs: BTreeSet<_> = claimed.iter().map(|lease| lease.job.id).collect();
    let leases: BTreeSet<_> = claimed.iter().map(|lease| lease.id).collect();
    ensure_eq((claimed.len(), leases.len()), (60, 60), "claims and leases of 60 jobs")?;
    ensure_eq(jobs, queued, "the jobs claimed")
}

pub(super) async fn a_long_queue_does_not_starve_another_owner(f: JobFixture) -> Checked {
    for _ in 0..50 {
        f.job().await?;
    }
    let late = [f.enqueue(erase("bob")?).await?.id, f.enqueue(erase("bob")?).await?.id];
    let mut owners = Vec::new();
    for _ in 0..6 {
        owners.push(f.claim(1, LONG).await?.pop().map(|lease| lease.job.owner.to_string()).unwrap_or_default());
    }
    ensure_eq(owners, ["ada", "bob", "ada", "bob", "ada", "ada"], "whose jobs were claimed")?;
    for id in late {
        ensure_eq(f.store.job(&owner("bob")?, id).await?.state, JobState::Running, "bob's job")?;
    }
    Ok(())
}

pub(super) async fn one_claim_shares_between_owners(f: JobFixture) -> Checked {
    for name in ["ada", "bob"] {
        f.enqueue(erase(name)?).await?;
    }
    f.claim(1, LONG).await?;
    for _ in 0..50 {
        f.job().await?;
    }
    for name in ["bob", "eve", "eve", "eve"] {
        f.enqueue(erase(name)?).await?;
    }
    let owners: Vec<_> = f.claim(7, LONG).await?.iter().map(|lease| lease.job.owner.to_string()).collect();
    let count = |name: &str| owners.iter().filter(|owner| *owner == name).count();
    ensure_eq((count("ada"), count("bob"), count("eve")), (2, 2, 3), "jobs claimed of ada, bob and eve")
}

pub(super) async fn priority_comes_before_fair_share(f: JobFixture) -> Checked {
    let low = f.enqueue(erase("bob")?).await?.id;
    let mut order = Vec::new();
    for _ in 0..3 {
        order.push(f.enqueue(erase("ada")?.with_priority(1)).await?.id);
    }
    order.push(low);
    ensure_eq(claim_all(&f).await?, order, "the order of claims")
}

pub(super) async fn a_key_queues_once(f: JobFixture) -> Checked {
    let first = erase("ada")?.with_key(key("once")?);
    let job = f.enqueue(first.clone()).await?;
    let again = NewJob { id: JobId::new(), ..first.clone() };
    for repeat in [&first, &again] {
        let Enqueued::Existing(found) = f.store.enqueue(repeat).await? else {
            return ensure(false, "a repeated request is new");
        };
        ensure_eq(found.id, job.id, "the job found by its key")?;
    }
    f.finish(f.claim_one(LONG).await?.id, Outcome::Cancelled).await?;
    let Enqueued::Existing(found) = f.store.enqueue(&again).await? else {
        return ensure(false, "a request repeated after the job's end is new");
    };
    ensure_eq((found.id, found.state), (job.id, JobState::Cancelled), "the job found by its key after its end")?;
    ensure_kind(f.store.job(&job.owner, again.id).await, ErrorKind::NotFound, "the id of a repeated request")
}

pub(super) async fn of_sixteen_with_one_key_one_is_queued(f: JobFixture) -> Checked {
    let new = erase("ada")?.with_key(key("race")?);
    let outcomes = race(16, |_| {
        let (store, new) = (Arc::clone(&f.store), NewJob { id: JobId::new(), ..new.clone() });
        async move { store.enqueue(&new).await }
    });
    let outcomes: Vec<Enqueued> = outcomes.await?.into_iter().collect::<crate::Result<_>>()?;
    let fresh = outcomes.iter().filter(|outcome| matches!(outcome, Enqueued::New(_))).count();
    let ids: BTreeSet<_> = outcomes.into_iter().map(|outcome| outcome.into_job().id).collect();
    ensure_eq((fresh, ids.len()), (1, 1), "new jobs and ids of one request")?;
    ensure_eq(f.claim(16, LONG).await?.len(), 1, "jobs claimed")
}

pub(super) async fn a_key_with_another_request_is_a_conflict(f: JobFixture) -> Checked {
    let job = f.enqueue(erase("ada")?.with_key(key("k")?)).await?;
    let other = erase("ada")?.with_key(key("k")?);
    ensure_kind(f.store.enqueue(&other).await, ErrorKind::Conflict, "a key with another request")?;
    ensure_kind(f.store.job(&job.owner, other.id).await, ErrorKind::NotFound, "the job that was refused")?;
    ensure_eq(f.kept(&job).await?, job, "the job of the key")
}

pub(super) async fn a_key_is_of_one_owner_and_one_kind(f: JobFixture) -> Checked {
    let sample = JobSpec::PrepareSample { sample: SampleId::new() };
    let mut ids = BTreeSet::new();
    for new in [erase("ada")?, erase("bob")?, erase("Ada")?, NewJob::new(owner("ada")?, sample)] {
        ids.insert(f.enqueue(new.with_key(key("k")?)).await?.id);
    }
    ids.insert(f.enqueue(erase("ada")?.with_key(key("K")?)).await?.id);
    ids.insert(f.job().await?.id);
    ids.insert(f.job().await?.id);
    ensure_eq(ids.len(), 7, "jobs of different owners, kinds and keys")
}

pub(super) async fn an_id_is_queued_once(f: JobFixture) -> Checked {
    let job = f.job().await?;
    for name in ["ada", "bob"] {
        let same = NewJob { id: job.id, ..erase(name)? };
        ensure_kind(f.store.enqueue(&same).await, ErrorKind::AlreadyExists, "a second job of one id")?;
    }
    ensure_eq(f.kept(&job).await?, job, "the first job")
}

pub(super) async fn a_job_is_its_owners_alone(f: JobFixture) -> Checked {
    let job = f.job().await?;
    for eve in ["eve", "Ada", "ad%"] {
        let eve = owner(eve)?;
        ensure_kind(f.store.job(&eve, job.id).await, ErrorKind::NotFound, "another owner reading")?;
        ensure_kind(f.store.cancel(&eve, job.id).await, ErrorKind::NotFound, "another owner cancelling")?;
        ensure_kind(f.store.events(&eve, job.id, 0).await, ErrorKind::NotFound, "another owner following")?;
        ensure_eq(f.store.jobs(&JobQuery::of(eve)).await?.items, [], "another owner's pages")?;
    }
    let (ada, missing) = (owner("ada")?, JobId::new());
    ensure_kind(f.store.job(&ada, missing).await, ErrorKind::NotFound, "reading a missing job")?;
    ensure_kind(f.store.cancel(&ada, missing).await, ErrorKind::NotFound, "cancelling a missing job")?;
    ensure_kind(f.store.events(&ada, missing, 0).await, ErrorKind::NotFound, "following a missing job")?;
    ensure_eq(f.kept(&job).await?, job, "the job afterwards")
}

async fn pages(f: &JobFixture, query: JobQuery) -> Checked<Vec<Vec<JobId>>> {
    let page = |cursor| {
        let (store, query) = (Arc::clone(&f.store), query.clone().after(cursor));
        async move { store.jobs(&query).await }
    };
    walk(None, page, |job| job.id).await
}

fn chunked(ids: &[JobId], limit: usize) -> Vec<Vec<JobId>> {
    ids.chunks(limit).map(<[JobId]>::to_vec).collect()
}

pub(super) async fn pages_hold_every_job_once_oldest_first(f: JobFixture) -> Checked {
    let mut ids = Vec::new();
    for i in 0..12 {
        ids.push(f.enqueue(erase("ada")?.with_priority(i)).await?.id);
        f.enqueue(erase("bob")?).await?;
    }
    let of_ada = JobQuery::of(owner("ada")?);
    for limit in [1, 4, 5, 12, 100] {
        ensure_eq(pages(&f, of_ada.clone().limit(limit)).await?, chunked(&ids, limit), "the pages")?;
    }
    let first = f.store.jobs(&of_ada.clone().limit(7)).await?;
    ids.push(f.job().await?.id);
    let rest = f.store.jobs(&of_ada.after(first.next)).await?;
    let found: Vec<_> = first.items.iter().chain(&rest.items).map(|job| job.id).collect();
    ensure_eq(found, ids, "the jobs paged while another came")
}

pub(super) async fn a_state_filters_the_pages(f: JobFixture) -> Checked {
    let ada: OwnerId = owner("ada")?;
    for _ in 0..6 {
        f.job().await?;
    }
    let leases = f.claim(4, LONG).await?;
    for (lease, outcome) in leases.iter().zip([Outcome::Cancelled, Outcome::Cancelled, Outcome::Reschedule(NONE)]) {
        f.finish(lease.id, outcome).await?;
    }
    for (state, count) in JobState::ALL.into_iter().zip([3, 1, 0, 0, 2]) {
        ensure_eq(f.in_state(&ada, state).await?, count, state.as_str())?;
        let found = pages(&f, JobQuery::of(ada.clone()).state(state).limit(2)).await?.concat();
        ensure_eq(found.len(), count, "jobs of one state, paged")?;
    }
    Ok(())
}

pub(super) async fn a_cursor_that_no_page_gave_is_invalid(f: JobFixture) -> Checked {
    f.job().await?;
    for garbage in ["", "garbage", "job_", "job_zz", "' OR 1=1 --", "ä"] {
        let query = JobQuery::of(owner("ada")?).after(Some(garbage.into()));
        ensure_kind(f.store.jobs(&query).await, ErrorKind::InvalidInput, "paging jobs")?;
    }
    Ok(())
}

pub(super) async fn a_queued_job_is_announced(f: JobFixture) -> Checked {
    let (mut one, mut two) = (f.store.arrivals(), f.store.arrivals());
    for _ in 0..3 {
        f.job().await?;
        ensure_eq(in_time("the announcement of a job", one.next()).await?, Some(()), "an announcement")?;
        ensure_eq(in_time("the announcement to another", two.next()).await?, Some(()), "an announcement to another")?;
        f.claim_one(LONG).await?;
    }
    Ok(())
}

pub(super) async fn a_waiting_worker_is_woken(f: JobFixture) -> Checked {
    let mut arrivals = f.store.arrivals();
    let worker = async {
        while f.claim(1, LONG).await?.is_empty() {
            ensure_eq(in_time("a wake-up", arrivals.next()).await?, Some(()), "a wake-up")?;
        }
        Checked::Ok(())
    };
    let elsewhere = f.clone();
    let enqueue = async move {
        tokio::task::yield_now().await;
        elsewhere.job().await
    };
    let (woken, queued) = futures_util::join!(worker, enqueue);
    queued.and(woken)
}
