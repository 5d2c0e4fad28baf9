//! What the measurements mean. Every limit is here and nowhere else; the chain only measures.
use voiceclone_core::domain::{Finding, Measure, QualityReport, Verdict};

use super::measure::Heard;

/// When a recording is good, poor or useless. The defaults are what the common providers of voice cloning ask of a
/// reference recording, taken at their widest.
///
/// ```
/// use voiceclone_local::preprocess::QualityPolicy;
/// let mut strict = QualityPolicy::default();
/// strict.warn_speech_below = 10.0;
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct QualityPolicy {
    /// Less speech is useless, seconds. Default 3.
    pub reject_speech_below: f64,
    /// Less speech makes a poorer voice, seconds. Default 6.
    pub warn_speech_below: f64,
    /// A smaller share of speech is mostly pause, 0 to 1. Default 0.4.
    pub warn_speech_ratio_below: f64,
    /// A true peak below this is silence, dBTP. Default −60.
    pub silence_below: f64,
    /// Quieter recordings bring up their own noise, LUFS. Default −45.
    pub warn_loudness_below: f64,
    /// A voice this little above the pauses is drowned, dB. Default 5.
    pub reject_snr_below: f64,
    /// A voice this little above the pauses is noisy, dB. Default 15.
    pub warn_snr_below: f64,
    /// A larger share of samples in flattened peaks is heard as distortion, 0 to 1. Default 0.001.
    pub warn_clipping_above: f64,
    /// A voice that ends below this sounds like a telephone, hertz. Default 7000.
    pub warn_bandwidth_below: f64,
    /// A larger constant offset points to broken equipment, share of full scale. Default 0.02.
    pub warn_dc_offset_above: f64,
}

impl Default for QualityPolicy {
    fn default() -> Self {
        Self {
            reject_speech_below: 3.0,
            warn_speech_below: 6.0,
            warn_speech_ratio_below: 0.4,
            silence_below: -60.0,
            warn_loudness_below: -45.0,
            reject_snr_below: 5.0,
            warn_snr_below: 15.0,
            warn_clipping_above: 0.001,
            warn_bandwidth_below: 7_000.0,
            warn_dc_offset_above: 0.02,
        }
    }
}

/// Everything measured of one recording.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Measurements {
    pub(super) heard: Heard,
    /// Share of clipped samples.
    pub(super) clipping: f64,
    /// Mean of the samples.
    pub(super) dc_offset: f64,
    pub(super) channels: usize,
    pub(super) live_channels: usize,
    /// The end of the file is missing.
    pub(super) truncated: bool,
    /// Packets that could not be decoded.
    pub(super) damaged_packets: u64,
}

const RECORD_MORE: &str = "Record at least 10 seconds of continuous speech.";
const QUIETER_PLACE: &str = "Record in a quiet room, 20 centimetres from the microphone.";

impl QualityPolicy {
    pub(super) fn judge(&self, m: &Measurements) -> QualityReport {
        let heard = &m.heard;
        let mut findings = vec![
            ok(Measure::Duration, heard.seconds, format!("The recording lasts {:.1} seconds.", heard.seconds)),
            self.speech(heard),
            channels(m),
            self.dc_offset(m.dc_offset),
            self.clipping(m.clipping),
            truncation(m),
        ];
        findings.extend(self.levels(heard));
        if !heard.speech.stretches.is_empty() {
            findings.push(self.ratio(heard));
        }
        findings.extend(heard.speech.snr_db().map(|snr| self.snr(snr)));
        findings.extend(heard.bandwidth.map(|edge| self.bandwidth(edge)));
        QualityReport::new(findings)
    }

    fn is_silent(&self, heard: &Heard) -> bool {
        heard.true_peak < self.silence_below
    }

    fn speech(&self, heard: &Heard) -> Finding {
        let seconds = heard.speech.seconds();
        let finding = |verdict, sentence: String| Finding::new(Measure::Speech, seconds, verdict, sentence);
        if self.is_silent(heard) {
            let advice = "Check that the right microphone is chosen and not muted.";
            return finding(Verdict::Reject, "The recording is silent.".to_owned()).advise(advice);
        }
        if heard.speech.stretches.is_empty() {
            let advice = "Record one person speaking, without music.";
            return finding(Verdict::Reject, "No speech was found in the recording.".to_owned()).advise(advice);
        }
        let needed = self.reject_speech_below;
        match below(seconds, needed, self.warn_speech_below) {
            Verdict::Reject => finding(
                Verdict::Reject,
                format!("Only {seconds:.1} seconds of speech; at least {needed:.1} are needed."),
            )
            .advise(RECORD_MORE),
            Verdict::Warn => {
                finding(Verdict::Warn, format!("There are {seconds:.1} seconds of speech: enough, but not much."))
                    .advise(RECORD_MORE)
            }
            Verdict::Ok => finding(Verdict::Ok, format!("There are {seconds:.1} seconds of speech.")),
        }
    }

