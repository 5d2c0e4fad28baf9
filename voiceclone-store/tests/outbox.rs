//! Ends of jobs reach whoever subscribed, at least once, and one receiver at a time.
#![cfg(feature = "sqlite")]
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "functions that tests share fail as tests do")]
#[path = "support/database.rs"]
mod database;

use std::{collections::BTreeSet, num::NonZeroUsize, time::Duration};

use futures_util::future::join_all;
use voiceclone_core::{
    Error, ErrorKind,
    domain::{Job, JobError, JobOutput, JobSpec, JobState, NewJob},
    id::{JobId, SampleId},
    store::{JobStore as _, Outcome},
};
use voiceclone_store::{Outbox, OutboxMessage};

use database::{Database, ada, on_every_database};

const HOUR: Duration = Duration::from_hours(1);

on_every_database!(
    every_end_is_told_once_however_the_job_ended,
    only_ends_after_the_subscription_are_told,
    a_message_comes_again_until_it_is_acknowledged,
    what_one_received_is_hidden_from_the_others,
    many_receivers_share_the_messages,
    subscribers_do_not_see_each_other,
    who_unsubscribed_finds_nothing_later,
    without_a_subscription_there_is_nothing_to_receive,
    what_waits_is_counted,
    a_job_that_is_removed_is_still_told,
    names_are_checked,
);

fn at_most(limit: usize) -> NonZeroUsize {
    NonZeroUsize::new(limit).unwrap()
}

async fn subscribed(db: &Database, name: &str) -> Outbox {
    let outbox = db.outbox(name).unwrap();
    outbox.subscribe().await.unwrap();
    outbox
}

async fn receive(outbox: &Outbox) -> Vec<OutboxMessage> {
    outbox.receive(at_most(1000), HOUR).await.unwrap()
}

/// A job that was stopped while it waited.
async fn cancelled(db: &Database) -> Job {
    let job = db.queued().await;
    db.jobs().cancel(&ada(), job.id).await.unwrap()
}

async fn every_end_is_told_once_however_the_job_ended(db: Database) {
    let outbox = subscribed(&db, "mails").await;
    let prepared = Outcome::Succeeded(JobOutput::Prepared { sample: SampleId::new() });
    let error = JobError::new(&Error::unexpected("it failed"), 1);
    let mut ended = Vec::new();
    let outcomes = [
        (prepared, JobState::Succeeded),
        (Outcome::Failed(error.clone()), JobState::Failed),
        (Outcome::Cancelled, JobState::Cancelled),
    ];
    for (outcome, state) in outcomes {
        db.queued().await;
        ended.push((db.jobs().finish(db.claimed().await.id, &outcome).await.unwrap(), state));
    }

    // Retried and released, which are no ends; then out of attempts.
    let new = NewJob::new(ada(), JobSpec::PrepareSample { sample: SampleId::new() }).with_max_attempts(2);
    db.jobs().enqueue(&new).await.unwrap();
    let retry = Outcome::Retry(error, Duration::ZERO);
    for outcome in [&Outcome::Released, &retry] {
        db.jobs().finish(db.claimed().await.id, outcome).await.unwrap();
    }
    assert_eq!(outbox.waiting().await.unwrap().count, 3);
    ended.push((db.jobs().finish(db.claimed().await.id, &retry).await.unwrap(), JobState::Failed));

    // Stopped while it waited, and stopped while it ran.
    ended.push((cancelled(&db).await, JobState::Cancelled));
    let job = db.queued().await;
    let lease = db.claimed().await;
    db.jobs().cancel(&ada(), job.id).await.unwrap();
    assert_eq!(outbox.waiting().await.unwrap().count, 5);
    ended.push((db.jobs().finish(lease.id, &Outcome::Released).await.unwrap(), JobState::Cancelled));

    // Lost all its workers.
    let mut poison = NewJob::new(ada(), JobSpec::PrepareSample { sample: SampleId::new() });
    poison.max_crashes = 1;
    let poison = db.jobs().enqueue(&poison).await.unwrap().into_job();
    db.jobs().claim("lost", at_most(1), Duration::ZERO).await.unwrap();
    db.jobs().claim("next", at_most(1), HOUR).await.unwrap();
    ended.push((db.jobs().job(&ada(), poison.id).await.unwrap(), JobState::Failed));

    let told = receive(&outbox).await;
    assert_eq!(told.len(), ended.len());
    for (message, (job, state)) in told.iter().zip(&ended) {
        assert_eq!(job.state, *state);
        assert_eq!((message.job, &message.owner, message.state), (job.id, &ada(), *state));
        assert_eq!((message.kind.as_str(), message.at, message.deliveries), ("prepare_sample", job.updated_at, 1));
    }
}

async fn only_ends_after_the_subscription_are_told(db: Database) {
    let outbox = db.outbox("mails").unwrap();
    cancelled(&db).await;
    let (before, ()) = (db.queued().await, outbox.subscribe().await.unwrap());
    db.jobs().cancel(&ada(), before.id).await.unwrap();
    outbox.subscribe().await.unwrap();
    let told = receive(&outbox).await;
    assert_eq!(told.iter().map(|message| message.job).collect::<Vec<_>>(), [before.id]);
}

