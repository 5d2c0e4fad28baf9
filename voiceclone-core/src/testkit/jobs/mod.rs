//! The rules of [`JobStore`], one case each: the fixture, the list and what the cases share.
mod events;
mod lease;
mod outcome;
mod queue;
mod removal;

use std::{num::NonZeroUsize, sync::Arc, time::Duration};

use futures_util::TryStreamExt as _;
#[allow(clippy::wildcard_imports, reason = "the list of cases below names each of them")]
use {events::*, lease::*, outcome::*, queue::*, removal::*};

use super::{
    Case, Failure,
    check::{Checked, cases, in_time},
    records::owner,
};
use crate::{
    domain::{Job, JobEvent, JobSpec, JobState, NewJob},
    id::{LeaseId, OwnerId, VoiceId},
    store::{JobQuery, JobStore, Lease, Outcome},
};

/// An empty queue to try the rules on.
#[derive(Debug, Clone)]
pub struct JobFixture {
    /// The store. Nothing else may write to it.
    pub store: Arc<dyn JobStore>,
}

/// A lease that lapses at once, and a delay that is over.
const NONE: Duration = Duration::ZERO;
/// A lease that holds, and a delay that is not over, however slow the machine.
const LONG: Duration = Duration::from_hours(24);

impl JobFixture {
    /// The rules are tried on `store`.
    pub fn new(store: impl JobStore) -> Self {
        Self { store: Arc::new(store) }
    }

    async fn enqueue(&self, new: NewJob) -> Checked<Job> {
        Ok(self.store.enqueue(&new).await?.into_job())
    }

    /// An ordinary job of ada's.
    async fn job(&self) -> Checked<Job> {
        self.enqueue(erase("ada")?).await
    }

    async fn claim(&self, limit: usize, lease: Duration) -> Checked<Vec<Lease>> {
        let limit = NonZeroUsize::new(limit).unwrap_or(NonZeroUsize::MIN);
        Ok(self.store.claim("worker", limit, lease).await?)
    }

    /// Claims the one job that is due.
    async fn claim_one(&self, lease: Duration) -> Checked<Lease> {
        let mut leases = self.claim(2, lease).await?;
        match (leases.pop(), leases.len()) {
            (Some(lease), 0) => Ok(lease),
            (_, others) => Err(Failure(format!("one job is due; {others} others were claimed, or none"))),
        }
    }

    /// An ordinary job of ada's, claimed for long.
    async fn running(&self) -> Checked<Lease> {
        self.job().await?;
        self.claim_one(LONG).await
    }

    async fn finish(&self, lease: LeaseId, outcome: Outcome) -> Checked<Job> {
        Ok(self.store.finish(lease, &outcome).await?)
    }

    /// The job as it is kept.
    async fn kept(&self, job: &Job) -> Checked<Job> {
        Ok(self.store.job(&job.owner, job.id).await?)
    }

    /// The events of a job that has ended.
    async fn history(&self, job: &Job, after: u64) -> Checked<Vec<JobEvent>> {
        let events = self.store.events(&job.owner, job.id, after).await?;
        Ok(in_time("the events of a job that has ended", events.try_collect()).await??)
    }

    async fn in_state(&self, owner: &OwnerId, state: JobState) -> Checked<usize> {
        Ok(self.store.jobs(&JobQuery::of(owner.clone()).state(state).limit(1000)).await?.items.len())
    }
}

/// A new job of `name`'s.
fn erase(name: &str) -> Checked<NewJob> {
    Ok(NewJob::new(owner(name)?, JobSpec::Erase { voice: VoiceId::new() }))
}

/// Every rule of the seam.
pub const CASES: &[Case<JobFixture>] = cases![
    a_new_job_waits_as_it_was_asked_for,
    every_kind_of_request_survives,
    jobs_of_one_priority_run_in_the_order_they_came,
    a_higher_priority_runs_first,
    a_delayed_job_is_not_claimed,
    a_claim_takes_no_more_than_its_limit,
    workers_claim_each_job_once,
    a_long_queue_does_not_starve_another_owner,
    one_claim_shares_between_owners,
    priority_comes_before_fair_share,
    a_key_queues_once,
    of_sixteen_with_one_key_one_is_queued,
    a_key_with_another_request_is_a_conflict,
    a_key_is_of_one_owner_and_one_kind,
    an_id_is_queued_once,
    a_job_is_its_owners_alone,
    pages_hold_every_job_once_oldest_first,
    a_state_filters_the_pages,
    a_cursor_that_no_page_gave_is_invalid,
    a_queued_job_is_announced,
    a_waiting_worker_is_woken,
    a_claim_runs_the_job_and_counts_the_attempt,
    a_held_job_is_not_claimed_again,
    a_lapsed_lease_is_claimed_again_and_counted,
    a_heartbeat_extends_the_lease,
    a_lapsed_lease_that_nobody_took_still_writes,
    a_stale_lease_is_refused_a_heartbeat,
    a_stale_lease_is_refused_a_finish,
    a_lease_that_never_was_is_lost,
    a_job_that_loses_every_worker_fails,
    lost_workers_and_errors_are_counted_apart,
    lost_workers_stay_counted_when_the_job_is_given_back,
    a_poisoned_job_takes_no_place_in_a_claim,
    progress_is_kept_and_visible,
    success_keeps_the_output,
    failure_keeps_the_error,
    an_attempt_ends_once,
    a_retry_is_counted_and_delayed,
    a_retry_at_the_last_attempt_fails,
    an_error_outlives_a_retry_and_not_a_success,
    a_reschedule_is_delayed_and_not_counted,
    a_release_is_not_counted_and_keeps_its_place,
    a_queued_job_is_cancelled_at_once,
    a_running_job_learns_of_its_cancellation,
    an_ended_job_is_not_cancelled,
    a_job_asked_to_stop_is_not_queued_again,
    a_lapsed_job_asked_to_stop_is_cancelled,
    events_have_no_gaps_and_tell_every_state,
    an_event_is_written_only_for_a_change,
    events_replay_from_any_number,
    events_end_with_the_job_wherever_they_begin,
    events_follow_live_to_the_end,
    a_follower_misses_nothing_written_while_it_reads,
    an_ended_job_is_removed_whole,
    a_job_that_has_not_ended_is_not_removed,
    only_its_owner_removes_a_job,
    the_key_of_a_removed_job_is_free,
    a_follower_of_a_removed_job_ends,
    pruning_takes_those_that_ended_first,
    pruning_leaves_what_has_not_ended,
    pruning_leaves_the_young,
    pruning_takes_jobs_of_every_owner_and_end,
    what_is_pruned_is_gone_whole,
    those_that_prune_at_once_take_each_job_once,
];

