//! A job store with one fault.
use std::{
    collections::{HashMap, HashSet},
    num::NonZeroUsize,
    sync::{Arc, Mutex},
    task::Poll,
    time::Duration,
};

use futures_util::{FutureExt as _, StreamExt as _, stream};
use voiceclone_core::{
    Error, ErrorKind, Result, async_trait,
    audio::BoxStream,
    domain::{Job, JobError, JobEvent, JobState, NewJob, Progress},
    id::{IdempotencyKey, JobId, LeaseId, OwnerId},
    memory::MemoryJobs,
    store::{Enqueued, JobQuery, JobStore, Lease, LeaseStatus, Outcome, Page},
    testkit::jobs::{CASES, JobFixture},
};

#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    ServesTheLastFirst,
    IgnoresPriority,
    IgnoresDelay,
    ClaimsOneTooMany,
    IgnoresOwnersShare,
    SharesOnlyBetweenClaims,
    ForgetsKeys,
    ChecksThenQueues,
    IgnoresTheRequest,
    SharesKeys,
    LetsAnyoneFollow,
    IgnoresTheStateAsked,
    NeverLapses,
    NeverExtends,
    TakesStaleHeartbeats,
    TakesStaleFinishes,
    EndsTwice,
    TriesForever,
    ForgetsProgress,
    LosesTheOutput,
    RetriesAtOnce,
    CountsNoRetry,
    CountsReschedules,
    SendsReleasedToTheBack,
    ForgetsCancellation,
    HidesCancellation,
    CancelsTheEnded,
    SkipsAnEvent,
    RepeatsAnEvent,
    DropsEvents,
    StopsAtThePresent,
    NeverEndsEvents,
    CountsLostWorkersAsAttempts,
    ForgivesLostWorkers,
    NeverWakes,
    WakesOnce,
    RemovesWhatRuns,
    RemovesForAnyone,
    KeepsKeysOfTheRemoved,
    KeepsEventsOfTheRemoved,
    LeavesFollowersWaiting,
    PrunesTheLatestFirst,
    PrunesWhatWaits,
    IgnoresTheAge,
    PrunesOneOwner,
    ChecksThenPrunes,
}

#[derive(Debug)]
struct FaultyJobs {
    inner: MemoryJobs,
    fault: Fault,
    clock_is_paused: bool,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Debug, Default)]
struct Seen {
    keys: HashMap<IdempotencyKey, Job>,
    owners: HashMap<JobId, OwnerId>,
    leases: HashMap<LeaseId, JobId>,
    newest: HashMap<JobId, LeaseId>,
    ended: HashMap<LeaseId, Job>,
    queued: i16,
    forgiven: HashMap<JobId, u32>,
    removed: HashSet<JobId>,
    pruned: Vec<Job>,
}

impl FaultyJobs {
    fn new(fault: Fault) -> Self {
        Self { inner: MemoryJobs::new(), fault, clock_is_paused: false, seen: Arc::default() }
    }

    /// Every call takes a microsecond of the paused clock, so that no two happen at once.
    async fn tick(&self) {
        if self.clock_is_paused {
            tokio::time::advance(Duration::from_micros(1)).await;
        }
    }

    /// The oldest jobs, whoever owns them: claims all that are due and gives the others back.
    async fn claim_oldest(&self, worker: &str, limit: usize, lease: Duration) -> Result<Vec<Lease>> {
        let mut all = self.inner.claim(worker, NonZeroUsize::MAX, lease).await?;
        all.sort_by_key(|lease| lease.job.id);
        for lease in all.split_off(limit.min(all.len())) {
            self.inner.finish(lease.id, &Outcome::Released).await?;
        }
        Ok(all)
    }
}

/// Faults of removal.
impl FaultyJobs {
    fn known(&self) -> HashMap<JobId, OwnerId> {
        self.seen.lock().unwrap().owners.clone()
    }

    fn is_removed(&self, id: JobId) -> bool {
        self.seen.lock().unwrap().removed.contains(&id)
    }

