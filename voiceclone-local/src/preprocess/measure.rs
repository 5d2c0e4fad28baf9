//! One pass over the mono recording: every figure of the report, in flat memory.
//!
//! Voice detection says where somebody speaks; the meters of bandwidth, hum and voices listen to speech or to pauses only.
#![expect(clippy::cast_precision_loss, reason = "counts of samples are far below 2^52")]
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "times are positive and become counts of samples"
)]
use voiceclone_core::Result;

use super::{
    bandwidth::{BandwidthMeter, BandwidthRule},
    hum::{Hum, HumMeter, HumRule},
    loudness_meter::Meter,
    speakers::{SpeakerMeter, SpeakerRule},
    speech::{Speech, SpeechRule},
    stage::Stage as _,
    vad::{FRAME_SECONDS, Frame, VoiceDetection, VoiceDetector},
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
    told: Told,
}

/// The meters that must be told speech from pauses. What they measure waits until the detector has decided what it is.
struct Told {
    bandwidth: BandwidthMeter,
    hum: HumMeter,
    speakers: SpeakerMeter,
    waiting: Vec<f32>,
    /// Samples and frames handed on.
    samples: u64,
    frames: usize,
}

/// What one pass over the mono recording says.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Heard {
    /// Length in seconds.
    pub(super) seconds: f64,
    /// One frame per 16 ms.
    pub(super) frames: Vec<Frame>,
    pub(super) speech: Speech,
    /// Speech over pauses without rumble, dB; `None` without speech.
    pub(super) clear_snr_db: Option<f64>,
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
            told: Told {
                bandwidth: self.bandwidth.start(sample_rate),
                hum: self.hum.start(sample_rate),
                speakers: self.speakers.start(sample_rate),
                waiting: Vec::new(),
                samples: 0,
                frames: 0,
            },
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
        self.level.push(mono)?;
        self.voice.push(mono)?;
        self.told.waiting.extend_from_slice(mono);
        self.told.hand_on(self.voice.frames(), self.rule.threshold, self.sample_rate);
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<Heard> {
        let (level, frames) = (self.level.finish()?, self.voice.finish()?);
        self.told.hand_on(&frames, self.rule.threshold, self.sample_rate);
        let without_rumble: Vec<Frame> = frames.iter().map(|f| Frame { power: f.clear, ..*f }).collect();
        Ok(Heard {
            seconds: self.samples as f64 / f64::from(self.sample_rate),
            speech: self.rule.apply(&frames),
            clear_snr_db: self.rule.apply(&without_rumble).snr_db(),
            frames,
            loudness: level.loudness,
            loudness_range: level.range,
            true_peak: level.true_peak,
            bandwidth: self.told.bandwidth.finish(),
            hum: self.told.hum.finish(),
            speakers: self.told.speakers.finish(),
        })
    }
}

impl Told {
    /// Everything that waits and lies in `frames`, which are all frames since the beginning.
    fn hand_on(&mut self, frames: &[Frame], threshold: f32, rate: u32) {
        let mut done = 0;
        for frame in frames.iter().skip(self.frames) {
            let end = ((self.frames + 1) as f64 * FRAME_SECONDS * f64::from(rate)).round() as u64;
            let Some(piece) = self.waiting.get(done..(end - self.samples) as usize) else { break };
            let speech = frame.voice >= threshold;
            self.bandwidth.push(piece, speech);
            self.hum.push(piece, speech);
            self.speakers.push(piece, speech);
            done += piece.len();
            self.frames += 1;
        }
        self.waiting.drain(..done);
        self.samples += done as u64;
    }
}
