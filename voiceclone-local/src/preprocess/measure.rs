//! One pass over the mono recording: every figure of the report, in flat memory.
//!
//! Voice detection says where somebody speaks; the meters of bandwidth, hum and voices listen to speech or to pauses only.
#![expect(clippy::cast_precision_loss, reason = "counts of samples are far below 2^52")]
use voiceclone_core::Result;

use super::{
    bandwidth::{BandwidthMeter, BandwidthRule},
    hum::{Hum, HumMeter, HumRule},
    loudness_meter::Meter,
    speakers::{SpeakerMeter, SpeakerRule},
    speech::{Speech, SpeechRule},
    stage::Stage as _,
    vad::{Frame, VoiceDetection, VoiceDetector},
};

/// The rules of the measurements.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Measuring {
    pub(super) voice: VoiceDetection,
    pub(super) speech: SpeechRule,
    pub(super) bandwidth: BandwidthRule,
    pub(super) hum: HumRule,
    pub(super) speakers: SpeakerRule,
}

/// The running measurement of mono samples.
pub(super) struct Meters {
    rule: SpeechRule,
    sample_rate: u32,
    samples: u64,
    voice: VoiceDetector,
    level: Meter,
    bandwidth: BandwidthMeter,
    hum: HumMeter,
    speakers: SpeakerMeter,
}

/// What one pass over the mono recording says.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Heard {
    /// Length in seconds.
    pub(super) seconds: f64,
    /// One frame per 16 ms.
    pub(super) frames: Vec<Frame>,
    pub(super) speech: Speech,
    /// Integrated loudness, LUFS; −∞ if nothing passes the gate.
    pub(super) loudness: f64,
    /// Loudness range, LU; `None` for less than 3 s, or if nothing passes the gate.
    pub(super) loudness_range: Option<f64>,
    /// True peak, dBTP; −∞ for silence.
    pub(super) true_peak: f64,
    /// Upper edge of the voice, hertz.
    pub(super) bandwidth: Option<f64>,
    /// Hum of the mains; `None` if there is none, or too little pause to hear it in.
    pub(super) hum: Option<Hum>,
    /// Clearly different voices, 1 or 2; `None` for too little speech.
    pub(super) speakers: Option<u32>,
}

impl Measuring {
    pub(super) fn start(&self, sample_rate: u32) -> Result<Meters> {
        Ok(Meters {
            rule: self.speech.clone(),
            sample_rate,
            samples: 0,
            voice: self.voice.start(sample_rate)?,
            level: Meter::with_range(sample_rate)?,
            bandwidth: self.bandwidth.start(sample_rate),
            hum: self.hum.start(sample_rate),
            speakers: self.speakers.start(sample_rate),
        })
    }

    pub(super) fn fingerprint(&self) -> String {
        let stages = [
            self.voice.fingerprint(),
            self.speech.fingerprint(),
            self.bandwidth.fingerprint(),
            self.hum.fingerprint(),
            self.speakers.fingerprint(),
        ];
        stages.join("; ")
    }
}

impl Meters {
    pub(super) fn push(&mut self, mono: &[f32]) -> Result<()> {
        self.samples += mono.len() as u64;
        self.voice.push(mono)?;
        let speech = self.voice.latest() >= self.rule.threshold;
        self.bandwidth.push(mono, speech);
        self.hum.push(mono, speech);
        self.speakers.push(mono, speech);
        self.level.push(mono)
    }

    pub(super) fn finish(self) -> Result<Heard> {
        let (level, frames) = (self.level.finish()?, self.voice.finish()?);
        Ok(Heard {
            seconds: self.samples as f64 / f64::from(self.sample_rate),
            speech: self.rule.apply(&frames),
            frames,
            loudness: level.loudness,
            loudness_range: level.range,
            true_peak: level.true_peak,
            bandwidth: self.bandwidth.finish(),
            hum: self.hum.finish(),
            speakers: self.speakers.finish(),
        })
    }
}