    async fn prune_latest(&self, age: Duration, limit: usize) -> Result<Vec<Job>> {
        let pruned = self.inner.prune(age, NonZeroUsize::MAX).await?;
        let mut seen = self.seen.lock().unwrap();
        seen.pruned.extend(pruned);
        seen.pruned.sort_by_key(|job| job.updated_at);
        let earlier = seen.pruned.len().saturating_sub(limit);
        Ok(seen.pruned.split_off(earlier))
    }

    async fn check_then_prune(&self, limit: usize) -> Result<Vec<Job>> {
        let mut ended = Vec::new();
        for (id, owner) in self.known() {
            ended.extend(self.inner.job(&owner, id).await.ok().filter(|job| job.state.is_terminal()));
        }
        ended.sort_by_key(|job| job.updated_at);
        ended.truncate(limit);
        tokio::task::yield_now().await;
        for job in &ended {
            // Somebody may have been faster.
            let _ = self.inner.remove(&job.owner, job.id).await;
        }
        Ok(ended)
    }
}

fn lost<T>(result: &Result<T>) -> bool {
    matches!(result, Err(error) if error.kind() == ErrorKind::LeaseLost)
}

#[async_trait]
impl JobStore for FaultyJobs {
    async fn enqueue(&self, job: &NewJob) -> Result<Enqueued> {
        self.tick().await;
        let mut new = job.clone();
        let known = {
            let mut seen = self.seen.lock().unwrap();
            seen.queued += 1;
            seen.owners.insert(new.id, new.owner.clone());
            match self.fault {
                Fault::ServesTheLastFirst => new.priority = seen.queued,
                Fault::IgnoresPriority => new.priority = 0,
                Fault::IgnoresDelay => new.delay = Duration::ZERO,
                Fault::TriesForever => (new.max_attempts, new.max_crashes) = (u32::MAX, u32::MAX),
                Fault::ForgetsKeys | Fault::ChecksThenQueues => new.idempotency_key = None,
                _ => {}
            }
            job.idempotency_key.as_ref().and_then(|key| seen.keys.get(key).cloned())
        };
        match (self.fault, known) {
            (Fault::ChecksThenQueues | Fault::SharesKeys, Some(job)) => return Ok(Enqueued::Existing(job)),
            (Fault::KeepsKeysOfTheRemoved, Some(job)) if self.is_removed(job.id) => return Ok(Enqueued::Existing(job)),
            (Fault::ChecksThenQueues, None) => tokio::task::yield_now().await,
            _ => {}
        }
        let queued = self.inner.enqueue(&new).await;
        match (&queued, &job.idempotency_key) {
            (Err(e), _) if self.fault == Fault::IgnoresTheRequest && e.kind() == ErrorKind::Conflict => {
                return Ok(Enqueued::Existing(new.queued(chrono::Utc::now())));
            }
            (Ok(Enqueued::New(queued)), Some(key)) => {
                self.seen.lock().unwrap().keys.insert(key.clone(), queued.clone());
            }
            _ => {}
        }
        queued
    }

    async fn job(&self, owner: &OwnerId, id: JobId) -> Result<Job> {
        let mut job = self.inner.job(owner, id).await?;
        if self.fault == Fault::LosesTheOutput {
            job.output = None;
        }
        Ok(job)
    }

    async fn jobs(&self, query: &JobQuery) -> Result<Page<Job>> {
        let mut query = query.clone();
        if self.fault == Fault::IgnoresTheStateAsked {
            query.state = None;
        }
        self.inner.jobs(&query).await
    }

    async fn claim(&self, worker: &str, limit: NonZeroUsize, lease: Duration) -> Result<Vec<Lease>> {
        self.tick().await;
        let mut leases = match self.fault {
            Fault::ClaimsOneTooMany => self.inner.claim(worker, limit.saturating_add(1), lease).await,
            Fault::NeverLapses => self.inner.claim(worker, limit, Duration::MAX).await,
            Fault::IgnoresOwnersShare => self.claim_oldest(worker, limit.get(), lease).await,
            Fault::SharesOnlyBetweenClaims if limit.get() > 1 => self.claim_oldest(worker, limit.get(), lease).await,
            _ => self.inner.claim(worker, limit, lease).await,
        }?;
        let mut seen = self.seen.lock().unwrap();
        for lease in &mut leases {
            match self.fault {
                Fault::CountsLostWorkersAsAttempts => lease.job.attempt += lease.job.crashes,
                Fault::ForgivesLostWorkers => {
                    lease.job.crashes -= seen.forgiven.get(&lease.job.id).copied().unwrap_or_default();
                }
                _ => {}
            }
            seen.leases.insert(lease.id, lease.job.id);
            seen.newest.insert(lease.job.id, lease.id);
        }
        Ok(leases)
    }

