//! What was measured, file by file and chain by chain, and the tables made of it.
#![expect(
    clippy::cast_precision_loss,
    reason = "sizes in bytes are far below 2^53, and are shown to a tenth of a megabyte"
)]
use std::fmt::Write as _;

use crate::{chains::Chain, child::Cost, inputs::Input};

/// A megabyte, as files are measured in.
pub const MEGABYTE: f64 = 1e6;

/// What came of a chain on a file.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// It did the job at this cost.
    Done(Cost),
    /// It was not tried, for this reason.
    Skipped(String),
    /// It was tried and failed, saying this.
    Failed(String),
}

/// Everything measured on one file.
#[derive(Debug, Clone, PartialEq)]
pub struct FileResults {
    /// The file.
    pub input: Input,
    /// The chains in the order of the table.
    pub outcomes: Vec<(Chain, Outcome)>,
}

impl FileResults {
    /// What `chain` cost, if it did the job.
    pub fn cost(&self, chain: Chain) -> Option<Cost> {
        self.outcomes.iter().find_map(|(of, outcome)| match outcome {
            Outcome::Done(cost) if *of == chain => Some(*cost),
            _ => None,
        })
    }

    /// How many times the CPU of `ours` the `peer` needed, if both did the job.
    pub fn ratio(&self, peer: Chain, ours: Chain) -> Option<f64> {
        Some(self.cost(peer)?.cpu.as_secs_f64() / self.cost(ours)?.cpu.as_secs_f64())
    }

    /// Peak memory of `chain` beyond the size of the file, in bytes.
    pub fn memory(&self, chain: Chain) -> Option<f64> {
        Some(self.cost(chain)?.peak as f64 - self.input.bytes as f64)
    }

    /// The table of this file.
    pub fn table(&self) -> String {
        let mut out = String::new();
        let megabytes = self.input.bytes as f64 / MEGABYTE;
        let title = format!("{}, {megabytes:.2} MB", self.input.name);
        let _ = writeln!(
            out,
            "{title:<36}{:>9}{:>9}{:>9}{:>10}{:>12}",
            "CPU s", "/ ours", "wall s", "peak MB", "- file MB"
        );
        for (chain, outcome) in &self.outcomes {
            let _ = match outcome {
                Outcome::Done(cost) => writeln!(out, "{}", self.row(*chain, *cost)),
                Outcome::Skipped(why) => writeln!(out, "  {chain:<34}  skipped: {why}"),
                Outcome::Failed(why) => writeln!(out, "  {chain:<34}  FAILED: {why}"),
            };
        }
        out
    }

    fn row(&self, chain: Chain, cost: Cost) -> String {
        let ratio = self.ratio(chain, chain.counterpart()).map_or("-".to_owned(), |ratio| format!("{ratio:.2}"));
        let (cpu, wall) = (cost.cpu.as_secs_f64(), cost.wall.as_secs_f64());
        let peak = cost.peak as f64 / MEGABYTE;
        let beyond = self.memory(chain).unwrap_or_default() / MEGABYTE;
        format!("  {chain:<34}{cpu:>9.3}{ratio:>9}{wall:>9.3}{peak:>10.1}{beyond:>12.1}")
    }
}
