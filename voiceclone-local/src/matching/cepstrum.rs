//! Envelopes as a few cepstral coefficients, in which they are compared and moved.

#![expect(clippy::cast_precision_loss, reason = "band and coefficient indices are below 64")]

use std::f32::consts::PI;

use crate::analysis::{LogMel, MEL_BANDS};

/// Coefficients kept: enough for formants, too few for the pitch.
pub(super) const ORDER: usize = 24;
/// Coefficients in which sounds are told apart.
pub(super) const COMPARED: usize = 16;

/// Coefficients 1 to [`ORDER`] of a log envelope; the level, coefficient 0, is left out.
pub(super) type Cepstra = [f32; ORDER];

/// The orthonormal cosine transform (DCT-II) of the lowest `bands` mel bands.
pub(super) struct Cepstrum {
    bands: usize,
    /// Basis vectors, `bands` long, of coefficients 1 to `ORDER`.
    basis: Vec<Vec<f32>>,
}

impl Cepstrum {
    pub(super) fn new(bands: usize) -> Self {
        let bands = bands.clamp(ORDER, MEL_BANDS);
        let scale = (2.0 / bands as f32).sqrt();
        let vector = |k: usize| {
            (0..bands).map(|band| scale * (PI * k as f32 * (band as f32 + 0.5) / bands as f32).cos()).collect()
        };
        Self { bands, basis: (1..=ORDER).map(vector).collect() }
    }

    pub(super) fn of(&self, envelope: &LogMel) -> Cepstra {
        let mut cepstra = [0.0; ORDER];
        for (value, basis) in cepstra.iter_mut().zip(&self.basis) {
            *value = basis.iter().zip(envelope).map(|(b, x)| b * x).sum();
        }
        cepstra
    }

    /// The envelope of `cepstra`, held above the transform's highest band.
    pub(super) fn envelope(&self, cepstra: &Cepstra) -> LogMel {
        let mut envelope = [0.0; MEL_BANDS];
        for (value, basis) in cepstra.iter().zip(&self.basis) {
            for (band, b) in envelope.iter_mut().zip(basis) {
                *band += value * b;
            }
        }
        let (known, unknown) = envelope.split_at_mut(self.bands);
        unknown.fill(known.last().copied().unwrap_or(0.0));
        envelope
    }
}

/// `left + weight * right`.
pub(super) fn add(left: &Cepstra, weight: f32, right: &Cepstra) -> Cepstra {
    let mut sum = *left;
    for (sum, right) in sum.iter_mut().zip(right) {
        *sum += weight * right;
    }
    sum
}

/// Mean of each coefficient; zeros for no frames.
pub(super) fn mean(frames: &[Cepstra]) -> Cepstra {
    let count = frames.len().max(1) as f32;
    frames.iter().fold([0.0; ORDER], |sum, frame| add(&sum, 1.0 / count, frame))
}

/// Squared distance in the [`COMPARED`] coefficients.
pub(super) fn distance(left: &[f32], right: &[f32]) -> f32 {
    left.iter().zip(right).take(COMPARED).map(|(a, b)| (a - b) * (a - b)).sum()
}
