//! Events: numbered without gaps, written with the state, replayed and followed.
use futures_util::{StreamExt as _, TryStreamExt as _};

use super::{JobFixture, LONG, NONE};
use crate::{
    domain::{JobError, JobEvent, JobState, Progress},
    error::{Error, ErrorKind},
    store::Outcome,
    testkit::check::{Checked, ensure_eq, in_time},
};

use JobState::{Cancelled, Failed, Queued, Running};

fn states(events: &[JobEvent]) -> Vec<JobState> {
    events.iter().map(|event| event.state).collect()
}

fn numbers(events: &[JobEvent]) -> Vec<u64> {
    events.iter().map(|event| event.seq).collect()
}

#[expect(clippy::unnecessary_wraps, reason = "progress is optional wherever it is given or found")]
fn step(done: u64) -> Option<Progress> {
    Some(Progress::new("speaking", done, 100))
}

pub(super) async fn events_have_no_gaps_and_tell_every_state(f: JobFixture) -> Checked {
    let error = JobError::new(&Error::new(ErrorKind::Timeout, "too slow"), 1);
    let first = f.running().await?;
    f.store.heartbeat(first.id, step(10), LONG).await?;
    f.finish(first.id, Outcome::Retry(error.clone(), NONE)).await?;
    f.claim_one(NONE).await?;
    let third = f.claim_one(LONG).await?;
    let job = f.finish(third.id, Outcome::Failed(error.clone())).await?;
    let events = f.history(&job, 0).await?;
    ensure_eq(numbers(&events), (1..=7).collect::<Vec<_>>(), "the numbers of the events")?;
    let expected = [Queued, Running, Running, Queued, Running, Running, Failed];
    ensure_eq(states(&events), expected, "the states of the events")?;
    let progress: Vec<_> = events.iter().map(|event| event.progress.as_ref().map(|p| p.done)).collect();
    let ten = Some(10);
    ensure_eq(progress, [None, None, ten, ten, ten, ten, ten], "the progress of the events")?;
    let errors: Vec<_> = events.iter().map(|event| event.error.is_some()).collect();
    ensure_eq(errors, [false, false, false, true, true, true, true], "which events tell an error")?;
    ensure_eq(events.last().and_then(|event| event.error.clone()), Some(error), "the last error")?;
    ensure_eq(events.iter().all(|event| event.job == job.id), true, "events are of their job")?;
    ensure_eq(events.is_sorted_by_key(|event| event.at), true, "events are in the order of time")
}

pub(super) async fn an_event_is_written_only_for_a_change(f: JobFixture) -> Checked {
    let lease = f.running().await?;
    for progress in [None, step(1), step(1), None, step(2), step(2), None] {
        f.store.heartbeat(lease.id, progress, LONG).await?;
    }
    f.store.cancel(&lease.job.owner, lease.job.id).await?;
    let job = f.finish(lease.id, Outcome::Cancelled).await?;
    f.store.cancel(&job.owner, job.id).await?;
    let events = f.history(&job, 0).await?;
    ensure_eq(states(&events), [Queued, Running, Running, Running, Cancelled], "the states of the events")?;
    let progress: Vec<_> = events.into_iter().map(|event| event.progress).collect();
    ensure_eq(progress, [None, None, step(1), step(2), step(2)], "the progress of the events")
}

pub(super) async fn events_replay_from_any_number(f: JobFixture) -> Checked {
    let lease = f.running().await?;
    for done in 1..=5 {
        f.store.heartbeat(lease.id, step(done), LONG).await?;
    }
    let live = f.store.events(&lease.job.owner, lease.job.id, 0).await?;
    let before: Vec<JobEvent> = in_time("events that were", live.take(7).try_collect()).await??;
    let job = f.finish(lease.id, Outcome::Cancelled).await?;
    let all = f.history(&job, 0).await?;
    ensure_eq(all.get(..7), Some(&*before), "events before a follower came again")?;
    for after in 0..=8 {
        let expected: Vec<_> = all.iter().filter(|event| event.seq > after).cloned().collect();
        ensure_eq(f.history(&job, after).await?, expected, "the events after a number")?;
    }
    Ok(())
}

pub(super) async fn events_end_with_the_job_wherever_they_begin(f: JobFixture) -> Checked {
    let lease = f.running().await?;
    let (owner, id) = (&lease.job.owner, lease.job.id);
    let mut ahead = Vec::new();
    for after in [3, 4, 1 << 40, u64::MAX] {
        ahead.push(f.store.events(owner, id, after).await?);
    }
    let job = f.finish(lease.id, Outcome::Cancelled).await?;
    for after in [3, 4, 1 << 40, u64::MAX] {
        ensure_eq(f.history(&job, after).await?, [], "events after the last")?;
    }
    for follower in ahead {
        let events: Vec<JobEvent> = in_time("a follower ahead of the end", follower.try_collect()).await??;
        ensure_eq(events, [], "events after the last, followed live")?;
    }
    Ok(())
}

pub(super) async fn events_follow_live_to_the_end(f: JobFixture) -> Checked {
    let job = f.job().await?;
    let mut follower = f.store.events(&job.owner, job.id, 0).await?;
    let mut next =
        async |what: &str| -> Checked<Option<JobEvent>> { Ok(in_time(what, follower.next()).await?.transpose()?) };
    let state = |event: &Option<JobEvent>| event.as_ref().map(|event| event.state);
    ensure_eq(state(&next("being queued").await?), Some(Queued), "the first event")?;
    let lease = f.claim_one(LONG).await?;
    ensure_eq(state(&next("being claimed").await?), Some(Running), "the event of the claim")?;
    f.store.heartbeat(lease.id, step(1), LONG).await?;
    ensure_eq(next("progress").await?.and_then(|event| event.progress), step(1), "the event of the progress")?;
    f.finish(lease.id, Outcome::Reschedule(NONE)).await?;
    ensure_eq(state(&next("being rescheduled").await?), Some(Queued), "the event of the reschedule")?;
    f.store.cancel(&job.owner, job.id).await?;
    ensure_eq(state(&next("being cancelled").await?), Some(Cancelled), "the event of the end")?;
    ensure_eq(next("the end of the events").await?, None, "what comes after the end")
}

pub(super) async fn a_follower_misses_nothing_written_while_it_reads(f: JobFixture) -> Checked {
    let lease = f.running().await?;
    let (owner, id) = (lease.job.owner.clone(), lease.job.id);
    let followers = crate::testkit::check::race(4, |_| {
        let (f, owner) = (f.clone(), owner.clone());
        async move {
            let events = f.store.events(&owner, id, 0).await?;
            Checked::Ok(in_time("the events of a busy job", events.try_collect::<Vec<JobEvent>>()).await??)
        }
    });
    let work = async {
        for done in 1..=100 {
            f.store.heartbeat(lease.id, step(done), LONG).await?;
            tokio::task::yield_now().await;
        }
        f.finish(lease.id, Outcome::Cancelled).await
    };
    let (followed, worked) = futures_util::join!(followers, work);
    worked?;
    for events in followed? {
        ensure_eq(numbers(&events?), (1..=103).collect::<Vec<_>>(), "the numbers that a follower saw")?;
    }
    Ok(())
}