    fn ratio(&self, heard: &Heard) -> Finding {
        let ratio = heard.speech.seconds() / heard.seconds.max(f64::MIN_POSITIVE);
        let percent = ratio * 100.0;
        let sentence = format!("{percent:.0} % of the recording is speech.");
        warn_if(
            ratio < self.warn_speech_ratio_below,
            Measure::SpeechRatio,
            ratio,
            sentence,
            "Speak with shorter pauses.",
        )
    }

    /// Loudness, true peak and noise floor, as far as there is anything to measure: silence has no level in decibels.
    fn levels(&self, heard: &Heard) -> Vec<Finding> {
        let mut findings = Vec::new();
        if heard.loudness.is_finite() {
            let sentence = format!("The recording has a loudness of {:.1} LUFS.", heard.loudness);
            let quiet = heard.loudness < self.warn_loudness_below;
            let advice = "Speak closer to the microphone or raise its level.";
            findings.push(warn_if(quiet, Measure::Loudness, heard.loudness, sentence, advice));
        }
        if heard.true_peak.is_finite() {
            let sentence = format!("The highest peak is {:.1} dBTP.", heard.true_peak);
            findings.push(ok(Measure::TruePeak, heard.true_peak, sentence));
        }
        let floor = heard.speech.noise_floor_db();
        findings.push(ok(Measure::NoiseFloor, floor, format!("The pauses have a level of {floor:.0} dBFS.")));
        findings
    }

    fn snr(&self, snr: f64) -> Finding {
        let verdict = below(snr, self.reject_snr_below, self.warn_snr_below);
        let sentence = match verdict {
            Verdict::Reject => format!("The voice is drowned in noise: only {snr:.0} dB above it."),
            Verdict::Warn => format!("The recording is noisy: the voice is {snr:.0} dB above the pauses."),
            Verdict::Ok => format!("The voice is {snr:.0} dB above the pauses."),
        };
        let finding = Finding::new(Measure::Snr, snr, verdict, sentence);
        if verdict == Verdict::Ok { finding } else { finding.advise(QUIETER_PLACE) }
    }

    fn clipping(&self, share: f64) -> Finding {
        let distorted = share > self.warn_clipping_above;
        let sentence = if distorted {
            format!("The recording is overdriven: {:.2} % of it is cut off at full scale.", share * 100.0)
        } else {
            "The recording is not overdriven.".to_owned()
        };
        warn_if(distorted, Measure::Clipping, share, sentence, "Lower the microphone's level or move away from it.")
    }

    fn bandwidth(&self, edge: f64) -> Finding {
        let sentence = format!("The voice reaches up to {:.1} kHz.", edge / 1_000.0);
        let narrow = edge < self.warn_bandwidth_below;
        let advice = "Send the original recording, not one from a telephone call or a low bit rate.";
        warn_if(narrow, Measure::Bandwidth, edge, sentence, advice)
    }

    fn dc_offset(&self, offset: f64) -> Finding {
        let wrong = offset.abs() > self.warn_dc_offset_above;
        let sentence = format!("The signal is {:.1} % of full scale off zero.", offset.abs() * 100.0);
        warn_if(wrong, Measure::DcOffset, offset, sentence, "It was corrected; the sound card may be faulty.")
    }
}

#[expect(clippy::cast_precision_loss, reason = "at most 8 channels")]
fn channels(m: &Measurements) -> Finding {
    let sentence = format!("{} of {} channel(s) carry signal.", m.live_channels, m.channels);
    ok(Measure::Channels, m.live_channels as f64, sentence)
}

fn truncation(m: &Measurements) -> Finding {
    let value = f64::from(u8::from(m.truncated));
    let (bad, sentence) = match (m.truncated, m.damaged_packets) {
        (false, 0) => (false, "The file is complete.".to_owned()),
        (true, 0) => (true, "The file ends before its own end.".to_owned()),
        (_, n) => (true, format!("{n} damaged parts of the file are missing from the sound.")),
    };
    warn_if(bad, Measure::Truncated, value, sentence, "If words are missing, send the file again.")
}

