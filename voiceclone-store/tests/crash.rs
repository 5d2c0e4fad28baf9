//! A real process is killed in the middle of its work, again and again, on one file. What it acknowledged must be there.
#![cfg(all(feature = "sqlite", unix))]
use std::{
    collections::{HashMap, HashSet},
    io::{BufRead as _, BufReader},
    num::NonZeroUsize,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use rand::RngExt as _;
use sqlx::{Connection as _, SqliteConnection, sqlite::SqliteConnectOptions};
use voiceclone_core::{
    Error,
    domain::{JobError, JobOutput, JobSpec, JobState, NewJob, Progress},
    id::{JobId, OwnerId, SampleId},
    store::{JobQuery, JobStore as _, Outcome},
    testkit::run_on_runtime,
};
use voiceclone_store::SqliteStore;

const FILE: &str = "VOICECLONE_CRASH_TEST_FILE";
const ROUNDS: usize = 10;

fn owner() -> OwnerId {
    OwnerId::new("ada").unwrap()
}

/// Says what was acknowledged, one line each, until it is killed.
#[test]
#[ignore = "the process that the other test kills"]
fn victim() {
    let Some(path) = std::env::var_os(FILE).map(PathBuf::from) else { return };
    run_on_runtime(async {
        let store = SqliteStore::open(path).await.unwrap();
        tokio::join!(queue(&store), queue(&store), work(&store), work(&store));
    });
}

async fn queue(store: &SqliteStore) {
    loop {
        let new = NewJob::new(owner(), JobSpec::PrepareSample { sample: SampleId::new() });
        let job = store.enqueue(&new).await.unwrap().into_job();
        println!("\nack {} queued", job.id);
    }
}

async fn work(store: &SqliteStore) {
    let two = NonZeroUsize::new(2).unwrap();
    for turn in 0_u32.. {
        for lease in store.claim("victim", two, Duration::from_hours(1)).await.unwrap() {
            let progress = Some(Progress::new("working", 1, 2));
            store.heartbeat(lease.id, progress, Duration::from_hours(1)).await.unwrap();
            let sample = SampleId::new();
            let outcome = match turn % 3 {
                0 => Outcome::Succeeded(JobOutput::Prepared { sample }),
                1 => Outcome::Failed(JobError::new(&Error::unexpected("it failed"), lease.job.attempt)),
                _ => Outcome::Released,
            };
            let job = store.finish(lease.id, &outcome).await.unwrap();
            println!("\nack {} {}", job.id, job.state.as_str());
        }
    }
}

#[test]
fn a_killed_process_loses_nothing_it_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("crash.db");
    let mut acknowledged: HashMap<JobId, HashSet<String>> = HashMap::new();
    for _ in 0..ROUNDS {
        for (job, state) in kill_after(rand::rng().random_range(1..120), &path) {
            acknowledged.entry(job).or_default().insert(state);
        }
        run_on_runtime(check(&path, &acknowledged));
    }
    assert!(acknowledged.len() >= ROUNDS, "the victim did nothing");
}

/// Starts a victim, kills it when it said its `n`th line, and returns all that it said.
fn kill_after(n: usize, path: &Path) -> Vec<(JobId, String)> {
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .args(["victim", "--exact", "--ignored", "--nocapture"])
        .env(FILE, path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut acks = BufReader::new(victim.stdout.take().unwrap()).lines().filter_map(|line| parse(&line.unwrap()));
    let mut said: Vec<_> = acks.by_ref().take(n).collect();
    victim.kill().unwrap();
    // What it said before it died was acknowledged too, read or not. A line that the kill cut short is none.
    said.extend(acks);
    victim.wait().unwrap();
    assert!(said.len() >= n, "the victim ended by itself");
    said
}

fn parse(line: &str) -> Option<(JobId, String)> {
    let (id, state) = line.strip_prefix("ack ")?.split_once(' ')?;
    JobState::ALL.iter().any(|known| known.as_str() == state).then_some((id.parse().ok()?, state.to_owned()))
}

async fn check(path: &Path, acknowledged: &HashMap<JobId, HashSet<String>>) {
    let mut raw = SqliteConnection::connect_with(&SqliteConnectOptions::new().filename(path)).await.unwrap();
    let sound: String = sqlx::query_scalar("PRAGMA integrity_check").fetch_one(&mut raw).await.unwrap();
    assert_eq!(sound, "ok");

    let store = SqliteStore::open(path).await.unwrap();
    let mut jobs = HashMap::new();
    let mut query = JobQuery::of(owner());
    loop {
        let page = store.jobs(&query).await.unwrap();
        jobs.extend(page.items.into_iter().map(|job| (job.id, job)));
        query = query.after(page.next);
        if query.after.is_none() {
            break;
        }
    }
    let mut histories: HashMap<String, Vec<(i64, String)>> = HashMap::new();
    let events = sqlx::query_as("SELECT job_id, seq, status FROM job_events ORDER BY job_id, seq");
    for (id, seq, state) in events.fetch_all(&mut raw).await.unwrap() {
        let id: String = id;
        histories.entry(id).or_default().push((seq, state));
    }

    assert_eq!(jobs.len(), histories.len(), "every job has events and every event a job");
    for (id, job) in &jobs {
        let history = histories.get(&id.to_string()).unwrap();
        let numbers: Vec<i64> = history.iter().map(|(seq, _)| *seq).collect();
        assert_eq!(numbers, (1..).take(numbers.len()).collect::<Vec<_>>(), "{id} has gaps");
        assert_eq!(history.last().unwrap().1, job.state.as_str(), "{id} is not where its last event says");
    }
    for (id, states) in acknowledged {
        let history = histories.get(&id.to_string()).unwrap_or_else(|| panic!("{id} was acknowledged and is lost"));
        let went: HashSet<String> = history.iter().map(|(_, state)| state.clone()).collect();
        assert!(went.is_superset(states), "{id} was acknowledged as {states:?} and was only {went:?}");
    }
}
