//! What the measurements mean, in words for people who record themselves. A finding never speaks of what another one denies:
//! silence has no noise, and where nobody speaks there is no voice to describe.
#![expect(clippy::cast_precision_loss, reason = "counts of channels, packets and samples are far below 2^52")]
use voiceclone_core::domain::{Finding, Measure, QualityReport, Verdict};

use super::{
    downmix::Channel,
    hum::Hum,
    measure::Heard,
    policy::{Measurements, QualityPolicy},
    speech::Speech,
};

const RECORD_MORE: &str = "Record at least 10 seconds of continuous speech.";
const QUIETER_PLACE: &str = "Record in a quiet room, 20 centimetres from the microphone.";

impl QualityPolicy {
    /// The report. What could not be measured is absent.
    pub(super) fn judge(&self, m: &Measurements) -> QualityReport {
        let heard = &m.heard;
        let duration = format!("The recording lasts {:.1} seconds.", heard.seconds);
        let mut findings = vec![
            ok(Measure::Duration, heard.seconds, duration),
            self.speech(heard),
            channels(&m.channels, self.is_silent(heard)),
            self.dc_offset(m.dc_offset),
            self.clipping(m.clipping),
            truncation(m.truncated),
            self.damage(m.damaged_packets),
            self.cleaned(m.cleaned_samples),
        ];
        if !self.is_silent(heard) {
            findings.extend(self.levels(heard));
            if !heard.speech.stretches.is_empty() {
                findings.extend(self.voice(heard));
            }
        }
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
            return Finding::new(Measure::Speech, 0.0, Verdict::Reject, "The recording is silent.").advise(advice);
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

    /// Loudness and peaks, which any sound has.
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
        findings
    }

    /// What only a recording with speech has.
    fn voice(&self, heard: &Heard) -> Vec<Finding> {
        let speech = &heard.speech;
        let mut findings = vec![self.ratio(heard), pauses(speech)];
        findings.extend(speech.snr_db().map(|snr| self.snr(snr)));
        findings.extend(heard.loudness_range.map(|range| self.loudness_range(range)));
        findings.extend(heard.hum.map(|hum| self.hum(hum, speech)));
        findings.extend(heard.bandwidth.map(|edge| self.bandwidth(edge)));
        findings.extend(heard.speakers.map(|voices| self.speakers(voices)));
        findings
    }

    fn ratio(&self, heard: &Heard) -> Finding {
        let ratio = heard.speech.seconds() / heard.seconds.max(f64::MIN_POSITIVE);
        let sentence = format!("{:.0} % of the recording is speech.", ratio * 100.0);
        let mostly_pause = ratio < self.warn_speech_ratio_below;
        warn_if(mostly_pause, Measure::SpeechRatio, ratio, sentence, "Speak with shorter pauses.")
    }

