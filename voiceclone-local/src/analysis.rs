//! What a recording's voice looks like: pitch and spectral envelope every 5 ms.
//!
//! The pitch is YIN candidates joined by a Viterbi search (`pitch`), the envelope is `CheapTrick` (`envelope`) on a mel
//! scale (`mel`). This module measures; it does not judge whether a clip is good enough and knows nothing of synthesis.

#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts of samples, bins and bands are small and never negative"
)]

mod envelope;
mod mel;
mod pitch;

use audioadapter_buffers::direct::SequentialSlice;
use rubato::{Fft, FixedSync, Resampler};

use envelope::Envelope;
pub(crate) use mel::{MEL_BANDS, MelScale, interpolate, stretched};

use crate::vocoder::SAMPLE_RATE;

/// Seconds between two analysis frames.
pub const FRAME_SECONDS: f32 = 0.005;
/// Samples between two analysis frames at [`SAMPLE_RATE`].
const HOP: usize = 120;
/// Lowest and highest pitch that is looked for, in hertz; three periods of the lowest fit the analysis window.
pub const PITCH_RANGE: std::ops::RangeInclusive<f32> = 60.0..=500.0;

/// Log power per mel band of one frame.
pub(crate) type LogMel = [f32; MEL_BANDS];

/// Pitch and envelope of a clip, a value per 5 ms.
#[derive(Clone, Debug)]
pub struct ClipAnalysis {
    /// Pitch in hertz, `None` where unvoiced.
    pub(crate) pitch: Vec<Option<f32>>,
    /// Log power spectrum's envelope on the mel scale.
    pub(crate) envelopes: Vec<LogMel>,
    /// Whether the frame belongs to speech rather than to a pause.
    pub(crate) active: Vec<bool>,
    /// Number of mel bands, from the lowest, within the recording's band.
    pub(crate) bands: usize,
}

/// A clip could not be brought to the analysis rate.
#[derive(Debug, thiserror::Error)]
#[error("cannot resample from {from} Hz to {SAMPLE_RATE} Hz")]
pub struct ResampleError {
    /// The clip's rate.
    pub from: u32,
    #[source]
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl ClipAnalysis {
    /// Analyses a mono clip of finite samples at any rate the resampler accepts.
    ///
    /// Blocks for about 5 % of the clip's duration.
    ///
    /// # Errors
    /// [`ResampleError`] when the clip cannot be brought to 24 kHz.
    pub fn of(pcm: &[f32], rate: u32) -> Result<Self, ResampleError> {
        Ok(Self::of_samples(&resampled(pcm, rate)?, rate))
    }

    /// Analyses samples at [`SAMPLE_RATE`] that were recorded at `rate`.
    pub(crate) fn of_samples(samples: &[f32], rate: u32) -> Self {
        let pitch = pitch::track(samples);
        let mut envelope = Envelope::new();
        let scale = MelScale::new();
        let spectra: Vec<LogMel> =
            (pitch.iter().enumerate()).map(|(frame, f0)| scale.bands(envelope.at(samples, frame * HOP, *f0))).collect();
        let active = active_frames(&spectra);
        let bands = bands_within(&spectra, &active, rate);
        Self { pitch, envelopes: spectra, active, bands }
    }

    /// Pitch in hertz of each 5 ms frame, `None` where unvoiced or silent.
    pub fn pitch(&self) -> impl Iterator<Item = Option<f32>> + '_ {
        self.pitch.iter().zip(&self.active).map(|(pitch, active)| pitch.filter(|_| *active))
    }

    /// Envelope and pitch of the frame nearest to a sample at [`SAMPLE_RATE`].
    pub(crate) fn at_sample(&self, sample: usize) -> (LogMel, Option<f32>) {
        let frame = ((sample + HOP / 2) / HOP).min(self.pitch.len().saturating_sub(1));
        let envelope = self.envelopes.get(frame).copied().unwrap_or([0.0; MEL_BANDS]);
        (envelope, self.pitch.get(frame).copied().flatten())
    }

    /// Seconds of speech with a pitch.
    pub fn voiced_seconds(&self) -> f32 {
        self.pitch().flatten().count() as f32 * FRAME_SECONDS
    }
}

/// The clip at [`SAMPLE_RATE`].
fn resampled(pcm: &[f32], rate: u32) -> Result<Vec<f32>, ResampleError> {
    let failed = |source: Box<dyn std::error::Error + Send + Sync>| ResampleError { from: rate, source };
    if rate == SAMPLE_RATE || pcm.is_empty() {
        return Ok(pcm.to_vec());
    }
    let input = SequentialSlice::new(pcm, 1, pcm.len()).map_err(|e| failed(Box::new(e)))?;
    let mut resampler = Fft::<f32>::new(rate as usize, SAMPLE_RATE as usize, 1024, 1, FixedSync::Both)
        .map_err(|e| failed(Box::new(e)))?;
    let mut output = vec![0.0; resampler.process_all_needed_output_len(pcm.len())];
    let capacity = output.len();
    let mut adapter = SequentialSlice::new_mut(&mut output, 1, capacity).map_err(|e| failed(Box::new(e)))?;
    let (_, written) =
        resampler.process_all_into_buffer(&input, &mut adapter, pcm.len(), None).map_err(|e| failed(Box::new(e)))?;
    output.truncate(written);
    Ok(output)
}

/// Frames less than 35 dB below the loudest ones.
pub(crate) fn active_frames(spectra: &[LogMel]) -> Vec<bool> {
    let below = 35.0 / DECIBELS_PER_NEPER;
    let levels: Vec<f32> = spectra.iter().map(|bands| bands.iter().copied().fold(f32::MIN, f32::max)).collect();
    // The 98th percentile: one click must not make a pause of everything else.
    let mut sorted = levels.clone();
    sorted.sort_by(f32::total_cmp);
    let loudest = sorted.get(sorted.len() * 98 / 100).copied().unwrap_or(f32::MAX);
    levels.iter().map(|level| *level > loudest - below).collect()
}

/// Decibels per unit of a natural log power.
const DECIBELS_PER_NEPER: f32 = 4.342_945;

/// Bands below both 94 % of the Nyquist frequency and the point where the speech drops into the noise of a codec or
/// telephone filter.
fn bands_within(spectra: &[LogMel], active: &[bool], rate: u32) -> usize {
    let below_nyquist = mel::bands_below(0.47 * rate as f32);
    let count = active.iter().filter(|a| **a).count().max(1) as f32;
    let mut mean = [0.0_f32; MEL_BANDS];
    for (bands, _) in spectra.iter().zip(active).filter(|(_, active)| **active) {
        for (mean, band) in mean.iter_mut().zip(bands) {
            *mean += band / count;
        }
    }
    let floor = mean.iter().copied().fold(f32::MIN, f32::max) - 75.0 / DECIBELS_PER_NEPER;
    let above_floor = mean.iter().rposition(|band| *band > floor).map_or(0, |last| last + 1);
    below_nyquist.min(above_floor).max(mel::bands_below(3_000.0))
}
