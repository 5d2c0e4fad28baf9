//! How fast jobs are queued and worked on, and what that costs the client.
use std::fmt::Write as _;

use voiceclone_core::Result;

use super::{
    contest::{Arena, Contestant, Home},
    process::{Client, Took},
    table::{Spread, cell},
};
use crate::goals::Verdict;

/// What a contestant did, round by round.
#[derive(Debug, Clone)]
pub struct Figures {
    /// Who.
    pub contestant: Contestant,
    /// Queueing.
    pub enqueue: Vec<Took>,
    /// Working.
    pub work: Vec<Took>,
}

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activity {
    /// Queueing.
    Enqueue,
    /// Claiming and finishing.
    Work,
}

/// Batches are faster: so many times the jobs, for a round as long.
const MORE_IN_BATCHES: u32 = 5;

/// Every contestant in turns, so that what disturbs the machine for a while disturbs them all. The first round warms the
/// server and the tables and does not count.
///
/// # Errors
/// If a client fails.
pub async fn measure(arena: &Arena, rounds: u32, jobs: u32) -> Result<Vec<Figures>> {
    let mut homes = Vec::new();
    for contestant in arena.contestants() {
        let home = arena.home(contestant).await?;
        round(&home, jobs.div_ceil(5)).await?;
        homes.push((home, Figures { contestant, enqueue: Vec::new(), work: Vec::new() }));
    }
    for number in 1..=rounds {
        eprintln!("enqueue and work: round {number} of {rounds}");
        for (home, figures) in &mut homes {
            let (enqueue, work) = round(home, jobs).await?;
            figures.enqueue.push(enqueue);
            figures.work.push(work);
        }
    }
    Ok(homes.into_iter().map(|(_, figures)| figures).collect())
}

async fn round(home: &Home<'_>, jobs: u32) -> Result<(Took, Took)> {
    let batched = home.contestant.counterpart() == Contestant::OursBatched;
    let jobs = if batched { jobs * MORE_IN_BATCHES } else { jobs };
    Ok((Client::run(home.enqueue(jobs)).await?, Client::run(home.work(jobs)).await?))
}

impl Figures {
    fn of(&self, activity: Activity) -> &[Took] {
        match activity {
            Activity::Enqueue => &self.enqueue,
            Activity::Work => &self.work,
        }
    }

    fn rates(&self, activity: Activity) -> Vec<f64> {
        self.of(activity).iter().map(Took::rate).collect()
    }

    fn cpu(&self, activity: Activity) -> Vec<f64> {
        self.of(activity).iter().map(Took::cpu_each).collect()
    }
}

fn find(figures: &[Figures], contestant: Contestant) -> Option<&Figures> {
    figures.iter().find(|figures| figures.contestant == contestant)
}

/// How many times the peer's rate ours is, round by round.
fn ratio(figures: &[Figures], peer: Contestant, activity: Activity) -> Option<Spread> {
    let ours = find(figures, peer.counterpart())?.rates(activity);
    Spread::of_ratios(&ours, &find(figures, peer)?.rates(activity))
}

/// The table.
pub fn table(figures: &[Figures]) -> String {
    let mut out = String::new();
    for (activity, title) in [(Activity::Enqueue, "enqueue"), (Activity::Work, "work")] {
        let _ = writeln!(out, "{title:<26}{:>12}{:>37}{:>24}", "jobs/s", "ours / it, by round", "client CPU µs/job");
        for row in figures {
            let beside = (!row.contestant.is_ours()).then(|| ratio(figures, row.contestant, activity)).flatten();
            let (rate, cpu) = (Spread::of(&row.rates(activity)), Spread::of(&row.cpu(activity)));
            let line = format!("  {:<26}{}{}{}", row.contestant, cell(rate, 0), cell(beside, 2), cell(cpu, 0));
            let _ = writeln!(out, "{}", line.trim_end());
        }
    }
    out
}

/// What was asked, and what came of it.
pub fn judge(figures: &[Figures]) -> Vec<(String, Verdict)> {
    let mut verdicts = Vec::new();
    for (activity, what) in [(Activity::Enqueue, "enqueue"), (Activity::Work, "work")] {
        for (peer, asked, how) in
            [(Contestant::Graphile, 2.0, "singly"), (Contestant::GraphileBatched, 1.2, "in batches")]
        {
            let name = format!("{what} {how}: at least {asked} times graphile-worker");
            let verdict = ratio(figures, peer, activity).map_or(Verdict::NotMeasured, |ratio| {
                let figure = format!("{:.2} times ({:.2} to {:.2})", ratio.median, ratio.min, ratio.max);
                Verdict::of(ratio.median >= asked, figure)
            });
            verdicts.push((name, verdict));
        }
    }
    for (contestant, asked, how) in [(Contestant::Ours, 250.0, "singly"), (Contestant::OursBatched, 30.0, "in batches")]
    {
        let cpu = find(figures, contestant).and_then(|figures| Spread::of(&figures.cpu(Activity::Work)));
        let verdict = cpu.map_or(Verdict::NotMeasured, |cpu| {
            Verdict::of(cpu.median < asked, format!("{:.0} µs ({:.0} to {:.0})", cpu.median, cpu.min, cpu.max))
        });
        verdicts.push((format!("work {how}: client CPU under {asked:.0} µs a job"), verdict));
    }
    verdicts
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn figures(contestant: Contestant, rates: &[u32]) -> Figures {
        let took = |rate: &u32| Took { jobs: *rate, wall: Duration::from_secs(1), cpu: Duration::from_millis(10) };
        let took: Vec<Took> = rates.iter().map(took).collect();
        Figures { contestant, enqueue: took.clone(), work: took }
    }

    #[test]
    fn like_is_compared_with_like_round_by_round() {
        let all = [
            figures(Contestant::Ours, &[200, 400, 50]),
            figures(Contestant::Graphile, &[100, 100, 100]),
            figures(Contestant::OursBatched, &[1000]),
            figures(Contestant::GraphileBatched, &[1000]),
        ];
        let verdicts = judge(&all);
        assert_eq!(verdicts[0].1, Verdict::Pass("2.00 times (0.50 to 4.00)".to_owned()));
        assert_eq!(verdicts[1].1, Verdict::Miss("1.00 times (1.00 to 1.00)".to_owned()));
        assert!(table(&all).contains("graphile-worker, batched"));
    }

    #[test]
    fn a_peer_that_did_not_run_passes_no_goal() {
        let verdicts = judge(&[figures(Contestant::Ours, &[200])]);
        assert_eq!(verdicts.iter().filter(|(_, verdict)| *verdict == Verdict::NotMeasured).count(), 5);
    }
}
