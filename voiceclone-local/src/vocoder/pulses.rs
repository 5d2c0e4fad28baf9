//! The excitation of voiced speech: a band-limited pulse train that follows the pitch.

#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "indices within a hop are exact in f32, and a phase needs no more precision than f32"
)]

use std::f64::consts::TAU;

use super::{HOP, SAMPLE_RATE};

/// Pitch below which there are no pulses, in hertz.
const VOICED_ABOVE: f32 = 40.0;
/// Highest harmonic, in hertz.
const TOP: f32 = 11_000.0;

/// Every harmonic of `f0` (hertz, one value per frame) below 11 kHz at unit amplitude, [`HOP`] samples per frame.
///
/// `sum of cos(h t), h = 1..=H` is `sin((H + 1/2) t) / (2 sin(t / 2)) - 1/2` (the Dirichlet kernel).
pub(super) fn pulse_train(f0: &[f32]) -> Vec<f32> {
    let mut phase = 0.0_f64;
    let mut train = Vec::with_capacity(f0.len() * HOP);
    for frame in 0..f0.len() {
        for sample in 0..HOP {
            let pitch = interpolated(f0, frame, sample);
            let audible = pitch.max(VOICED_ABOVE);
            phase = (phase + f64::from(audible) / f64::from(SAMPLE_RATE)).fract();
            train.push(if pitch > VOICED_ABOVE { harmonics(audible, (phase * TAU) as f32) } else { 0.0 });
        }
    }
    train
}

/// The pitch at a sample: frames hold at their centres and are joined by straight lines.
fn interpolated(f0: &[f32], frame: usize, sample: usize) -> f32 {
    let position = ((sample as f64 + 0.5) / HOP as f64 - 0.5) as f32;
    let at = |index: usize| f0.get(index.min(f0.len().saturating_sub(1))).copied().unwrap_or(0.0);
    let (left, right, weight) =
        if position < 0.0 { (frame.saturating_sub(1), frame, position + 1.0) } else { (frame, frame + 1, position) };
    at(left) * (1.0 - weight) + at(right) * weight
}

fn harmonics(pitch: f32, phase: f32) -> f32 {
    let order = (TOP / pitch).floor() + 0.5;
    let denominator = 2.0 * (0.5 * phase).sin();
    // Near a pulse's centre both sines vanish and their quotient tends to 2 order / 2.
    let kernel = if denominator.abs() <= 2e-3 { order } else { (order * phase).sin() / denominator };
    kernel - 0.5
}
