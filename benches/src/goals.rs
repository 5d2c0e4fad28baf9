//! What the figures are to be, and whether they are.
//!
//! A goal is judged on the worst file, and a goal whose peer could not run is not met: it is not measured.
use std::{fmt, time::Duration};

use crate::{
    chains::Chain,
    results::{FileResults, MEGABYTE},
};

/// How a goal came out.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// Met, by the worst file.
    Pass(String),
    /// Missed, by the worst file.
    Miss(String),
    /// There is no figure.
    NotMeasured,
}

impl Verdict {
    /// Met or missed, by this figure.
    pub fn of(met: bool, figure: String) -> Self {
        if met { Self::Pass(figure) } else { Self::Miss(figure) }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pass(figure) => write!(f, "PASS  {figure}"),
            Self::Miss(figure) => write!(f, "MISS  {figure}"),
            Self::NotMeasured => f.write_str("----  not measured"),
        }
    }
}

/// At least this many times our CPU, for the peer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SpeedGoal {
    /// What is asked, in words.
    pub asked: &'static str,
    /// The peer.
    pub peer: Chain,
    /// The least ratio of its CPU time to that of [`Chain::counterpart`].
    pub ratio: f64,
}

/// The goals of speed.
pub const SPEED: [SpeedGoal; 3] = [
    SpeedGoal { asked: "CPU at most 1/4 of ffmpeg two-pass with afftdn", peer: Chain::FfmpegTwoPass, ratio: 4.0 },
    SpeedGoal { asked: "CPU at most 1/6 of librosa + noisereduce + pyloudnorm", peer: Chain::Librosa, ratio: 6.0 },
    SpeedGoal { asked: "CPU, noise left in, below sox, noise left in", peer: Chain::SoxPlain, ratio: 1.0 },
];

/// Memory beyond the file, for ten minutes of any kind.
pub const MEMORY: f64 = 64.0 * MEGABYTE;
/// From the upload of 15 seconds to its report.
pub const LATENCY: Duration = Duration::from_millis(500);

impl SpeedGoal {
    /// By the file with the worst ratio among those of this length.
    pub fn judge(&self, results: &[FileResults], seconds: u32) -> Verdict {
        let of_length = results.iter().filter(|file| file.input.seconds == seconds);
        let ratios = of_length.filter_map(|file| Some((file.ratio(self.peer, self.peer.counterpart())?, file)));
        match ratios.min_by(|a, b| a.0.total_cmp(&b.0)) {
            None => Verdict::NotMeasured,
            Some((ratio, file)) => {
                let figure = format!("{ratio:.2} times ours, {:.2} asked ({})", self.ratio, file.input.name);
                Verdict::of(ratio >= self.ratio, figure)
            }
        }
    }
}

/// Whether ours stays within [`MEMORY`] on every file of ten minutes or more.
pub fn memory(results: &[FileResults]) -> Verdict {
    let long = results.iter().filter(|file| file.input.seconds >= 600);
    let used = long.flat_map(|file| [Chain::Ours, Chain::OursPlain].map(|chain| Some((file.memory(chain)?, file))));
    match used.flatten().max_by(|a, b| a.0.total_cmp(&b.0)) {
        None => Verdict::NotMeasured,
        Some((bytes, file)) => {
            let figure = format!("{:.1} MB beyond the file ({})", bytes / MEGABYTE, file.input.name);
            Verdict::of(bytes <= MEMORY, figure)
        }
    }
}

/// Whether the report is there within [`LATENCY`].
pub fn latency(took: Duration) -> Verdict {
    Verdict::of(took < LATENCY, format!("{:.3} s", took.as_secs_f64()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{child::Cost, inputs::Input, inputs::Kind, results::Outcome};

    fn file(name: &str, seconds: u32, costs: &[(Chain, u64)]) -> FileResults {
        let cost = |ms| Cost { cpu: Duration::from_millis(ms), wall: Duration::ZERO, peak: ms * 1_000_000 };
        let outcomes = costs.iter().map(|(chain, ms)| (*chain, Outcome::Done(cost(*ms)))).collect();
        let (kind, rate, path) = (Kind::Wav, 44_100, "x.wav".into());
        FileResults { input: Input { name: name.to_owned(), seconds, kind, rate, path, bytes: 1_000_000 }, outcomes }
    }

    #[test]
    fn the_worst_file_of_the_length_decides() {
        let [two_pass, ..] = SPEED;
        let good = file("good", 10, &[(Chain::Ours, 100), (Chain::FfmpegTwoPass, 500)]);
        let bad = file("bad", 10, &[(Chain::Ours, 100), (Chain::FfmpegTwoPass, 399)]);
        let worse_but_longer = file("long", 60, &[(Chain::Ours, 100), (Chain::FfmpegTwoPass, 100)]);
        let pass = two_pass.judge(&[good.clone(), worse_but_longer.clone()], 10);
        assert_eq!(pass, Verdict::Pass("5.00 times ours, 4.00 asked (good)".to_owned()));
        let miss = two_pass.judge(&[good, bad, worse_but_longer], 10);
        assert_eq!(miss, Verdict::Miss("3.99 times ours, 4.00 asked (bad)".to_owned()));
    }

    #[test]
    fn like_is_compared_with_like() {
        let [.., sox] = SPEED;
        let results = [file("x", 10, &[(Chain::Ours, 300), (Chain::OursPlain, 100), (Chain::SoxPlain, 200)])];
        assert!(matches!(sox.judge(&results, 10), Verdict::Pass(_)));
    }

    #[test]
    fn a_peer_that_did_not_run_passes_no_goal() {
        let mut alone = file("x", 10, &[(Chain::Ours, 100)]);
        alone.outcomes.push((Chain::FfmpegTwoPass, Outcome::Skipped("ffmpeg is not installed".to_owned())));
        for goal in SPEED {
            assert_eq!(goal.judge(&[alone.clone()], 10), Verdict::NotMeasured);
        }
        assert!(alone.table().contains("skipped: ffmpeg is not installed"));
    }

    #[test]
    fn memory_is_that_of_the_long_files_beyond_their_size() {
        let short = file("short", 60, &[(Chain::Ours, 500)]);
        assert_eq!(memory(&[short]), Verdict::NotMeasured);
        assert!(matches!(memory(&[file("a", 600, &[(Chain::Ours, 65)])]), Verdict::Pass(_)));
        assert!(matches!(memory(&[file("b", 600, &[(Chain::Ours, 10), (Chain::OursPlain, 66)])]), Verdict::Miss(_)));
    }
}
