//! Gaussian smoothing over time or frequency, with the ends held.

#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a kernel has some ten taps"
)]

/// A normalised Gaussian of standard deviation `sigma` steps.
#[derive(Clone, Debug)]
pub(super) struct Gaussian {
    taps: Vec<f32>,
}

impl Gaussian {
    pub(super) fn new(sigma: f32) -> Self {
        let radius = (4.0 * sigma).ceil() as usize;
        let weight = |i: usize| (-0.5 * ((i as f32 - radius as f32) / sigma).powi(2)).exp();
        let sum: f32 = (0..=2 * radius).map(weight).sum();
        Self { taps: (0..=2 * radius).map(|i| weight(i) / sum).collect() }
    }

    /// The smoothed value at `index` of a sequence of `length` values given by `value`.
    pub(super) fn at(&self, index: usize, length: usize, value: impl Fn(usize) -> f32) -> f32 {
        let radius = self.taps.len() / 2;
        let place = |tap: usize| (index + tap).saturating_sub(radius).min(length.saturating_sub(1));
        self.taps.iter().enumerate().map(|(tap, weight)| weight * value(place(tap))).sum()
    }

    pub(super) fn values(&self, values: &[f32]) -> Vec<f32> {
        (0..values.len()).map(|i| self.at(i, values.len(), |k| values.get(k).copied().unwrap_or(0.0))).collect()
    }

    /// Smooths every component of a sequence of vectors.
    pub(super) fn vectors<const N: usize>(&self, vectors: &[[f32; N]]) -> Vec<[f32; N]> {
        let component = |k: usize, c: usize| vectors.get(k).and_then(|v| v.get(c)).copied().unwrap_or(0.0);
        let smooth = |i: usize| std::array::from_fn(|c| self.at(i, vectors.len(), |k| component(k, c)));
        (0..vectors.len()).map(smooth).collect()
    }
}
