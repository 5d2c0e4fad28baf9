//! How soon the jobs of a killed worker are taken over.
use std::time::{Duration, Instant};

use voiceclone_core::Result;

use super::{
    contest::{Arena, Contestant},
    process::Client,
    table::Spread,
};
use crate::goals::Verdict;

/// Jobs that the killed worker holds.
const HELD: u32 = 8;
/// What may pass beyond the lease.
const GRACE: Duration = Duration::from_secs(2);

/// Seconds from each kill until another process had claimed every job of the killed one, which held heartbeating leases of
/// this length. The kills come at different times after a heartbeat.
///
/// # Errors
/// If a client fails.
pub async fn measure(arena: &Arena, rounds: u32, lease: Duration) -> Result<Vec<f64>> {
    let milliseconds = lease.as_millis().to_string();
    let mut seconds = Vec::new();
    for round in 1..=rounds {
        eprintln!("rescue: round {round} of {rounds}");
        let home = arena.home_named(Contestant::Ours, &format!("rescue_{round}")).await?;
        let mut holder = Client::start(home.command(&["hold", &HELD.to_string(), "--lease", &milliseconds]))?;
        holder.say("held").await?;
        let wait = ["wait", "--concurrency", &HELD.to_string(), "--lease", &milliseconds];
        let mut other = Client::start(home.command(&wait))?;
        other.say("ready").await?;
        // Long enough that only heartbeats have kept the leases.
        tokio::time::sleep(lease + lease.mul_f64(f64::from(round) / f64::from(rounds) / 3.0)).await;
        holder.kill().await?;
        let killed = Instant::now();
        for _ in 0..HELD {
            other.say("began").await?;
        }
        seconds.push(killed.elapsed().as_secs_f64());
        other.kill().await?;
    }
    Ok(seconds)
}

/// The table.
pub fn table(seconds: &[f64], lease: Duration) -> String {
    let spread = Spread::of(seconds).map_or("-".to_owned(), |spread| format!("{spread:.2}").trim_start().to_owned());
    format!(
        "rescue after kill -9\n  {HELD} jobs, lease {} s, poll 1 s: {spread} s until all are claimed by another process\n  \
         graphile-worker: not tried; its statement takes a job back after 4 hours\n",
        lease.as_secs_f64()
    )
}

/// What was asked, and what came of it.
pub fn judge(seconds: &[f64], lease: Duration) -> (String, Verdict) {
    let asked = (lease + GRACE).as_secs_f64();
    let verdict = Spread::of(seconds).map_or(Verdict::NotMeasured, |spread| {
        Verdict::of(spread.max <= asked, format!("{:.2} s at worst, {asked:.2} s asked", spread.max))
    });
    ("rescue: within the lease and 2 s of a kill -9".to_owned(), verdict)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_kill_decides() {
        let lease = Duration::from_secs(3);
        assert!(matches!(judge(&[1.0, 5.0], lease).1, Verdict::Pass(_)));
        assert!(matches!(judge(&[1.0, 5.1], lease).1, Verdict::Miss(_)));
        assert_eq!(judge(&[], lease).1, Verdict::NotMeasured);
    }
}