async fn a_message_comes_again_until_it_is_acknowledged(db: Database) {
    let outbox = subscribed(&db, "mails").await;
    let jobs = [cancelled(&db).await.id, cancelled(&db).await.id];
    for delivery in 1..4 {
        let told = outbox.receive(at_most(5), Duration::ZERO).await.unwrap();
        assert_eq!(told.iter().map(|message| message.job).collect::<Vec<_>>(), jobs);
        assert!(told.iter().all(|message| message.deliveries == delivery), "{told:?}");
    }
    let first = outbox.receive(at_most(1), Duration::ZERO).await.unwrap().remove(0);
    assert_eq!(first.job, jobs[0]);
    assert_eq!(outbox.acknowledge(&[first.id, first.id, 999_999]).await.unwrap(), 1);
    assert_eq!(outbox.acknowledge(&[first.id]).await.unwrap(), 0);
    assert_eq!(outbox.acknowledge(&[]).await.unwrap(), 0);
    assert_eq!(receive(&outbox).await.iter().map(|message| message.job).collect::<Vec<_>>(), [jobs[1]]);
}

async fn what_one_received_is_hidden_from_the_others(db: Database) {
    let (one, other) = (subscribed(&db, "mails").await, db.outbox("mails").unwrap());
    let (first, second) = (cancelled(&db).await.id, cancelled(&db).await.id);
    assert_eq!(one.receive(at_most(1), HOUR).await.unwrap()[0].job, first);
    assert_eq!(receive(&other).await.iter().map(|message| message.job).collect::<Vec<_>>(), [second]);
    assert_eq!(receive(&one).await, []);
    assert_eq!(one.waiting().await.unwrap().count, 2);
}

async fn many_receivers_share_the_messages(db: Database) {
    subscribed(&db, "mails").await;
    let mut jobs = BTreeSet::new();
    for _ in 0..60 {
        jobs.insert(cancelled(&db).await.id);
    }
    let receivers = (0..6).map(|_| async {
        let outbox = db.outbox("mails").unwrap();
        let mut told: Vec<JobId> = Vec::new();
        loop {
            let messages = outbox.receive(at_most(3), HOUR).await.unwrap();
            if messages.is_empty() {
                return told;
            }
            told.extend(messages.iter().map(|message| message.job));
        }
    });
    let told: Vec<JobId> = join_all(receivers).await.into_iter().flatten().collect();
    assert_eq!(told.len(), 60, "one was told twice or not at all");
    assert_eq!(told.into_iter().collect::<BTreeSet<_>>(), jobs);
}

async fn subscribers_do_not_see_each_other(db: Database) {
    let (mails, hooks) = (subscribed(&db, "mails").await, subscribed(&db, "hooks").await);
    let job = cancelled(&db).await.id;
    let (mail, hook) = (receive(&mails).await.remove(0), receive(&hooks).await.remove(0));
    assert_eq!((mail.job, hook.job), (job, job));
    assert_eq!(mails.acknowledge(&[hook.id]).await.unwrap(), 0);
    mails.unsubscribe().await.unwrap();
    assert_eq!(hooks.waiting().await.unwrap().count, 1);
}

async fn who_unsubscribed_finds_nothing_later(db: Database) {
    let outbox = subscribed(&db, "mails").await;
    cancelled(&db).await;
    for _ in 0..2 {
        outbox.unsubscribe().await.unwrap();
    }
    cancelled(&db).await;
    outbox.subscribe().await.unwrap();
    assert_eq!(receive(&outbox).await, []);
    let job = cancelled(&db).await.id;
    assert_eq!(receive(&outbox).await.iter().map(|message| message.job).collect::<Vec<_>>(), [job]);
}

async fn without_a_subscription_there_is_nothing_to_receive(db: Database) {
    let outbox = db.outbox("mails").unwrap();
    assert_eq!(outbox.receive(at_most(1), HOUR).await.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(outbox.waiting().await.unwrap_err().kind(), ErrorKind::NotFound);
}

async fn what_waits_is_counted(db: Database) {
    let outbox = subscribed(&db, "mails").await;
    let waiting = outbox.waiting().await.unwrap();
    assert_eq!((waiting.count, waiting.oldest), (0, None));
    for _ in 0..3 {
        cancelled(&db).await;
    }
    let told = outbox.receive(at_most(1), HOUR).await.unwrap();
    let waiting = outbox.waiting().await.unwrap();
    assert_eq!(waiting.count, 3, "handed out or not");
    assert!(waiting.oldest.is_some_and(|age| age < HOUR));
    outbox.acknowledge(&[told[0].id]).await.unwrap();
    assert_eq!(outbox.waiting().await.unwrap().count, 2);
}

async fn a_job_that_is_removed_is_still_told(db: Database) {
    let outbox = subscribed(&db, "mails").await;
    let job = cancelled(&db).await.id;
    db.jobs().remove(&ada(), job).await.unwrap();
    assert_eq!(receive(&outbox).await[0].job, job);
}

async fn names_are_checked(db: Database) {
    let long = "a".repeat(65);
    for bad in ["", " ", "mail s", "mails\n", "ä", "a/b", "'", &long] {
        assert_eq!(db.outbox(bad).unwrap_err().kind(), ErrorKind::InvalidInput, "{bad:?}");
    }
    for good in ["a", "mails.v2_eu-west", &long[1..]] {
        db.outbox(good).unwrap();
    }
}
