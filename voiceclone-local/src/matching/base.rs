//! The base voice as the matching sees it.

#![expect(clippy::cast_precision_loss, reason = "a bin's width in hertz")]

mod sentences;

use super::pitch_map::PitchStatistics;
use super::smoothing::Gaussian;
use crate::acoustic::{AcousticError, AcousticModel};
use crate::analysis::{ClipAnalysis, LogMel, MEL_BANDS, MelScale};
use crate::vocoder::{BINS, FFT_SIZE, HOP, SAMPLE_RATE, Vocoder, VocoderFrames};

/// Smoothing of the network's log spectra over bins of 20 Hz. It removes the fine structure that belongs to the
/// original pitch; the mean is taken of logarithms, because a mean of powers fills the valleys between formants.
const SPECTRAL_SMOOTHING: f32 = 2.0;

/// Power of a cosine's main lobe in a Hann-windowed spectrum, in bins.
const MAIN_LOBE: f32 = 1.5;
/// Share of the residual's power that survives the overlap of frames whose phases do not agree.
const RESIDUAL_SHARE: f32 = 0.5;

/// Envelopes and pitch of the base voice speaking a balanced sample.
#[derive(Clone, Debug)]
pub(super) struct BaseVoice {
    pub(super) voiced: Vec<LogMel>,
    pub(super) unvoiced: Vec<LogMel>,
    pub(super) pitch: PitchStatistics,
    pub(super) reading: Reading,
}

/// What analysing rendered speech finds beyond the envelope that was put into the vocoder, on average.
///
/// The two methods see a spectrum differently; without this, the difference would be taken for the speaker's.
#[derive(Clone, Debug)]
pub(super) struct Reading {
    pub(super) voiced: LogMel,
    pub(super) unvoiced: LogMel,
}

impl BaseVoice {
    /// Lets the network speak the sample, renders it and listens; about a second of work.
    pub(super) fn measure(model: &AcousticModel) -> Result<Self, AcousticError> {
        let envelopes = FrameEnvelopes::new();
        let (mut voiced, mut unvoiced, mut pitches) = (Vec::new(), Vec::new(), Vec::new());
        let (mut voiced_reading, mut unvoiced_reading) = (Mean::default(), Mean::default());
        for sentence in sentences::SENTENCES {
            let ids: Vec<i32> = sentence.iter().copied().map(i32::from).collect();
            let frames = model.run(&ids, 1.0)?;
            let put_in: Vec<LogMel> = (0..frames.len()).map(|k| envelopes.of(&frames, k)).collect();
            let pitch: Vec<Option<f32>> = frames.pitch().collect();
            let heard = listen(frames);
            let active = crate::analysis::active_frames(&put_in);
            for (k, ((bands, pitch), _)) in
                put_in.iter().zip(pitch).zip(active).enumerate().filter(|(_, (_, active))| *active)
            {
                let (found, found_pitch) = heard.at_sample(k * HOP);
                match (pitch, found_pitch) {
                    (Some(_), Some(_)) => voiced_reading.add(&found, bands),
                    (None, None) => unvoiced_reading.add(&found, bands),
                    _ => {}
                }
                if pitch.is_some() {
                    voiced.push(*bands);
                } else {
                    unvoiced.push(*bands);
                }
                pitches.extend(pitch);
            }
        }
        let pitch = PitchStatistics::of(pitches.into_iter()).unwrap_or(PitchStatistics { mean: 5.25, deviation: 0.2 });
        let reading = Reading { voiced: voiced_reading.mean(), unvoiced: unvoiced_reading.mean() };
        Ok(Self { voiced, unvoiced, pitch, reading })
    }
}

/// Analyses frames as they sound after a conversion that changes nothing.
fn listen(frames: VocoderFrames) -> ClipAnalysis {
    let samples: Vec<f32> = Vocoder::new(super::convert::neutral(frames), 0).flatten().collect();
    ClipAnalysis::of_samples(&samples, SAMPLE_RATE)
}

/// A running mean of differences.
struct Mean {
    sum: LogMel,
    count: f32,
}

impl Default for Mean {
    fn default() -> Self {
        Self { sum: [0.0; MEL_BANDS], count: 0.0 }
    }
}

impl Mean {
    fn add(&mut self, left: &LogMel, right: &LogMel) {
        for ((sum, left), right) in self.sum.iter_mut().zip(left).zip(right) {
            *sum += left - right;
        }
        self.count += 1.0;
    }

    fn mean(&self) -> LogMel {
        self.sum.map(|sum| sum / self.count.max(1.0))
    }
}

/// Reads envelopes off vocoder parameters.
pub(super) struct FrameEnvelopes {
    scale: MelScale,
    smoothing: Gaussian,
}

impl FrameEnvelopes {
    pub(super) fn new() -> Self {
        Self { scale: MelScale::new(), smoothing: Gaussian::new(SPECTRAL_SMOOTHING) }
    }

    pub(super) fn scale(&self) -> &MelScale {
        &self.scale
    }

    /// The harmonic branch's log magnitude without the fine structure of its pitch.
    pub(super) fn harmonic(&self, frames: &VocoderFrames, frame: usize) -> Vec<f32> {
        self.smoothing.values(frames.harmonic(frame))
    }

    /// Log power of what frame `frame` sounds like, per mel band.
    pub(super) fn of(&self, frames: &VocoderFrames, frame: usize) -> LogMel {
        let pitch = frames.pitch_at(frame);
        let residual = self.smoothing.values(frames.residual(frame));
        let log_share = RESIDUAL_SHARE.ln();
        let Some(pitch) = pitch else {
            let power: Vec<f32> = residual.iter().map(|r| 2.0 * r + log_share).collect();
            return self.scale.bands(&power);
        };
        let bin_width = SAMPLE_RATE as f32 / FFT_SIZE as f32;
        let density = (MAIN_LOBE * bin_width / pitch).ln();
        let harmonic = self.harmonic(frames, frame);
        let mut power = Vec::with_capacity(BINS);
        for (h, r) in harmonic.iter().zip(&residual) {
            let (h, r) = (2.0 * h + density, 2.0 * r + log_share);
            power.push(h.max(r) + (-(h - r).abs()).exp().ln_1p());
        }
        self.scale.bands(&power)
    }
}