    async fn heartbeat(&self, lease: LeaseId, progress: Option<Progress>, length: Duration) -> Result<LeaseStatus> {
        self.tick().await;
        let progress = progress.filter(|_| self.fault != Fault::ForgetsProgress);
        let length = if self.fault == Fault::NeverExtends { Duration::ZERO } else { length };
        let status = self.inner.heartbeat(lease, progress, length).await;
        match self.fault {
            Fault::HidesCancellation => status.map(|_| LeaseStatus::Held),
            Fault::TakesStaleHeartbeats if lost(&status) => Ok(LeaseStatus::Held),
            _ => status,
        }
    }

    async fn finish(&self, lease: LeaseId, outcome: &Outcome) -> Result<Job> {
        self.tick().await;
        let outcome = match (self.fault, outcome.clone()) {
            (Fault::RetriesAtOnce, Outcome::Retry(error, _)) => Outcome::Retry(error, Duration::ZERO),
            (Fault::CountsNoRetry, Outcome::Retry(_, delay)) => Outcome::Reschedule(delay),
            (Fault::CountsReschedules, Outcome::Reschedule(delay)) => {
                Outcome::Retry(JobError::new(&Error::unexpected("rescheduled"), 1), delay)
            }
            (Fault::SendsReleasedToTheBack, Outcome::Released) => Outcome::Reschedule(Duration::ZERO),
            (_, outcome) => outcome,
        };
        let mut job = self.inner.finish(lease, &outcome).await;
        if self.fault == Fault::TakesStaleFinishes && lost(&job) {
            let newest = {
                let seen = self.seen.lock().unwrap();
                seen.leases.get(&lease).and_then(|job| seen.newest.get(job)).copied()
            };
            job = self.inner.finish(newest.unwrap_or(lease), &outcome).await;
        }
        let mut seen = self.seen.lock().unwrap();
        match job {
            Ok(job) if job.state == JobState::Queued && self.fault == Fault::ForgivesLostWorkers => {
                seen.forgiven.insert(job.id, job.crashes);
                Ok(job)
            }
            Ok(job) => Ok(seen.ended.entry(lease).insert_entry(job).get().clone()),
            Err(lost) if self.fault == Fault::EndsTwice => seen.ended.get(&lease).cloned().ok_or(lost),
            lost => lost,
        }
    }

    async fn cancel(&self, owner: &OwnerId, id: JobId) -> Result<Job> {
        self.tick().await;
        if self.fault == Fault::ForgetsCancellation {
            return self.inner.job(owner, id).await;
        }
        let mut job = self.inner.cancel(owner, id).await?;
        if self.fault == Fault::CancelsTheEnded && job.state.is_terminal() {
            job.state = JobState::Cancelled;
        }
        Ok(job)
    }

    async fn events(&self, owner: &OwnerId, id: JobId, after: u64) -> Result<BoxStream<Result<JobEvent>>> {
        if self.fault == Fault::KeepsEventsOfTheRemoved && self.is_removed(id) {
            return Ok(stream::empty().boxed());
        }
        let real = self.seen.lock().unwrap().owners.get(&id).cloned();
        let owner = real.filter(|_| self.fault == Fault::LetsAnyoneFollow).unwrap_or(owner.clone());
        let after = match self.fault {
            Fault::SkipsAnEvent => after.saturating_add(1),
            Fault::RepeatsAnEvent => after.saturating_sub(1),
            _ => after,
        };
        let mut events = self.inner.events(&owner, id, after).await?;
        Ok(match self.fault {
            Fault::StopsAtThePresent => {
                let mut present = Vec::new();
                while let Some(Some(event)) = events.next().now_or_never() {
                    present.push(event);
                }
                stream::iter(present).boxed()
            }
            Fault::LeavesFollowersWaiting => {
                let seen = Arc::clone(&self.seen);
                let wait = stream::poll_fn(move |_| {
                    let is_removed = seen.lock().unwrap().removed.contains(&id);
                    if is_removed { Poll::Pending } else { Poll::Ready(None) }
                });
                events.chain(wait).boxed()
            }
            Fault::NeverEndsEvents => events.chain(stream::pending()).boxed(),
            Fault::DropsEvents => {
                let kept = |event: &Result<JobEvent>| event.as_ref().is_ok_and(|event| event.seq % 50 != 0);
                events.filter(move |event| std::future::ready(kept(event))).boxed()
            }
            _ => events,
        })
    }