    fn loudness_range(&self, range: f64) -> Finding {
        let sentence = format!("Loud and quiet passages are {range:.0} LU apart.");
        let uneven = range > self.warn_loudness_range_above;
        let advice = "Keep the same distance from the microphone and speak evenly.";
        warn_if(uneven, Measure::LoudnessRange, range, sentence, advice)
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

    fn hum(&self, hum: Hum, speech: &Speech) -> Finding {
        let below_voice = 10.0 * speech.power.max(f64::MIN_POSITIVE).log10() - hum.level_db;
        let heard = hum.above_db > self.warn_hum_above && below_voice < self.hum_unheard_below;
        let mains = hum.hertz;
        let sentence = if heard {
            format!("The mains hum in the pauses, at {mains} Hz, {below_voice:.0} dB below the voice.")
        } else {
            format!("There is a faint hum of the mains at {mains} Hz.")
        };
        let advice = "Move the microphone and its cable away from power supplies, or run the computer on its battery.";
        warn_if(heard, Measure::Hum, hum.above_db, sentence, advice)
    }

    fn clipping(&self, share: f64) -> Finding {
        let distorted = share > self.warn_clipping_above;
        let sentence = match share {
            _ if distorted => {
                format!("The recording is overdriven: {:.2} % of it is cut off at full scale.", share * 100.0)
            }
            share if share > 0.0 => "The recording is overdriven in a few places, too few to matter.".to_owned(),
            _ => "The recording is not overdriven.".to_owned(),
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

    fn speakers(&self, voices: u32) -> Finding {
        let several = voices > self.warn_speakers_above;
        let sentence = match voices {
            1 => "No second voice was noticed.".to_owned(),
            _ => "More than one person seems to speak.".to_owned(),
        };
        let advice = "Record one person alone, or cut the other voices out.";
        warn_if(several, Measure::Speakers, f64::from(voices), sentence, advice)
    }

    fn damage(&self, packets: u64) -> Finding {
        let sentence = match packets {
            0 => "No part of the file is damaged.".to_owned(),
            1 => "One damaged part of the file is missing from the sound.".to_owned(),
            n => format!("{n} damaged parts of the file are missing from the sound."),
        };
        let bad = packets > self.warn_damaged_packets_above;
        let advice = "Send the file again, from where it was first saved.";
        warn_if(bad, Measure::DamagedPackets, packets as f64, sentence, advice)
    }

    fn cleaned(&self, samples: u64) -> Finding {
        let sentence = match samples {
            0 => "Every sample is a number.".to_owned(),
            1 => "One sample was no number and became silence.".to_owned(),
            n => format!("{n} samples were no numbers and became silence."),
        };
        let bad = samples > self.warn_cleaned_samples_above;
        let advice = "Export the recording again; the program that wrote it made an error.";
        warn_if(bad, Measure::CleanedSamples, samples as f64, sentence, advice)
    }
}

fn pauses(speech: &Speech) -> Finding {
    let floor = speech.noise_floor_db();
    ok(Measure::NoiseFloor, floor, format!("The pauses have a level of {floor:.0} dBFS."))
}

fn channels(channels: &[Channel], silent: bool) -> Finding {
    let of = |kind: Channel| -> Vec<usize> {
        channels.iter().enumerate().filter(|(_, channel)| **channel == kind).map(|(at, _)| at).collect()
    };
    let (dead, reversed) = (of(Channel::Dead), of(Channel::Reversed));
    let live = if silent { 0 } else { channels.len() - dead.len() };
    let sentence = match (live, channels.len()) {
        (0, _) => "No channel carries sound.".to_owned(),
        (_, 1) => "The recording has one channel.".to_owned(),
        (2, 2) if reversed.is_empty() => "Both channels carry sound.".to_owned(),
        (live, all) if live == all && reversed.is_empty() => format!("All {all} channels carry sound."),
        (_, all) => {
            let dead = named(&dead, all, ("is silent and was left out", "are silent and were left out"));
            let reversed =
                named(&reversed, all, ("is reversed and was turned round", "are reversed and were turned round"));
            dead.into_iter().chain(reversed).collect::<Vec<_>>().join(" ")
        }
    };
    ok(Measure::Channels, live as f64, sentence)
}

/// A sentence about these channels, if there are any; `what` is its end for one and for several.
fn named(which: &[usize], all: usize, what: (&str, &str)) -> Option<String> {
    let name = |at: usize| match (all, at) {
        (2, 0) => "The left channel".to_owned(),
        (2, _) => "The right channel".to_owned(),
        (_, at) => format!("Channel {}", at + 1),
    };
    match which {
        [] => None,
        [one] => Some(format!("{} {}.", name(*one), what.0)),
        [first @ .., last] => {
            let first = first.iter().map(|at| (at + 1).to_string()).collect::<Vec<_>>().join(", ");
            Some(format!("Channels {first} and {} {}.", last + 1, what.1))
        }
    }
}

fn truncation(truncated: bool) -> Finding {
    let sentence = if truncated { "The file stops before its own end." } else { "The file is complete." };
    let value = f64::from(u8::from(truncated));
    let advice = "If words are missing at the end, send the file again.";
    warn_if(truncated, Measure::Truncated, value, sentence.to_owned(), advice)
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

    fn good() -> Measurements {
        let speech =
            Speech { stretches: std::iter::once(10..635).collect(), frames: 700, power: 0.01, noise: 0.000_001 };
        let heard = Heard {
            seconds: 11.2,
            frames: Vec::new(),
            clear_snr_db: Some(40.0),
            speech,
            loudness: -22.0,
            loudness_range: Some(6.0),
            true_peak: -3.0,
            bandwidth: Some(11_000.0),
            hum: Some(Hum { hertz: 50, above_db: -3.0, level_db: -64.0 }),
            speakers: Some(1),
        };
        let (clipping, dc_offset, channels) = (0.0, 0.001, vec![Channel::Live]);
        let (truncated, damaged_packets, cleaned_samples) = (false, 0, 0);
        Measurements { heard, clipping, dc_offset, channels, truncated, damaged_packets, cleaned_samples }
    }

    fn silence(m: &mut Measurements) {
        m.heard.speech = Speech::default();
        (m.heard.loudness, m.heard.true_peak) = (f64::NEG_INFINITY, f64::NEG_INFINITY);
        (m.heard.loudness_range, m.heard.bandwidth, m.heard.hum, m.heard.speakers) = (None, None, None, None);
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

    fn sentence(report: &QualityReport, measure: Measure) -> &str {
        report.findings.iter().find(|f| f.measure == measure).map_or("", |f| &f.sentence)
    }

    #[test]
    fn a_good_recording_has_no_complaint_and_every_measure() {
        let report = judged(|_| {});
        assert_eq!(report.verdict(), Verdict::Ok, "{report:#?}");
        assert!(report.findings.iter().all(|f| f.advice.is_empty() && f.sentence.ends_with('.')), "{report:#?}");
        let measures: Vec<Measure> = report.findings.iter().map(|f| f.measure).collect();
        let all = [
            Measure::Duration,
            Measure::Speech,
            Measure::SpeechRatio,
            Measure::Loudness,
            Measure::LoudnessRange,
            Measure::TruePeak,
            Measure::NoiseFloor,
            Measure::Snr,
            Measure::Hum,
            Measure::Clipping,
            Measure::Bandwidth,
            Measure::DcOffset,
            Measure::Channels,
            Measure::Speakers,
            Measure::Truncated,
            Measure::DamagedPackets,
            Measure::CleanedSamples,
        ];
        assert_eq!(measures, all);
    }

    #[test]
    fn each_limit_turns_one_finding_and_gives_advice() {
        type Change = fn(&mut Measurements);
        let hum = |above_db, level_db| Some(Hum { hertz: 60, above_db, level_db });
        assert_eq!(judged(|m| m.heard.hum = hum(20.0, -66.0)).verdict(), Verdict::Ok, "46 dB below the voice");
        let cases: [(Change, Measure, Verdict); 15] = [
            (|m| lasting(m, 180), Measure::Speech, Verdict::Reject),
            (|m| lasting(m, 300), Measure::Speech, Verdict::Warn),
            (|m| m.heard.seconds = 30.0, Measure::SpeechRatio, Verdict::Warn),
            (|m| m.heard.loudness = -50.0, Measure::Loudness, Verdict::Warn),
            (|m| m.heard.loudness_range = Some(21.0), Measure::LoudnessRange, Verdict::Warn),
            (|m| m.heard.speech.noise = 0.0004, Measure::Snr, Verdict::Warn),
            (|m| m.heard.speech.noise = 0.004, Measure::Snr, Verdict::Reject),
            (|m| m.heard.hum = Some(Hum { hertz: 60, above_db: 7.0, level_db: -50.0 }), Measure::Hum, Verdict::Warn),
            (|m| m.clipping = 0.002, Measure::Clipping, Verdict::Warn),
            (|m| m.heard.bandwidth = Some(3_400.0), Measure::Bandwidth, Verdict::Warn),
            (|m| m.dc_offset = -0.05, Measure::DcOffset, Verdict::Warn),
            (|m| m.heard.speakers = Some(2), Measure::Speakers, Verdict::Warn),
            (|m| m.truncated = true, Measure::Truncated, Verdict::Warn),
            (|m| m.damaged_packets = 3, Measure::DamagedPackets, Verdict::Warn),
            (|m| m.cleaned_samples = 1, Measure::CleanedSamples, Verdict::Warn),
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
    fn dead_and_reversed_channels_are_named() {
        use Channel::{Dead, Live, Reversed};
        let cases: [(&[Channel], &str, f64); 7] = [
            (&[Live], "The recording has one channel.", 1.0),
            (&[Live, Live], "Both channels carry sound.", 2.0),
            (&[Live, Dead], "The right channel is silent and was left out.", 1.0),
            (&[Reversed, Live], "The left channel is reversed and was turned round.", 2.0),
            (&[Live; 6], "All 6 channels carry sound.", 6.0),
            (&[Live, Dead, Dead, Dead], "Channels 2, 3 and 4 are silent and were left out.", 1.0),
            (
                &[Dead, Live, Reversed],
                "Channel 1 is silent and was left out. Channel 3 is reversed and was turned round.",
                2.0,
            ),
        ];
        for (channels, expected, live) in cases {
            let report = judged(|m| m.channels = channels.to_vec());
            assert_eq!(sentence(&report, Measure::Channels), expected);
            assert_eq!(report.value(Measure::Channels), Some(live));
        }
    }

    #[test]
    fn silence_and_speechless_sound_are_told_apart() {
        let silent = judged(silence);
        assert!(silent.rejections().join(" ").starts_with("The recording is silent."), "{silent:#?}");
        assert_eq!(silent.value(Measure::Channels), Some(0.0));
        let music = judged(|m| m.heard.speech.stretches = Vec::new());
        assert!(music.rejections().join(" ").starts_with("No speech was found"), "{music:#?}");
    }

    #[test]
    fn nothing_is_said_of_a_voice_that_is_not_there() {
        let voice = [
            Measure::SpeechRatio,
            Measure::LoudnessRange,
            Measure::NoiseFloor,
            Measure::Snr,
            Measure::Hum,
            Measure::Bandwidth,
            Measure::Speakers,
        ];
        let faint = judged(|m| (m.heard.loudness, m.heard.true_peak) = (-69.0, -61.0));
        let music = judged(|m| m.heard.speech.stretches = Vec::new());
        for report in [&faint, &music, &judged(silence)] {
            assert!(voice.iter().all(|measure| report.value(*measure).is_none()), "{report:#?}");
        }
        assert_eq!(faint.value(Measure::Loudness), None, "silence has no loudness");
        assert_eq!(music.value(Measure::Loudness), Some(-22.0), "music has one");
    }

    #[test]
    fn every_value_survives_json_even_of_silence() {
        let report = judged(silence);
        assert!(report.findings.iter().all(|f| f.value.is_finite()), "{report:#?}");
    }
}
