//! What happened in each scenario, and the table of all.
use std::{fmt, ops::AddAssign, time::Duration};

/// Counts of one scenario, or of many.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) runs: u64,
    pub(crate) time: Duration,
    /// Jobs that were acknowledged, and what became of them.
    pub(crate) jobs: u64,
    pub(crate) succeeded: u64,
    pub(crate) failed: u64,
    /// Attempts and crashes beyond the first attempt of each job.
    pub(crate) again: u64,
    pub(crate) crashes: u64,
    /// Times that queueing was repeated, because its answer did not come.
    pub(crate) resubmitted: u64,
    /// Processes killed: workers, and servers.
    pub(crate) killed: u64,
    pub(crate) frozen: u64,
    pub(crate) outages: u64,
    /// Writes of a worker that came too late.
    pub(crate) fenced: u64,
    /// Blobs of nobody that the sweep removed.
    pub(crate) swept: u64,
}

impl AddAssign<&Self> for Tally {
    fn add_assign(&mut self, other: &Self) {
        self.runs += other.runs;
        self.time += other.time;
        self.jobs += other.jobs;
        self.succeeded += other.succeeded;
        self.failed += other.failed;
        self.again += other.again;
        self.crashes += other.crashes;
        self.resubmitted += other.resubmitted;
        self.killed += other.killed;
        self.frozen += other.frozen;
        self.outages += other.outages;
        self.fenced += other.fenced;
        self.swept += other.swept;
    }
}

/// The head of the table.
pub(crate) const HEAD: &str = "scenario                                             runs  seconds   jobs     ok failed  again \
                               crashes resent killed frozen outages fenced swept";

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.time.as_secs_f64();
        write!(
            f,
            "{:>4} {seconds:>8.1} {:>6} {:>6} {:>6} {:>6}",
            self.runs, self.jobs, self.succeeded, self.failed, self.again
        )?;
        write!(f, " {:>7} {:>6} {:>6} {:>6}", self.crashes, self.resubmitted, self.killed, self.frozen)?;
        write!(f, " {:>7} {:>6} {:>5}", self.outages, self.fenced, self.swept)
    }
}

/// All scenarios, a line each, and their sum.
#[derive(Debug, Default)]
pub(crate) struct Table(Vec<(&'static str, Tally)>);

impl Table {
    pub(crate) fn add(&mut self, name: &'static str, tally: &Tally) {
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, sum)) => *sum += tally,
            None => self.0.push((name, tally.clone())),
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEAD}")?;
        let mut all = Tally::default();
        for (name, tally) in &self.0 {
            writeln!(f, "{name:<52} {tally}")?;
            all += tally;
        }
        writeln!(f, "{:<52} {all}", "all")
    }
}