    fn arrivals(&self) -> BoxStream<()> {
        match self.fault {
            Fault::NeverWakes => stream::pending().boxed(),
            Fault::WakesOnce => self.inner.arrivals().take(1).chain(stream::pending()).boxed(),
            _ => self.inner.arrivals(),
        }
    }

    async fn remove(&self, owner: &OwnerId, id: JobId) -> Result<Job> {
        let real = self.seen.lock().unwrap().owners.get(&id).cloned();
        let owner = real.filter(|_| self.fault == Fault::RemovesForAnyone).unwrap_or(owner.clone());
        let removed = self.inner.remove(&owner, id).await;
        match (self.fault, removed) {
            (Fault::RemovesWhatRuns, Err(e)) if e.kind() == ErrorKind::Conflict => self.inner.job(&owner, id).await,
            (_, removed) => {
                self.seen.lock().unwrap().removed.extend(removed.iter().map(|job| job.id));
                removed
            }
        }
    }

    async fn prune(&self, age: Duration, limit: NonZeroUsize) -> Result<Vec<Job>> {
        self.tick().await;
        let pruned = match self.fault {
            Fault::PrunesTheLatestFirst => self.prune_latest(age, limit.get()).await,
            Fault::PrunesWhatWaits => {
                for (id, owner) in self.known() {
                    self.inner.cancel(&owner, id).await?;
                }
                self.inner.prune(age, limit).await
            }
            Fault::IgnoresTheAge => self.inner.prune(Duration::ZERO, limit).await,
            Fault::PrunesOneOwner => {
                let first = self.known().into_values().min();
                let pruned = self.inner.prune(age, limit).await?;
                Ok(pruned.into_iter().filter(|job| Some(&job.owner) == first.as_ref()).collect())
            }
            Fault::ChecksThenPrunes => self.check_then_prune(limit.get()).await,
            _ => self.inner.prune(age, limit).await,
        }?;
        self.seen.lock().unwrap().removed.extend(pruned.iter().map(|job| job.id));
        Ok(pruned)
    }
}

