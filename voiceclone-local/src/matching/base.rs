//! The base voice as the matching sees it.

#![expect(clippy::cast_precision_loss, reason = "a bin's width in hertz")]

mod sentences;

use super::pitch_map::PitchStatistics;
use super::smoothing::Gaussian;
use crate::acoustic::{AcousticError, AcousticModel};
use crate::analysis::{LogMel, MelScale};
use crate::vocoder::{BINS, FFT_SIZE, SAMPLE_RATE, VocoderFrames};

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
}

impl BaseVoice {
    /// Lets the network speak the sample; about half a second of work.
    pub(super) fn measure(model: &AcousticModel) -> Result<Self, AcousticError> {
        let envelopes = FrameEnvelopes::new();
        let (mut voiced, mut unvoiced, mut pitches) = (Vec::new(), Vec::new(), Vec::new());
        for sentence in sentences::SENTENCES {
            let ids: Vec<i32> = sentence.iter().copied().map(i32::from).collect();
            let frames = model.run(&ids, 1.0)?;
            let bands: Vec<LogMel> = (0..frames.len()).map(|k| envelopes.of(&frames, k)).collect();
            let active = crate::analysis::active_frames(&bands);
            for ((bands, pitch), _) in bands.into_iter().zip(frames.pitch()).zip(active).filter(|(_, active)| *active) {
                if let Some(pitch) = pitch {
                    voiced.push(bands);
                    pitches.push(pitch);
                } else {
                    unvoiced.push(bands);
                }
            }
        }
        let pitch = PitchStatistics::of(pitches.into_iter()).unwrap_or(PitchStatistics { mean: 5.25, deviation: 0.2 });
        Ok(Self { voiced, unvoiced, pitch })
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
        let pitch = frames.pitch().nth(frame).flatten();
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