/// Makes one test of every rule of [`JobStore`](crate::store::JobStore): `job_store_conformance!(module, fixture)`, where
/// the fixture is an expression, evaluated anew in async context for every test.
///
/// ```
/// use voiceclone_core::{memory::MemoryJobs, testkit::jobs::JobFixture};
/// voiceclone_core::job_store_conformance!(memory_jobs, JobFixture::new(MemoryJobs::new()));
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! job_store_conformance {
    ($module:ident, $fixture:expr) => {
        $crate::__conformance_tests!(
            $module,
            $crate::testkit::jobs::CASES,
            $fixture,
            [
                a_new_job_waits_as_it_was_asked_for,
                every_kind_of_request_survives,
                jobs_of_one_priority_run_in_the_order_they_came,
                a_higher_priority_runs_first,
                a_delayed_job_is_not_claimed,
                a_claim_takes_no_more_than_its_limit,
                workers_claim_each_job_once,
                a_long_queue_does_not_starve_another_owner,
                one_claim_shares_between_owners,
                priority_comes_before_fair_share,
                a_key_queues_once,
                of_sixteen_with_one_key_one_is_queued,
                a_key_with_another_request_is_a_conflict,
                a_key_is_of_one_owner_and_one_kind,
                an_id_is_queued_once,
                a_job_is_its_owners_alone,
                pages_hold_every_job_once_oldest_first,
                a_state_filters_the_pages,
                a_cursor_that_no_page_gave_is_invalid,
                a_queued_job_is_announced,
                a_waiting_worker_is_woken,
                a_claim_runs_the_job_and_counts_the_attempt,
                a_held_job_is_not_claimed_again,
                a_lapsed_lease_is_claimed_again_and_counted,
                a_heartbeat_extends_the_lease,
                a_lapsed_lease_that_nobody_took_still_writes,
                a_stale_lease_is_refused_a_heartbeat,
                a_stale_lease_is_refused_a_finish,
                a_lease_that_never_was_is_lost,
                a_job_that_loses_every_worker_fails,
                lost_workers_and_errors_are_counted_apart,
                lost_workers_stay_counted_when_the_job_is_given_back,
                a_poisoned_job_takes_no_place_in_a_claim,
                progress_is_kept_and_visible,
                success_keeps_the_output,
                failure_keeps_the_error,
                an_attempt_ends_once,
                a_retry_is_counted_and_delayed,
                a_retry_at_the_last_attempt_fails,
                an_error_outlives_a_retry_and_not_a_success,
                a_reschedule_is_delayed_and_not_counted,
                a_release_is_not_counted_and_keeps_its_place,
                a_queued_job_is_cancelled_at_once,
                a_running_job_learns_of_its_cancellation,
                an_ended_job_is_not_cancelled,
                a_job_asked_to_stop_is_not_queued_again,
                a_lapsed_job_asked_to_stop_is_cancelled,
                events_have_no_gaps_and_tell_every_state,
                an_event_is_written_only_for_a_change,
                events_replay_from_any_number,
                events_end_with_the_job_wherever_they_begin,
                events_follow_live_to_the_end,
                a_follower_misses_nothing_written_while_it_reads,
                an_ended_job_is_removed_whole,
                a_job_that_has_not_ended_is_not_removed,
                only_its_owner_removes_a_job,
                the_key_of_a_removed_job_is_free,
                a_follower_of_a_removed_job_ends,
                pruning_takes_those_that_ended_first,
                pruning_leaves_what_has_not_ended,
                pruning_leaves_the_young,
                pruning_takes_jobs_of_every_owner_and_end,
                what_is_pruned_is_gone_whole,
                those_that_prune_at_once_take_each_job_once,
            ]
        );
    };
}
