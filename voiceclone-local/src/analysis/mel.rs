//! The mel scale on which envelopes are compared: 64 triangles from 60 Hz to 11.5 kHz over the vocoder's bins.

use super::LogMel;
use crate::vocoder::{BINS, FFT_SIZE, SAMPLE_RATE};

/// Number of bands.
pub(crate) const MEL_BANDS: usize = 64;

const LOWEST: f32 = 60.0;
const HIGHEST: f32 = 11_500.0;
const BIN_WIDTH: f32 = SAMPLE_RATE as f32 / FFT_SIZE as f32;

/// Conversions between bins of 20 Hz and mel bands.
#[derive(Clone, Debug)]
pub(crate) struct MelScale {
    /// Per band: first bin and the weights from there, which sum to 1.
    triangles: Vec<(usize, Vec<f32>)>,
    /// Per bin: its place on the band axis, for interpolation.
    places: Vec<f32>,
}

impl MelScale {
    pub(crate) fn new() -> Self {
        let triangles = (0..MEL_BANDS).map(triangle).collect();
        let places = (0..BINS).map(|bin| place(bin as f32 * BIN_WIDTH)).collect();
        Self { triangles, places }
    }

    /// Weighted means of a log spectrum of [`BINS`] bins.
    pub(crate) fn bands(&self, log_spectrum: &[f32]) -> LogMel {
        let mut bands = [0.0; MEL_BANDS];
        for (band, (first, weights)) in bands.iter_mut().zip(&self.triangles) {
            *band = log_spectrum.iter().skip(*first).zip(weights).map(|(x, w)| x * w).sum();
        }
        bands
    }

    /// Band values spread over the bins by straight lines between band centres.
    pub(crate) fn bins<'a>(&'a self, bands: &'a LogMel) -> impl Iterator<Item = f32> + 'a {
        self.places.iter().map(|place| interpolate(bands, *place))
    }
}

/// Number of bands whose centre lies below `frequency` hertz.
pub(super) fn bands_below(frequency: f32) -> usize {
    (0..MEL_BANDS).filter(|band| centre(*band as f32) < frequency).count()
}

/// The envelope with its frequency axis stretched by `factor`: what was at `f` is found at `factor * f`.
pub(crate) fn stretched(bands: &LogMel, factor: f32) -> LogMel {
    std::array::from_fn(|band| interpolate(bands, place(centre(band as f32) / factor)))
}

/// `values` at a fractional index, held at the ends.
pub(crate) fn interpolate(values: &[f32], place: f32) -> f32 {
    let last = values.len().saturating_sub(1);
    let place = place.clamp(0.0, last as f32);
    let left = place as usize;
    let at = |index: usize| values.get(index.min(last)).copied().unwrap_or(0.0);
    let weight = place - left as f32;
    at(left) * (1.0 - weight) + at(left + 1) * weight
}

fn triangle(band: usize) -> (usize, Vec<f32>) {
    let [low, mid, high] = [-1.0, 0.0, 1.0].map(|step| centre(band as f32 + step) / BIN_WIDTH);
    let first = low.max(0.0).ceil() as usize;
    let last = (high.floor() as usize).min(BINS - 1);
    let weights: Vec<f32> =
        (first..=last).map(|bin| ((bin as f32 - low) / (mid - low)).min((high - bin as f32) / (high - mid))).collect();
    let sum: f32 = weights.iter().sum();
    (first, weights.iter().map(|w| w / sum).collect())
}

/// Frequency of a fractional band index, in hertz.
fn centre(band: f32) -> f32 {
    let step = (mel(HIGHEST) - mel(LOWEST)) / (MEL_BANDS - 1) as f32;
    hertz(mel(LOWEST) + step * band)
}

/// Fractional band index of a frequency; the inverse of [`centre`].
fn place(frequency: f32) -> f32 {
    let step = (mel(HIGHEST) - mel(LOWEST)) / (MEL_BANDS - 1) as f32;
    (mel(frequency) - mel(LOWEST)) / step
}

fn mel(hertz: f32) -> f32 {
    2595.0 * (1.0 + hertz / 700.0).log10()
}

fn hertz(mel: f32) -> f32 {
    700.0 * (10.0_f32.powf(mel / 2595.0) - 1.0)
}