#[test]
fn every_faulty_job_store_is_caught() {
    for (fault, case) in [
        (Fault::ServesTheLastFirst, "jobs_of_one_priority_run_in_the_order_they_came"),
        (Fault::IgnoresPriority, "a_higher_priority_runs_first"),
        (Fault::IgnoresDelay, "a_delayed_job_is_not_claimed"),
        (Fault::ClaimsOneTooMany, "a_claim_takes_no_more_than_its_limit"),
        (Fault::IgnoresOwnersShare, "a_long_queue_does_not_starve_another_owner"),
        (Fault::SharesOnlyBetweenClaims, "one_claim_shares_between_owners"),
        (Fault::ForgetsKeys, "a_key_queues_once"),
        (Fault::ChecksThenQueues, "of_sixteen_with_one_key_one_is_queued"),
        (Fault::IgnoresTheRequest, "a_key_with_another_request_is_a_conflict"),
        (Fault::SharesKeys, "a_key_is_of_one_owner_and_one_kind"),
        (Fault::LetsAnyoneFollow, "a_job_is_its_owners_alone"),
        (Fault::IgnoresTheStateAsked, "a_state_filters_the_pages"),
        (Fault::NeverLapses, "a_lapsed_lease_is_claimed_again_and_counted"),
        (Fault::NeverExtends, "a_heartbeat_extends_the_lease"),
        (Fault::TakesStaleHeartbeats, "a_stale_lease_is_refused_a_heartbeat"),
        (Fault::TakesStaleFinishes, "a_stale_lease_is_refused_a_finish"),
        (Fault::EndsTwice, "an_attempt_ends_once"),
        (Fault::TriesForever, "a_job_that_loses_every_worker_fails"),
        (Fault::ForgetsProgress, "progress_is_kept_and_visible"),
        (Fault::LosesTheOutput, "success_keeps_the_output"),
        (Fault::RetriesAtOnce, "a_retry_is_counted_and_delayed"),
        (Fault::CountsNoRetry, "a_retry_is_counted_and_delayed"),
        (Fault::CountsReschedules, "a_reschedule_is_delayed_and_not_counted"),
        (Fault::SendsReleasedToTheBack, "a_release_is_not_counted_and_keeps_its_place"),
        (Fault::ForgetsCancellation, "a_queued_job_is_cancelled_at_once"),
        (Fault::HidesCancellation, "a_running_job_learns_of_its_cancellation"),
        (Fault::CancelsTheEnded, "an_ended_job_is_not_cancelled"),
        (Fault::SkipsAnEvent, "events_have_no_gaps_and_tell_every_state"),
        (Fault::RepeatsAnEvent, "events_replay_from_any_number"),
        (Fault::DropsEvents, "a_follower_misses_nothing_written_while_it_reads"),
        (Fault::StopsAtThePresent, "events_follow_live_to_the_end"),
        (Fault::NeverEndsEvents, "events_end_with_the_job_wherever_they_begin"),
        (Fault::CountsLostWorkersAsAttempts, "lost_workers_and_errors_are_counted_apart"),
        (Fault::ForgivesLostWorkers, "lost_workers_and_errors_are_counted_apart"),
        (Fault::ForgivesLostWorkers, "lost_workers_stay_counted_when_the_job_is_given_back"),
        (Fault::NeverWakes, "a_waiting_worker_is_woken"),
        (Fault::WakesOnce, "a_queued_job_is_announced"),
        (Fault::KeepsEventsOfTheRemoved, "an_ended_job_is_removed_whole"),
        (Fault::RemovesWhatRuns, "a_job_that_has_not_ended_is_not_removed"),
        (Fault::RemovesForAnyone, "only_its_owner_removes_a_job"),
        (Fault::KeepsKeysOfTheRemoved, "the_key_of_a_removed_job_is_free"),
        (Fault::LeavesFollowersWaiting, "a_follower_of_a_removed_job_ends"),
        (Fault::PrunesTheLatestFirst, "pruning_takes_those_that_ended_first"),
        (Fault::PrunesWhatWaits, "pruning_leaves_what_has_not_ended"),
        (Fault::IgnoresTheAge, "pruning_leaves_the_young"),
        (Fault::PrunesOneOwner, "pruning_takes_jobs_of_every_owner_and_end"),
        (Fault::KeepsKeysOfTheRemoved, "what_is_pruned_is_gone_whole"),
        (Fault::KeepsEventsOfTheRemoved, "what_is_pruned_is_gone_whole"),
        (Fault::ChecksThenPrunes, "those_that_prune_at_once_take_each_job_once"),
    ] {
        let store = || FaultyJobs { clock_is_paused: true, ..FaultyJobs::new(fault) };
        super::assert_caught(CASES, &format!("{fault:?}"), case, || JobFixture::new(store()));
    }
}

#[test]
fn the_model_test_catches_faulty_job_stores() {
    for fault in [
        Fault::CountsNoRetry,
        Fault::IgnoresOwnersShare,
        Fault::SharesKeys,
        Fault::SkipsAnEvent,
        Fault::CountsLostWorkersAsAttempts,
        Fault::RemovesWhatRuns,
        Fault::PrunesWhatWaits,
    ] {
        super::assert_panics(&format!("{fault:?}"), || {
            voiceclone_core::testkit::model::job_model_test(256, async || FaultyJobs::new(fault));
        });
    }
}
