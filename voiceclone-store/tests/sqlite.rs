//! What the conformance suites cannot see of a database: its file, its other users, and its limits.
#![cfg(feature = "sqlite")]
use std::num::NonZeroUsize;

use futures_util::{StreamExt as _, TryStreamExt as _};
use sqlx::{Connection as _, SqliteConnection, sqlite::SqliteConnectOptions};
use voiceclone_core::{
    ErrorKind,
    domain::{JobEvent, JobSpec, JobState, NewJob},
    id::{OwnerId, SampleId, VoiceId},
    speak::SpeakRequest,
    store::{JobStore as _, Outcome},
};
use voiceclone_store::SqliteStore;

const ONE: NonZeroUsize = NonZeroUsize::MIN;

fn owner() -> OwnerId {
    OwnerId::new("ada").unwrap()
}

fn a_job() -> NewJob {
    NewJob::new(owner(), JobSpec::PrepareSample { sample: SampleId::new() })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_may_open_a_new_file_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("new.db");
    let stores = futures_util::future::join_all((0..6).map(|_| SqliteStore::open(&path))).await;
    for store in stores {
        store.unwrap().enqueue(&a_job()).await.unwrap();
    }
}

#[tokio::test]
async fn what_was_written_is_there_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("kept.db");
    let store = SqliteStore::open(&path).await.unwrap();
    let job = store.enqueue(&a_job()).await.unwrap().into_job();
    store.close().await;
    assert_eq!(store.job(&owner(), job.id).await.unwrap_err().kind(), ErrorKind::Unavailable);
    let reopened = SqliteStore::open(&path).await.unwrap();
    assert_eq!(reopened.job(&owner(), job.id).await.unwrap(), job);
}

#[tokio::test]
async fn a_follower_sees_what_another_process_writes() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("shared.db");
    let (here, there) = (SqliteStore::open(&path).await.unwrap(), SqliteStore::open(&path).await.unwrap());
    let job = here.enqueue(&a_job()).await.unwrap().into_job();
    let mut events = here.events(&owner(), job.id, 0).await.unwrap();
    assert_eq!(events.next().await.unwrap().unwrap().state, JobState::Queued);
    let (mut next, ada) = (events.next(), owner());
    // Until it has surely looked and found nothing, so that it has to look again.
    for _ in 0..50 {
        tokio::select! {
            biased;
            event = &mut next => panic!("nothing happened, but the follower saw {event:?}"),
            found = here.job(&ada, job.id) => drop(found.unwrap()),
        }
    }
    let lease = there.claim("elsewhere", ONE, std::time::Duration::from_mins(1)).await.unwrap().remove(0);
    assert_eq!(next.await.unwrap().unwrap().state, JobState::Running);
    there.finish(lease.id, &Outcome::Cancelled).await.unwrap();
    let rest: Vec<JobEvent> = events.try_collect().await.unwrap();
    assert_eq!(rest.iter().map(|e| (e.seq, e.state)).collect::<Vec<_>>(), [(3, JobState::Cancelled)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_that_are_dropped_are_made_whole_or_not_at_all_and_break_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("dropped.db");
    let store = SqliteStore::open(&path).await.unwrap();
    let mut acknowledged = Vec::new();
    for round in 0..200 {
        let job = a_job();
        let dropped = store.enqueue(&job);
        // Polled a few times and then dropped, so that it is cut at another place in each round.
        let mut polls = round % 5;
        tokio::select! {
            biased;
            () = std::future::poll_fn(|cx| {
                cx.waker().wake_by_ref();
                polls -= 1;
                if polls < 0 { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
            }) => {}
            done = dropped => acknowledged.push(done.unwrap().into_job().id),
        }
        acknowledged.push(store.enqueue(&a_job()).await.unwrap().into_job().id);
    }
    store.close().await;
    let reopened = SqliteStore::open(&path).await.unwrap();
    for id in acknowledged {
        reopened.job(&owner(), id).await.unwrap();
    }
    let mut raw = open_raw(&path).await;
    let without_event: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM clone_jobs j WHERE NOT EXISTS (SELECT 1 FROM job_events e WHERE e.job_id = j.job_id)",
    )
    .fetch_one(&mut raw)
    .await
    .unwrap();
    assert_eq!(without_event, 0);
}

async fn open_raw(path: &std::path::Path) -> SqliteConnection {
    SqliteConnection::connect_with(&SqliteConnectOptions::new().filename(path)).await.unwrap()
}

#[tokio::test]
async fn the_columns_that_people_ask_for_say_what_the_documents_say() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("columns.db");
    let store = SqliteStore::open(&path).await.unwrap();
    let (sample, voice) = (SampleId::new(), VoiceId::new());
    let of_sample = JobSpec::Speak { request: SpeakRequest::new(sample, "Good morning.").unwrap() };
    let of_voice = JobSpec::Speak { request: SpeakRequest::new(voice, "Good night.").unwrap() };
    for spec in [of_sample, of_voice] {
        store.enqueue(&NewJob::new(owner(), spec)).await.unwrap();
    }
    let columns = "SELECT sample_id, voice_id, text, status FROM clone_jobs ORDER BY job_id";
    type Row = (Option<String>, Option<String>, String, String);
    let found: Vec<Row> = sqlx::query_as(columns).fetch_all(&mut open_raw(&path).await).await.unwrap();
    let row = |sample, voice, text: &str| (sample, voice, text.to_owned(), "queued".to_owned());
    let expected =
        [row(Some(sample.to_string()), None, "Good morning."), row(None, Some(voice.to_string()), "Good night.")];
    assert_eq!(found, expected);
}

#[tokio::test]
async fn a_file_of_a_later_version_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("later.db");
    SqliteStore::migrate(&path).await.unwrap();
    let later = "INSERT INTO voiceclone_migrations VALUES (9999, 'later', CURRENT_TIMESTAMP, true, x'00', 0)";
    sqlx::query(later).execute(&mut open_raw(&path).await).await.unwrap();
    assert_eq!(SqliteStore::open(&path).await.unwrap_err().kind(), ErrorKind::Config);
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("not.db");
    std::fs::write(&path, "RIFF and so on, for longer than a header".repeat(100)).unwrap();
    let error = SqliteStore::open(&path).await.unwrap_err();
    assert_eq!(error.message(), "the database file is damaged or not a database");
    let error = SqliteStore::open(dir.path().join("no/such/dir/x.db")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
}
