//! What the conformance suites cannot see of PostgreSQL: its versions, its other users, and what is lost on the way.
#![cfg(feature = "postgres")]
#![expect(clippy::unwrap_used, reason = "functions that tests share fail as tests do")]
#[path = "support/postgres.rs"]
mod server;

use std::{num::NonZeroUsize, time::Duration};

use futures_util::{StreamExt as _, TryStreamExt as _, future::join_all};
use sqlx::{Connection as _, PgConnection};
use voiceclone_core::{
    ErrorKind,
    domain::{JobEvent, JobSpec, JobState, NewJob},
    id::{IdempotencyKey, OwnerId, SampleId, VoiceId},
    speak::SpeakRequest,
    store::{Enqueued, JobQuery, JobStore as _, LeaseStatus, Outcome},
};
use voiceclone_store::{PostgresOptions, PostgresStore};

const ONE: NonZeroUsize = NonZeroUsize::MIN;
const LONG: Duration = Duration::from_hours(1);

fn owner() -> OwnerId {
    OwnerId::new("ada").unwrap()
}

fn a_job() -> NewJob {
    NewJob::new(owner(), JobSpec::PrepareSample { sample: SampleId::new() })
}

fn said(text: &str) -> SpeakRequest {
    SpeakRequest::new(VoiceId::new(), text).unwrap()
}

/// An empty database with the tables in it.
async fn database() -> String {
    let url = server::fresh_database();
    PostgresStore::migrate(&url).await.unwrap();
    url
}

async fn raw(url: &str) -> PgConnection {
    PgConnection::connect(url).await.unwrap()
}

/// A store that finds a change only if it hears of it, and the process that listens for it.
async fn hearing(url: &str) -> (PostgresStore, i32) {
    let name = format!("hears {}", SampleId::new());
    let options = PostgresOptions::new(url).unwrap().poll_interval(LONG).application_name(&name);
    let store = options.connect().await.unwrap();
    let pid = listener(url, &name).await;
    (store, pid)
}

