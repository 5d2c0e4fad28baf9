//! One pass over the mono recording: every figure of the report, in flat memory.
#![expect(clippy::cast_precision_loss, reason = "counts of samples are far below 2^52")]
use voiceclone_core::Result;

use super::{
    bandwidth::{BandwidthMeter, BandwidthRule},
    loudness_meter::Meter,
    speech::{Speech, SpeechRule},
    stage::Stage as _,
    vad::{VoiceDetection, VoiceDetector},
};

/// The rules of the measurements.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Measuring {
    pub(super) voice: VoiceDetection,
    pub(super) speech: SpeechRule,
    pub(super) bandwidth: BandwidthRule,
}

/// The running measurement of mono samples.
pub(super) struct Meters {
    rule: SpeechRule,
    sample_rate: u32,
    samples: u64,
    voice: VoiceDetector,
    level: Meter,
    bandwidth: BandwidthMeter,
}

/// What one pass over the mono recording says.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Heard {
    /// Length in seconds.
    pub(super) seconds: f64,
    pub(super) speech: Speech,
    /// Integrated loudness, LUFS; −∞ if nothing passes the gate.
    pub(super) loudness: f64,
    /// True peak, dBTP; −∞ for silence.
    pub(super) true_peak: f64,
    /// Upper edge of the voice, hertz.
    pub(super) bandwidth: Option<f64>,
}

impl Measuring {
    pub(super) fn start(&self, sample_rate: u32) -> Result<Meters> {
        Ok(Meters {
            rule: self.speech.clone(),
            sample_rate,
            samples: 0,
            voice: self.voice.start(sample_rate)?,
            level: Meter::new(sample_rate)?,
            bandwidth: self.bandwidth.start(sample_rate),
        })
    }

    pub(super) fn fingerprint(&self) -> String {
        [self.voice.fingerprint(), self.speech.fingerprint(), self.bandwidth.fingerprint()].join("; ")
    }
}

impl Meters {
    pub(super) fn push(&mut self, mono: &[f32]) -> Result<()> {
        self.samples += mono.len() as u64;
        self.voice.push(mono)?;
        self.bandwidth.push(mono, self.voice.latest() >= self.rule.threshold);
        self.level.push(mono)
    }

    pub(super) fn finish(self) -> Result<Heard> {
        let level = self.level.finish()?;
        Ok(Heard {
            seconds: self.samples as f64 / f64::from(self.sample_rate),
            speech: self.rule.apply(&self.voice.finish()?),
            loudness: level.loudness,
            true_peak: level.true_peak,
            bandwidth: self.bandwidth.finish(),
        })
    }
}
