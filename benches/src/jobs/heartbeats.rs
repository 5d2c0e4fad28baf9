//! What heartbeats cost the database: whether they stay within their page (HOT), and how much log they write.
use std::time::{Duration, Instant};

use sqlx::PgConnection;
use voiceclone_core::{Error, Result};

use super::{
    contest::{Arena, Contestant},
    process::{Client, Took},
};
use crate::goals::Verdict;

/// The least share of updates that move no index entry.
const HOT: f64 = 0.99;
/// The server publishes its counts a second or so after the fact.
const PATIENCE: Duration = Duration::from_secs(30);

const COUNTS: &str = "
    SELECT n_tup_upd, n_tup_hot_upd, (pg_current_wal_insert_lsn() - '0/0')::float8
    FROM pg_stat_user_tables WHERE schemaname = 'voiceclone' AND relname = 'clone_jobs'";

/// What the heartbeats of many running jobs did.
#[derive(Debug, Clone, Copy)]
pub struct Beats {
    /// Running jobs.
    pub jobs: u32,
    /// Heartbeats of each.
    pub rounds: u32,
    /// Of all updates, those that moved no index entry.
    pub hot: f64,
    /// Bytes of write-ahead log a heartbeat.
    pub wal: f64,
    /// What the client took.
    pub took: Took,
}

/// Beats `rounds` times for `jobs` running jobs, all at once.
///
/// # Errors
/// If a client or the server fails.
pub async fn measure(arena: &Arena, jobs: u32, rounds: u32) -> Result<Beats> {
    eprintln!("heartbeats: {rounds} of {jobs} jobs");
    let name = "heartbeats";
    let home = arena.home_named(Contestant::OursBatched, name).await?;
    Client::run(home.enqueue(jobs)).await?;
    let mut claiming = Client::start(home.command(&["lease", &jobs.to_string()]))?;
    let mut leases = String::new();
    while let Some(words) = claiming.next().await? {
        leases.extend(words.last().map(|lease| format!("{lease}\n")));
    }
    claiming.end().await?;

    let mut connection = arena.cluster.connect(name).await?;
    let (claims, hot_claims, wal_before) = counts(&mut connection, i64::from(jobs)).await?;
    let mut beating = Client::start(home.command(&["beat", &rounds.to_string()]))?;
    beating.tell(&leases).await?;
    let took = beating.took().await?;
    let beats = i64::from(jobs) * i64::from(rounds);
    let (updates, hot, wal) = counts(&mut connection, claims + beats).await?;
    let share = |part: i64, whole: i64| f64_of(part) / f64_of(whole);
    Ok(Beats {
        jobs,
        rounds,
        hot: share(hot - hot_claims, updates - claims),
        wal: (wal - wal_before) / f64_of(beats),
        took,
    })
}

/// The counts, once at least so many updates are among them.
async fn counts(connection: &mut PgConnection, at_least: i64) -> Result<(i64, i64, f64)> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let counts: sqlx::Result<(i64, i64, f64)> = sqlx::query_as(COUNTS).fetch_one(&mut *connection).await;
        let counts = counts.map_err(|e| Error::unexpected("the server's counts cannot be read").with_source(e))?;
        if counts.0 >= at_least {
            return Ok(counts);
        }
        if Instant::now() > deadline {
            return Err(Error::unexpected(format!("the server counts {} updates of {at_least}", counts.0)));
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of updates are far below 2^53")]
fn f64_of(count: i64) -> f64 {
    count as f64
}

/// The table.
pub fn table(beats: &Beats) -> String {
    format!(
        "heartbeats\n  {} jobs, {} rounds: {:.2} % HOT, {:.0} B of log each, {:.0} a second, client CPU {:.1} µs each\n",
        beats.jobs,
        beats.rounds,
        beats.hot * 100.0,
        beats.wal,
        beats.took.rate(),
        beats.took.cpu_each()
    )
}

/// What was asked, and what came of it.
pub fn judge(beats: Option<&Beats>) -> (String, Verdict) {
    let verdict = beats.map_or(Verdict::NotMeasured, |beats| {
        Verdict::of(beats.hot >= HOT, format!("{:.2} %, {:.0} B of log each", beats.hot * 100.0, beats.wal))
    });
    ("heartbeats: at least 99 % HOT".to_owned(), verdict)
}