async fn listener(url: &str, name: &str) -> i32 {
    let mut raw = raw(url).await;
    loop {
        let pid =
            "SELECT pid FROM pg_stat_activity WHERE application_name = $1 AND query LIKE 'LISTEN%' AND state = 'idle'";
        let found: Option<i32> = sqlx::query_scalar(pid).bind(name).fetch_optional(&mut raw).await.unwrap();
        if let Some(pid) = found {
            return pid;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_may_migrate_at_once_and_again() {
    let url = server::fresh_database();
    for migrated in join_all((0..6).map(|_| PostgresStore::migrate(&url))).await {
        migrated.unwrap();
    }
    PostgresStore::migrate(&url).await.unwrap();
    PostgresStore::connect(&url).await.unwrap().enqueue(&a_job()).await.unwrap();
}

#[tokio::test]
async fn connecting_makes_no_tables_but_says_what_to_do() {
    let url = server::fresh_database();
    let error = PostgresStore::connect(&url).await.unwrap_err();
    assert!(error.kind() == ErrorKind::Config && error.message().contains("run migrate"), "{error}");
    let missing = PostgresStore::connect(&format!("{url}_not")).await.unwrap_err();
    assert_eq!((missing.kind(), missing.message()), (ErrorKind::Config, "there is no such database"));
}

#[tokio::test]
async fn newer_tables_are_accepted_until_they_need_newer_code() {
    let url = database().await;
    let mut raw = raw(&url).await;
    let later = "INSERT INTO voiceclone.migrations VALUES (9999, 'later', now(), true, '', 0)";
    sqlx::query(later).execute(&mut raw).await.unwrap();
    PostgresStore::connect(&url).await.unwrap();
    PostgresStore::migrate(&url).await.unwrap();
    sqlx::query("UPDATE voiceclone.compatibility SET oldest_version = 9999").execute(&mut raw).await.unwrap();
    let error = PostgresStore::connect(&url).await.unwrap_err();
    assert!(error.kind() == ErrorKind::Config && error.message().contains("9999"), "{error}");
    sqlx::query("UPDATE voiceclone.migrations SET version = 0, success = true WHERE version = 1")
        .execute(&mut raw)
        .await
        .unwrap();
    sqlx::query("DELETE FROM voiceclone.migrations WHERE version > 0").execute(&mut raw).await.unwrap();
    let error = PostgresStore::connect(&url).await.unwrap_err();
    assert!(error.kind() == ErrorKind::Config && error.message().contains("run migrate"), "{error}");
}

type Row = (Option<String>, Option<String>, Option<String>, String, bool);

#[tokio::test]
async fn the_columns_that_people_ask_for_say_what_the_documents_say() {
    let url = database().await;
    let store = PostgresStore::connect(&url).await.unwrap();
    let (sample, voice) = (SampleId::new(), VoiceId::new());
    let of_sample = JobSpec::Speak { request: SpeakRequest::new(sample, "Good morning.").unwrap().speed(1.1) };
    let of_voice = JobSpec::Speak { request: SpeakRequest::new(voice, "Good night.").unwrap() };
    for spec in [of_sample, of_voice, JobSpec::PrepareSample { sample }] {
        let job = store.enqueue(&NewJob::new(owner(), spec.clone())).await.unwrap().into_job();
        assert_eq!(job.spec, spec);
        assert_eq!(store.job(&owner(), job.id).await.unwrap(), job);
    }
    let columns = "SELECT sample_id, voice_id, text, status, spec::text LIKE '%Good%' FROM voiceclone.clone_jobs
        ORDER BY job_id";
    let found: Vec<Row> = sqlx::query_as(columns).fetch_all(&mut raw(&url).await).await.unwrap();
    let row = |sample: Option<SampleId>, voice: Option<VoiceId>, text: Option<&str>| {
        let [sample, voice] = [sample.map(String::from), voice.map(String::from)];
        (sample, voice, text.map(str::to_owned), "queued".to_owned(), false)
    };
    let expected = [
        row(Some(sample), None, Some("Good morning.")),
        row(None, Some(voice), Some("Good night.")),
        row(Some(sample), None, None),
    ];
    assert_eq!(found, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_that_are_dropped_are_made_whole_or_not_at_all_and_break_no_other() {
    let url = database().await;
    let store = PostgresOptions::new(&url).unwrap().max_connections(2).connect().await.unwrap();
    let mut acknowledged = Vec::new();
    for round in 0..200 {
        let job = acknowledged.last().copied();
        let (new, ada) = (a_job(), owner());
        // One that goes through the queue of calls, and one that has a connection to itself.
        let dropped = async {
            match job {
                Some(job) if round % 2 == 0 => drop(store.cancel(&ada, job).await.unwrap()),
                _ => drop(store.enqueue(&new).await.unwrap()),
            }
        };
        // Polled a few times and then dropped, so that it is cut at another place in each round.
        let mut polls = round % 7;
        tokio::select! {
            biased;
            () = std::future::poll_fn(|cx| {
                cx.waker().wake_by_ref();
                polls -= 1;
                if polls < 0 { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
            }) => {}
            () = dropped => {}
        }
        acknowledged.push(store.enqueue(&a_job()).await.unwrap().into_job().id);
    }
    store.close().await;
    let after = store.job(&owner(), acknowledged[0]).await.unwrap_err();
    assert_eq!(after.kind(), ErrorKind::Unavailable);
    assert_eq!(store.enqueue(&a_job()).await.unwrap_err().kind(), ErrorKind::Unavailable);
    let reopened = PostgresStore::connect(&url).await.unwrap();
    for id in acknowledged {
        reopened.job(&owner(), id).await.unwrap();
    }
    let without_event = "SELECT count(*) FROM voiceclone.clone_jobs j
        WHERE j.last_seq <> (SELECT count(*) FROM voiceclone.job_events e WHERE e.job_id = j.job_id)";
    let without_event: i64 = sqlx::query_scalar(without_event).fetch_one(&mut raw(&url).await).await.unwrap();
    assert_eq!(without_event, 0);
}

#[tokio::test]
async fn a_statement_that_takes_too_long_is_given_up_and_leaves_no_trace() {
    let url = database().await;
    let options = PostgresOptions::new(&url).unwrap().max_connections(1).statement_timeout(Duration::from_millis(200));
    let store = options.connect().await.unwrap();
    let job = store.enqueue(&a_job()).await.unwrap().into_job();
    let mut other = raw(&url).await;
    let mut holding = other.begin().await.unwrap();
    sqlx::query("SELECT 1 FROM voiceclone.clone_jobs FOR UPDATE").execute(&mut *holding).await.unwrap();
    let error = store.cancel(&owner(), job.id).await.unwrap_err();
    assert!(error.kind() == ErrorKind::Timeout && error.is_retryable(), "{error}");
    holding.rollback().await.unwrap();
    assert_eq!(store.cancel(&owner(), job.id).await.unwrap().state, JobState::Cancelled);
}

#[tokio::test]
async fn a_call_that_the_database_refuses_fails_alone() {
    let store = PostgresStore::connect(&database().await).await.unwrap();
    let specs = ["en", "e\0n", "de"].map(|tag| JobSpec::Speak { request: said("Hello.").language(tag) });
    let new = specs.map(|spec| NewJob::new(owner(), spec));
    // The first goes alone, and the others together while it is on its way.
    let first = a_job();
    let (_, outcomes) = tokio::join!(store.enqueue(&first), join_all(new.iter().map(|new| store.enqueue(new))));
    let kinds: Vec<_> = outcomes.into_iter().map(|outcome| outcome.map_err(|e| e.kind()).map(drop)).collect();
    assert_eq!(kinds, [Ok(()), Err(ErrorKind::InvalidInput), Ok(())]);
}

#[tokio::test]
async fn calls_about_the_same_thing_at_once_come_out_as_if_one_after_another() {
    let store = PostgresStore::connect(&database().await).await.unwrap();
    let key = IdempotencyKey::new("once").unwrap();
    let spec = JobSpec::PrepareSample { sample: SampleId::new() };
    let new: Vec<NewJob> = (0..20).map(|_| NewJob::new(owner(), spec.clone()).with_key(key.clone())).collect();
    let queued = join_all(new.iter().map(|new| store.enqueue(new))).await;
    let fresh = queued.iter().filter(|queued| matches!(queued, Ok(Enqueued::New(_)))).count();
    let old = queued.iter().filter(|queued| matches!(queued, Ok(Enqueued::Existing(_)))).count();
    assert_eq!((fresh, old, store.jobs(&JobQuery::of(owner())).await.unwrap().items.len()), (1, 19, 1));

    let lease = store.claim("worker", ONE, LONG).await.unwrap().remove(0).id;
    let beats = join_all((0..5).map(|_| store.heartbeat(lease, None, LONG))).await;
    assert!(beats.iter().all(|beat| matches!(beat, Ok(LeaseStatus::Held))), "{beats:?}");
    let ends = join_all((0..5).map(|_| store.finish(lease, &Outcome::Cancelled))).await;
    let lost = |end: &Result<_, voiceclone_core::Error>| matches!(end, Err(e) if e.kind() == ErrorKind::LeaseLost);
    assert_eq!((ends.iter().filter(|end| end.is_ok()).count(), ends.iter().filter(|end| lost(end)).count()), (1, 4));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_job_is_handed_out_once_however_many_ask() {
    let url = database().await;
    let stores = join_all((0..4).map(|_| PostgresStore::connect(&url))).await;
    let stores: Vec<PostgresStore> = stores.into_iter().map(Result::unwrap).collect();
    let new: Vec<NewJob> = (0..200).map(|_| a_job()).collect();
    join_all(new.iter().map(|new| stores[0].enqueue(new))).await;
    let seven = NonZeroUsize::new(7).unwrap();
    let work = async |store: &PostgresStore| {
        let mut taken = Vec::new();
        loop {
            let leases = store.claim("worker", seven, LONG).await.unwrap();
            if leases.is_empty() {
                return taken;
            }
            taken.extend(leases.into_iter().map(|lease| lease.job.id));
        }
    };
    let mut taken: Vec<_> = join_all(stores.iter().map(work)).await.into_iter().flatten().collect();
    taken.sort();
    let mut all: Vec<_> = new.iter().map(|new| new.id).collect();
    all.sort();
    assert_eq!(taken, all);
}

#[tokio::test]
async fn a_claim_gets_round_to_every_owner_however_many_wait() {
    let url = database().await;
    let store = PostgresStore::connect(&url).await.unwrap();
    // The first thousand owners have nothing that is due.
    let waiting = "INSERT INTO voiceclone.clone_jobs (job_id, user_id, kind, spec, fingerprint, status, priority, max_attempts,
            max_crashes, run_at)
        SELECT 'job_' || lpad(n::text, 32, '0'), 'a' || n, 'erase', '{\"kind\": \"erase\", \"voice\": \"\"}', '', 'queued',
            0, 1, 1, now() + interval '1 day' FROM generate_series(1, 1500) n";
    sqlx::query(waiting).execute(&mut raw(&url).await).await.unwrap();
    let zoe = NewJob::new(OwnerId::new("zoe").unwrap(), JobSpec::PrepareSample { sample: SampleId::new() });
    store.enqueue(&zoe).await.unwrap();
    assert_eq!(store.claim("worker", ONE, LONG).await.unwrap().remove(0).job.id, zoe.id);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_hears_what_another_process_writes() {
    let url = database().await;
    let ((here, _), there) = (hearing(&url).await, PostgresStore::connect(&url).await.unwrap());
    let job = here.enqueue(&a_job()).await.unwrap().into_job();
    let mut events = here.events(&owner(), job.id, 0).await.unwrap();
    assert_eq!(events.next().await.unwrap().unwrap().state, JobState::Queued);
    let lease = there.claim("elsewhere", ONE, LONG).await.unwrap().remove(0);
    assert_eq!(events.next().await.unwrap().unwrap().state, JobState::Running);
    there.finish(lease.id, &Outcome::Cancelled).await.unwrap();
    let rest: Vec<JobEvent> = events.try_collect().await.unwrap();
    assert_eq!(rest.iter().map(|e| (e.seq, e.state)).collect::<Vec<_>>(), [(3, JobState::Cancelled)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_hear_of_what_another_process_queues() {
    let url = database().await;
    let ((here, _), there) = (hearing(&url).await, PostgresStore::connect(&url).await.unwrap());
    let mut arrivals = here.arrivals();
    drop(here);
    let job = there.enqueue(&a_job()).await.unwrap().into_job();
    arrivals.next().await.unwrap();
    let worker = PostgresStore::connect(&url).await.unwrap();
    assert_eq!(worker.claim("worker", ONE, LONG).await.unwrap().remove(0).job.id, job.id);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_goes_on_after_the_connection_that_listens_was_killed() {
    let url = database().await;
    let ((here, pid), there) = (hearing(&url).await, PostgresStore::connect(&url).await.unwrap());
    let job = here.enqueue(&a_job()).await.unwrap().into_job();
    let mut events = here.events(&owner(), job.id, 0).await.unwrap();
    assert_eq!(events.next().await.unwrap().unwrap().state, JobState::Queued);
    let killed = sqlx::query("SELECT pg_terminate_backend($1)").bind(pid).execute(&mut raw(&url).await).await;
    killed.unwrap();
    there.claim("elsewhere", ONE, LONG).await.unwrap();
    assert_eq!(events.next().await.unwrap().unwrap().state, JobState::Running);
}

#[tokio::test]
async fn a_follower_that_cannot_listen_looks_for_itself() {
    let url = database().await;
    let deaf = PostgresOptions::new(&url).unwrap().listen(false).poll_interval(Duration::from_millis(5));
    let (here, there) = (deaf.connect().await.unwrap(), PostgresStore::connect(&url).await.unwrap());
    let job = here.enqueue(&a_job()).await.unwrap().into_job();
    let mut events = here.events(&owner(), job.id, 1).await.unwrap();
    there.cancel(&owner(), job.id).await.unwrap();
    assert_eq!(events.next().await.unwrap().unwrap().state, JobState::Cancelled);
    assert!(events.next().await.is_none());
}

#[tokio::test]
async fn everything_ends_with_the_last_of_the_store() {
    let url = database().await;
    let (store, _) = hearing(&url).await;
    let stream = store.arrivals();
    drop(store);
    drop(stream);
    let mut raw = raw(&url).await;
    let others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
        AND backend_type = 'client backend'";
    while sqlx::query_scalar::<_, i64>(others).fetch_one(&mut raw).await.unwrap() > 0 {}
}
