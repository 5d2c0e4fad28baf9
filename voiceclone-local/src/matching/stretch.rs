//! The ratio of two speakers' formants: how much shorter or longer the vocal tract is.

#![expect(clippy::cast_precision_loss, reason = "an index into a short grid")]

use super::cepstrum::{Cepstra, Cepstrum, mean};
use crate::analysis::{LogMel, stretched};

/// Ratios tried, from 0.80 to 1.24.
const STEPS: usize = 23;
/// Formants follow the pitch across speakers by about this power (men and women: 1.16 against 1.75).
const PITCH_EXPONENT: f32 = 0.27;
/// How far the ratio may stray from what the pitch suggests.
const PRIOR_WIDTH: f32 = 0.05;
/// How much a standard deviation of straying costs, against squared cepstral distance.
const PRIOR_COST: f32 = 1.0;

/// The stretch of the base voice's frequency axis that fits its voiced `base` frames to the `target` cepstra best.
///
/// `pitch_ratio` is the target's pitch over the base voice's: spectra alone are misled by the recording's colour.
pub(super) fn fit(base: &[LogMel], target: &[Cepstra], cepstrum: &Cepstrum, pitch_ratio: f32) -> f32 {
    let expected = pitch_ratio.powf(PITCH_EXPONENT).clamp(0.82, 1.22);
    let (target_mean, target_deviation) = moments(target);
    let cost = |stretch: f32| {
        let moved: Vec<Cepstra> = base.iter().step_by(3).map(|frame| cepstrum.of(&stretched(frame, stretch))).collect();
        let (mean, deviation) = moments(&moved);
        // The two lowest coefficients are mostly microphone and loudness.
        let shape: f32 = mean.iter().zip(&target_mean).skip(1).take(16).map(|(a, b)| (a - b).powi(2)).sum();
        let spread: f32 = deviation.iter().zip(&target_deviation).map(|(a, b)| (a - b).powi(2)).sum();
        shape + 2.0 * spread + PRIOR_COST * ((stretch - expected) / PRIOR_WIDTH).powi(2)
    };
    let grid = (0..STEPS).map(|step| 0.80 + 0.02 * step as f32);
    grid.map(|stretch| (stretch, cost(stretch))).min_by(|a, b| a.1.total_cmp(&b.1)).map_or(expected, |best| best.0)
}

fn moments(frames: &[Cepstra]) -> (Cepstra, Cepstra) {
    let mean = mean(frames);
    let mut deviation = [0.0; super::cepstrum::ORDER];
    for frame in frames {
        for ((sum, value), mean) in deviation.iter_mut().zip(frame).zip(&mean) {
            *sum += (value - mean).powi(2) / frames.len() as f32;
        }
    }
    (mean, deviation.map(f32::sqrt))
}
