//! How soon an idle worker in another process has a job that was just queued.
use std::{collections::HashMap, fmt::Write as _};

use voiceclone_core::{Error, Result};

use super::{
    contest::{Arena, Contestant, Home},
    process::Client,
    table::percentile,
};
use crate::goals::Verdict;

/// Milliseconds between two jobs: the worker is idle by then.
const PAUSE: &str = "100";
/// Half of the time after which a worker looks by itself.
const HALF_POLL: f64 = 500.0;

/// Milliseconds from the call that queues a job, and from its return, until the worker had it.
#[derive(Debug, Clone)]
pub struct Latencies {
    /// Whose worker.
    pub contestant: Contestant,
    /// From the call.
    pub from_call: Vec<f64>,
    /// From its return, when the job is in the database for certain.
    pub from_return: Vec<f64>,
}

/// `jobs` jobs for each contestant, in turns of a third.
///
/// # Errors
/// If a client fails.
pub async fn measure(arena: &Arena, jobs: u32) -> Result<Vec<Latencies>> {
    let mut all = Vec::new();
    for contestant in [Contestant::Ours, Contestant::Graphile] {
        if contestant.is_ours() || arena.graphile.is_some() {
            let home = arena.home_named(contestant, &format!("wakeup_{}", usize::from(contestant.is_ours()))).await?;
            all.push((home, Latencies { contestant, from_call: Vec::new(), from_return: Vec::new() }));
        }
    }
    for turn in 1..=3 {
        eprintln!("wake-up: round {turn} of 3");
        for (home, latencies) in &mut all {
            round(home, jobs.div_ceil(3), latencies).await?;
        }
    }
    Ok(all.into_iter().map(|(_, latencies)| latencies).collect())
}

async fn round(home: &Home<'_>, jobs: u32, latencies: &mut Latencies) -> Result<()> {
    let mut worker = Client::start(home.command(&["wait"]))?;
    worker.say("ready").await?;
    let mut sender = Client::start(home.command(&["send", &jobs.to_string(), PAUSE]))?;
    let mut sent = HashMap::new();
    for _ in 0..jobs {
        let [job, before, after] = words(sender.say("sent").await?)?;
        sent.insert(job, (time(&before)?, time(&after)?));
    }
    sender.end().await?;
    for _ in 0..jobs {
        let [job, at] = words(worker.say("began").await?)?;
        let (before, after) = sent.get(&job).ok_or_else(|| Error::unexpected("a job began that nobody sent"))?;
        let at = time(&at)?;
        latencies.from_call.push((at - before) / 1e3);
        // A worker may have it before the answer is back.
        latencies.from_return.push(((at - after) / 1e3).max(0.0));
    }
    worker.kill().await
}

fn words<const N: usize>(words: Vec<String>) -> Result<[String; N]> {
    words.try_into().map_err(|_| Error::unexpected("a client says a line of another length"))
}

/// Microseconds.
fn time(word: &str) -> Result<f64> {
    word.parse().map_err(|e| Error::unexpected("a client says a time that is none").with_source(e))
}

/// The table.
pub fn table(all: &[Latencies]) -> String {
    let mut out = String::new();
    let _ = writeln!(
        out,
        "{:<28}{:>8}{:>8}{:>8}{:>16}{:>8}   ms, idle worker in another process",
        "wake-up", "p50", "p99", "max", "from commit p50", "p99"
    );
    for row in all {
        let at = |figures: &[f64], share| percentile(figures, share).unwrap_or(f64::NAN);
        let _ = writeln!(
            out,
            "  {:<26}{:>8.1}{:>8.1}{:>8.1}{:>16.1}{:>8.1}   {} jobs",
            row.contestant,
            at(&row.from_call, 0.5),
            at(&row.from_call, 0.99),
            at(&row.from_call, 1.0),
            at(&row.from_return, 0.5),
            at(&row.from_return, 0.99),
            row.from_call.len()
        );
    }
    out
}

/// What was asked, and what came of it.
pub fn judge(all: &[Latencies]) -> (String, Verdict) {
    let ours = all.iter().find(|row| row.contestant == Contestant::Ours);
    let p99 = ours.and_then(|row| percentile(&row.from_call, 0.99));
    let verdict = p99.map_or(Verdict::NotMeasured, |p99| Verdict::of(p99 < HALF_POLL, format!("{p99:.1} ms")));
    ("wake-up: p99 from queueing to claim under half a poll, 500 ms".to_owned(), verdict)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slow_few_decide() {
        let mut from_call = vec![5.0; 98];
        from_call.extend([600.0, 600.0]);
        let slow = Latencies { contestant: Contestant::Ours, from_return: from_call.clone(), from_call };
        assert_eq!(judge(&[slow]).1, Verdict::Miss("600.0 ms".to_owned()));
        assert_eq!(judge(&[]).1, Verdict::NotMeasured);
    }
}