fn below(value: f64, reject: f64, warn: f64) -> Verdict {
    match value {
        value if value < reject => Verdict::Reject,
        value if value < warn => Verdict::Warn,
        _ => Verdict::Ok,
    }
}

fn ok(measure: Measure, value: f64, sentence: String) -> Finding {
    Finding::new(measure, value, Verdict::Ok, sentence)
}

fn warn_if(bad: bool, measure: Measure, value: f64, sentence: String, advice: &str) -> Finding {
    if bad {
        Finding::new(measure, value, Verdict::Warn, sentence).advise(advice)
    } else {
        ok(measure, value, sentence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preprocess::speech::Speech;

    fn good() -> Measurements {
        let speech =
            Speech { stretches: std::iter::once(10..635).collect(), frames: 700, power: 0.01, noise: 0.000_001 };
        let frames = Vec::new();
        let heard =
            Heard { seconds: 11.2, frames, speech, loudness: -22.0, true_peak: -3.0, bandwidth: Some(11_000.0) };
        let (clipping, dc_offset, truncated, damaged_packets) = (0.0, 0.001, false, 0);
        Measurements { heard, clipping, dc_offset, channels: 1, live_channels: 1, truncated, damaged_packets }
    }

    fn lasting(m: &mut Measurements, frames: usize) {
        m.heard.speech.stretches = std::iter::once(0..frames).collect();
        m.heard.seconds = 6.0;
    }

    fn judged(change: impl Fn(&mut Measurements)) -> QualityReport {
        let mut measured = good();
        change(&mut measured);
        QualityPolicy::default().judge(&measured)
    }

    #[test]
    fn a_good_recording_has_no_complaint_and_every_measure() {
        let report = judged(|_| {});
        assert_eq!(report.verdict(), Verdict::Ok, "{report:#?}");
        assert_eq!(report.findings.len(), 12);
    }

    #[test]
    fn each_limit_turns_one_finding_and_gives_advice() {
        type Change = fn(&mut Measurements);
        let cases: [(Change, Measure, Verdict); 11] = [
            (|m| lasting(m, 180), Measure::Speech, Verdict::Reject),
            (|m| lasting(m, 300), Measure::Speech, Verdict::Warn),
            (|m| m.heard.seconds = 30.0, Measure::SpeechRatio, Verdict::Warn),
            (|m| m.heard.loudness = -50.0, Measure::Loudness, Verdict::Warn),
            (|m| m.heard.speech.noise = 0.0004, Measure::Snr, Verdict::Warn),
            (|m| m.heard.speech.noise = 0.004, Measure::Snr, Verdict::Reject),
            (|m| m.clipping = 0.002, Measure::Clipping, Verdict::Warn),
            (|m| m.heard.bandwidth = Some(3_400.0), Measure::Bandwidth, Verdict::Warn),
            (|m| m.dc_offset = -0.05, Measure::DcOffset, Verdict::Warn),
            (|m| m.truncated = true, Measure::Truncated, Verdict::Warn),
            (|m| m.damaged_packets = 3, Measure::Truncated, Verdict::Warn),
        ];
        for (change, measure, verdict) in cases {
            let report = judged(change);
            let finding = report.findings.iter().find(|f| f.measure == measure).unwrap();
            assert_eq!(finding.verdict, verdict, "{finding:?}");
            assert!(!finding.advice.is_empty() && finding.sentence.ends_with('.'), "{finding:?}");
            assert_eq!(report.findings.iter().filter(|f| f.verdict != Verdict::Ok).count(), 1, "{report:#?}");
        }
    }

    #[test]
    fn silence_and_speechless_sound_are_told_apart() {
        let sentence = |change: fn(&mut Measurements)| judged(change).rejections().join(" ");
        let silent = sentence(|m| {
            m.heard.speech = Speech::default();
            (m.heard.loudness, m.heard.true_peak) = (f64::NEG_INFINITY, f64::NEG_INFINITY);
        });
        assert!(silent.starts_with("The recording is silent."), "{silent}");
        let music = sentence(|m| m.heard.speech.stretches = Vec::new());
        assert!(music.starts_with("No speech was found"), "{music}");
    }

    #[test]
    fn every_value_survives_json_even_of_silence() {
        let report = judged(|m| {
            m.heard.speech = Speech::default();
            (m.heard.loudness, m.heard.true_peak) = (f64::NEG_INFINITY, f64::NEG_INFINITY);
        });
        assert!(report.findings.iter().all(|f| f.value.is_finite()), "{report:#?}");
    }
}
