//! What came of a run, as JSON for programs and as a table of failures for people.
use std::{fmt::Write as _, time::Duration};

use serde::Serialize;
use voiceclone_core::{Error, ErrorKind, domain::SpokenAudio};

use crate::{failure::advice, manifest::Line};

/// Everything that came of one run.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) provider: Option<String>,
    pub(crate) totals: Totals,
    /// In the order of the manifest.
    pub(crate) lines: Vec<LineReport>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Totals {
    lines: usize,
    done: usize,
    /// Of those done, how many an earlier run had spoken.
    reused: usize,
    failed: usize,
    unfinished: usize,
    audio_seconds: f64,
    wall_seconds: f64,
    /// Wall seconds per second of audio that this run spoke; none if it spoke nothing.
    real_time_factor: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    Done,
    Failed,
    /// The run was stopped before.
    Unfinished,
}

/// What came of one line.
#[derive(Debug, Serialize)]
pub(crate) struct LineReport {
    pub(crate) line: u64,
    pub(crate) name: String,
    pub(crate) status: Status,
    #[serde(flatten)]
    pub(crate) audio: Option<AudioReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<ErrorReport>,
}

#[derive(Debug, Serialize)]
pub(crate) struct AudioReport {
    pub(crate) file: String,
    sha256: String,
    pub(crate) duration_seconds: f64,
    provider: String,
    /// The provider that was asked for and did not speak.
    instead_of: Option<String>,
    warnings: Vec<String>,
    /// An earlier run spoke it.
    pub(crate) reused: bool,
}

#[derive(Debug, Serialize)]
pub(crate) struct ErrorReport {
    kind: ErrorKind,
    pub(crate) message: String,
    pub(crate) advice: &'static str,
}

impl LineReport {
    pub(crate) fn done(line: &Line, spoken: &SpokenAudio, reused: bool) -> Self {
        let audio = AudioReport {
            file: line.file(),
            sha256: spoken.sha256.clone(),
            duration_seconds: spoken.duration.as_secs_f64(),
            provider: spoken.provider.to_string(),
            instead_of: spoken.instead_of.as_ref().map(ToString::to_string),
            warnings: spoken.warnings.clone(),
            reused,
        };
        Self { audio: Some(audio), ..Self::of(line, Status::Done) }
    }

    pub(crate) fn failed(line: &Line, error: &Error) -> Self {
        let error =
            ErrorReport { kind: error.kind(), message: error.message().to_owned(), advice: advice(error.kind()) };
        Self { error: Some(error), ..Self::of(line, Status::Failed) }
    }

    pub(crate) fn unfinished(line: &Line) -> Self {
        Self::of(line, Status::Unfinished)
    }

    fn of(line: &Line, status: Status) -> Self {
        Self { line: line.number, name: line.name.clone(), status, audio: None, error: None }
    }
}

impl Report {
    pub(crate) fn new(provider: Option<String>, mut lines: Vec<LineReport>, wall: Duration) -> Self {
        lines.sort_by_key(|l| l.line);
        let count = |status| lines.iter().filter(|l| l.status == status).count();
        let audio = || lines.iter().filter_map(|l| l.audio.as_ref());
        let spoken: f64 = audio().filter(|a| !a.reused).map(|a| a.duration_seconds).sum();
        let wall = wall.as_secs_f64();
        let totals = Totals {
            lines: lines.len(),
            done: count(Status::Done),
            reused: audio().filter(|a| a.reused).count(),
            failed: count(Status::Failed),
            unfinished: count(Status::Unfinished),
            audio_seconds: audio().map(|a| a.duration_seconds).sum(),
            wall_seconds: wall,
            real_time_factor: (spoken > 0.0).then(|| wall / spoken),
        };
        Self { provider, totals, lines }
    }

    pub(crate) const fn unfinished(&self) -> usize {
        self.totals.unfinished
    }

    /// One line on the whole.
    pub(crate) fn summary(&self) -> String {
        let t = &self.totals;
        let mut out = format!(
            "{} of {} lines done ({} of them before), {:.1} s of audio in {:.1} s",
            t.done, t.lines, t.reused, t.audio_seconds, t.wall_seconds
        );
        if let Some(factor) = t.real_time_factor {
            let _ = write!(out, ", real-time factor {factor:.3}");
        }
        if t.unfinished > 0 {
            let _ = write!(out, "; {} not finished: run it again to go on", t.unfinished);
        }
        out
    }

    /// What failed and what to do about it; `None` if nothing did.
    pub(crate) fn failures(&self) -> Option<String> {
        let failed = self.lines.iter().filter_map(|l| l.error.as_ref().map(|e| (l, e)));
        let width = self.lines.iter().map(|l| l.name.chars().count()).max().unwrap_or(0).max(4);
        let mut out = format!("{:>6}  {:<width$}  what failed, and what to do", "line", "name");
        for (line, error) in failed {
            let _ = write!(out, "\n{:>6}  {:<width$}  {}", line.line, line.name, error.message);
            let _ = write!(out, "\n{:>6}  {:<width$}  {}", "", "", error.advice);
        }
        (self.totals.failed > 0).then_some(out)
    }
}
