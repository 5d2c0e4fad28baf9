//! A quality report as a person reads it.
use std::fmt::Write as _;

use serde_json::Value;
use voiceclone_core::domain::{Finding, Measure, QualityReport, Verdict};

/// One line per finding, with the advice below it where there is any.
pub(crate) fn table(report: &QualityReport) -> String {
    let mut out = format!("recording: {}", summary(report));
    for finding in &report.findings {
        let (verdict, what) = (word(finding.verdict), name(finding.measure));
        let _ = write!(out, "\n  {verdict:<7} {what:<15} {:>10}  {}", value(finding), finding.sentence);
        if !finding.advice.is_empty() {
            let _ = write!(out, "\n  {:36}{}", "", finding.advice);
        }
    }
    out
}

/// The verdict on the whole.
pub(crate) fn summary(report: &QualityReport) -> &'static str {
    match report.verdict() {
        Verdict::Ok => "good",
        Verdict::Warn => "usable; a better recording gives a better voice",
        Verdict::Reject => "rejected",
    }
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Ok => "ok",
        Verdict::Warn => "warning",
        Verdict::Reject => "REJECT",
    }
}

fn name(measure: Measure) -> String {
    let name = serde_json::to_value(measure).ok();
    name.as_ref().and_then(Value::as_str).unwrap_or("measure").replace('_', " ")
}

fn value(finding: &Finding) -> String {
    let v = finding.value;
    match finding.measure {
        Measure::Duration | Measure::Speech => format!("{v:.1} s"),
        Measure::SpeechRatio => format!("{:.0} %", v * 100.0),
        Measure::Clipping | Measure::DcOffset => format!("{:.2} %", v * 100.0),
        Measure::Loudness => format!("{v:.1} LUFS"),
        Measure::TruePeak => format!("{v:.1} dBTP"),
        Measure::NoiseFloor => format!("{v:.0} dBFS"),
        Measure::LoudnessRange => format!("{v:.1} LU"),
        Measure::Snr | Measure::Hum => format!("{v:.0} dB"),
        Measure::Bandwidth => format!("{v:.0} Hz"),
        Measure::Truncated => if v > 0.0 { "yes" } else { "no" }.to_owned(),
        _ => v.to_string(),
    }
}
