//! Whether one owner's long queue keeps another waiting, and what it costs to look after many.
use std::fmt::Write as _;

use voiceclone_core::{Error, Result};

use super::{
    contest::{Arena, Contestant, Home},
    process::{Client, Took},
    table::{Spread, cell},
};
use crate::goals::Verdict;

const WORKERS: u32 = 8;
/// Owners with jobs waiting, in the databases that are compared.
const CROWDS: [u32; 3] = [1, 50, 1000];
/// A job of another owner is taken before each worker has claimed so many.
const ASKED: f64 = 2.0;

/// Claims a second among so many owners, singly and ten at a time, round by round.
#[derive(Debug, Clone)]
pub struct Crowd {
    /// Owners with jobs waiting.
    pub owners: u32,
    /// One at a time.
    pub singly: Vec<f64>,
    /// Ten at a time.
    pub batched: Vec<f64>,
}

/// What came of both.
#[derive(Debug, Clone)]
pub struct Fairness {
    /// Jobs of the owner with the long queue.
    pub queued: u32,
    /// Claims of each worker, on average, until another owner's job was taken: one figure for every trial.
    pub claims: Vec<f64>,
    /// Rates of claims.
    pub crowds: Vec<Crowd>,
}

/// One owner with `queued` jobs and `trials` single jobs of another; then the same number of jobs among more owners.
///
/// # Errors
/// If a client fails.
pub async fn measure(arena: &Arena, queued: u32, trials: u32, rounds: u32) -> Result<Fairness> {
    eprintln!("fair share: one owner with {queued} jobs");
    let home = arena.home_named(Contestant::OursBatched, "fair_overtake").await?;
    Client::run(home.enqueue(queued)).await?;
    let mut overtaking = Client::start(home.command(&["overtake", &WORKERS.to_string(), &trials.to_string()]))?;
    let mut claims = Vec::new();
    for _ in 0..trials {
        let said = overtaking.say("claims").await?;
        let number = said.first().and_then(|number| number.parse::<u32>().ok());
        let number = number.ok_or_else(|| Error::unexpected("a client says a number that is none"))?;
        claims.push(f64::from(number) / f64::from(WORKERS));
    }
    overtaking.end().await?;
    Ok(Fairness { queued, claims, crowds: crowds(arena, queued.div_ceil(5), rounds).await? })
}

async fn crowds(arena: &Arena, queued: u32, rounds: u32) -> Result<Vec<Crowd>> {
    let mut homes = Vec::new();
    for owners in CROWDS {
        let home = arena.home_named(Contestant::Ours, &format!("fair_{owners}")).await?;
        let words = ["enqueue", &queued.to_string(), "--tasks", "100", "--owners", &owners.to_string()];
        Client::run(home.command(&words)).await?;
        homes.push((home, Crowd { owners, singly: Vec::new(), batched: Vec::new() }));
    }
    // Less than half of the jobs, so that every owner still has some at the end.
    let (one, ten) = (queued / 20 / rounds, queued / 4 / rounds);
    for round in 1..=rounds {
        eprintln!("fair share: round {round} of {rounds}");
        for (home, crowd) in &mut homes {
            crowd.singly.push(claim(home, one.max(1), "1").await?.rate());
            crowd.batched.push(claim(home, ten.max(10), "10").await?.rate());
        }
    }
    Ok(homes.into_iter().map(|(_, crowd)| crowd).collect())
}

async fn claim(home: &Home<'_>, jobs: u32, batch: &str) -> Result<Took> {
    Client::run(home.command(&["claim", &jobs.to_string(), "--batch", batch])).await
}

/// The table.
pub fn table(fairness: &Fairness) -> String {
    let mut out = String::new();
    let claims = Spread::of(&fairness.claims).map_or("-".to_owned(), |claims| format!("{claims:.2}"));
    let _ = writeln!(
        out,
        "fair share\n  beside {} jobs of one owner, another's single job: {} claims of each of {WORKERS} workers before \
         it is taken",
        fairness.queued,
        claims.trim_start()
    );
    let _ = writeln!(
        out,
        "  {:<20}{:>14}{:>24}{:>40}",
        "owners waiting", "claims/s", "/ one owner", "claims/s, 10 at a time"
    );
    let first = fairness.crowds.first();
    for crowd in &fairness.crowds {
        let slower = first.and_then(|one| Spread::of_ratios(&crowd.singly, &one.singly));
        let line = format!(
            "  {:<20}{}{}{}",
            crowd.owners,
            cell(Spread::of(&crowd.singly), 0),
            cell(slower, 2),
            cell(Spread::of(&crowd.batched), 0)
        );
        let _ = writeln!(out, "{}", line.trim_end());
    }
    out
}

/// What was asked, and what came of it.
pub fn judge(fairness: Option<&Fairness>) -> (String, Verdict) {
    let worst = fairness.and_then(|fairness| Spread::of(&fairness.claims));
    let verdict = worst
        .map_or(Verdict::NotMeasured, |claims| Verdict::of(claims.max < ASKED, format!("{:.2} at worst", claims.max)));
    ("fair share: under 2 claims of each worker until another owner's turn".to_owned(), verdict)
}
