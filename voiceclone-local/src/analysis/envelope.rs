//! Spectral envelope free of the pitch's harmonics.
//!
//! M. Morise, "`CheapTrick`, a spectral envelope estimator for high-quality speech synthesis", Speech Communication 67
//! (2015): a window of three periods, smoothing over two thirds of the pitch, and liftering in the cepstrum.

use std::f32::consts::PI;
use std::sync::Arc;

use realfft::num_complex::Complex32;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};

use crate::vocoder::{BINS, FFT_SIZE, SAMPLE_RATE};

/// Pitch assumed where there is none: it sets the smoothing only.
const UNVOICED_PITCH: f32 = 500.0;
/// The paper's weight that restores what the smoothing flattened.
const RESTORE: f32 = -0.15;
const BIN_WIDTH: f32 = SAMPLE_RATE as f32 / FFT_SIZE as f32;

/// The estimator with its transforms and buffers.
pub(crate) struct Envelope {
    forward: Arc<dyn RealToComplex<f32>>,
    inverse: Arc<dyn ComplexToReal<f32>>,
    time: Vec<f32>,
    spectrum: Vec<Complex32>,
    scratch: Vec<Complex32>,
    power: Vec<f32>,
}

impl Envelope {
    pub(crate) fn new() -> Self {
        let mut planner = RealFftPlanner::new();
        let (forward, inverse) = (planner.plan_fft_forward(FFT_SIZE), planner.plan_fft_inverse(FFT_SIZE));
        let scratch = forward.get_scratch_len().max(inverse.get_scratch_len());
        Self {
            time: forward.make_input_vec(),
            spectrum: forward.make_output_vec(),
            scratch: vec![Complex32::default(); scratch],
            forward,
            inverse,
            power: vec![0.0; BINS],
        }
    }

    /// Log power spectrum's envelope ([`BINS`] values) around sample `centre`.
    pub(crate) fn at(&mut self, samples: &[f32], centre: usize, pitch: Option<f32>) -> &[f32] {
        let f0 = pitch.unwrap_or(UNVOICED_PITCH).max(60.0);
        self.window(samples, centre, f0);
        // Lengths are the plan's own, so the transforms cannot fail.
        let _ = self.forward.process_with_scratch(&mut self.time, &mut self.spectrum, &mut self.scratch);
        for (power, bin) in self.power.iter_mut().zip(&self.spectrum) {
            *power = bin.norm_sqr();
        }
        fill_below_pitch(&mut self.power, f0);
        smooth(&mut self.power, f0 * 2.0 / 3.0);
        self.lifter(f0);
        &self.power
    }

    /// Three periods around `centre`, Hann-weighted, of unit weight power and without mean.
    fn window(&mut self, samples: &[f32], centre: usize, f0: f32) {
        let half = (1.5 * SAMPLE_RATE as f32 / f0) as usize;
        let start = centre.cast_signed() - half.cast_signed();
        let weight = |i: usize| 0.5 + 0.5 * (PI * (i as f32 - half as f32) / (half + 1) as f32).cos();
        let length = (2 * half + 1).min(FFT_SIZE);
        let sample = |i: usize| {
            usize::try_from(start + i.cast_signed()).ok().and_then(|at| samples.get(at)).copied().unwrap_or(0.0)
        };
        let total: f32 = (0..length).map(weight).sum();
        let norm = (0..length).map(|i| weight(i).powi(2)).sum::<f32>().sqrt();
        let mean = (0..length).map(|i| sample(i) * weight(i)).sum::<f32>() / total;
        self.time.fill(0.0);
        for (i, slot) in self.time.iter_mut().enumerate().take(length) {
            *slot = (sample(i) - mean) * weight(i) / norm;
        }
    }

    /// Removes the pitch's ripple from the log spectrum and restores the peaks.
    fn lifter(&mut self, f0: f32) {
        for (bin, power) in self.spectrum.iter_mut().zip(&self.power) {
            *bin = Complex32::new(power.max(1e-20).ln(), 0.0);
        }
        let _ = self.inverse.process_with_scratch(&mut self.spectrum, &mut self.time, &mut self.scratch);
        for (i, value) in self.time.iter_mut().enumerate() {
            let quefrency = i.min(FFT_SIZE - i) as f32 / SAMPLE_RATE as f32;
            let angle = PI * f0 * quefrency;
            let sinc = if i == 0 { 1.0 } else { angle.sin() / angle };
            *value *= sinc * (1.0 - 2.0 * RESTORE + 2.0 * RESTORE * (2.0 * angle).cos()) / FFT_SIZE as f32;
        }
        let _ = self.forward.process_with_scratch(&mut self.time, &mut self.spectrum, &mut self.scratch);
        for (power, bin) in self.power.iter_mut().zip(&self.spectrum) {
            *power = bin.re;
        }
    }
}

/// Below the pitch there is no harmonic: mirror what lies above, as the paper does.
fn fill_below_pitch(power: &mut [f32], f0: f32) {
    let mirror: Vec<f32> = (0..=(f0 / BIN_WIDTH) as usize)
        .map(|bin| super::mel::interpolate(power, (f0 / BIN_WIDTH - bin as f32).abs()))
        .collect();
    for (power, mirrored) in power.iter_mut().zip(mirror) {
        *power += mirrored;
    }
}

/// Mean over `width` hertz around each bin, with both ends mirrored.
fn smooth(power: &mut [f32], width: f32) {
    let margin = (width / BIN_WIDTH) as usize + 2;
    let mirrored = |i: usize| {
        let i = i.abs_diff(margin);
        let i = if i < BINS { i } else { 2 * (BINS - 1) - i };
        power.get(i).copied().unwrap_or(0.0)
    };
    let mut sum = 0.0_f64;
    // The integral of the spectrum up to the right edge of each bin.
    let integral: Vec<f64> = (0..BINS + 2 * margin)
        .map(|i| {
            sum += f64::from(mirrored(i));
            sum
        })
        .collect();
    let up_to = |place: f32| {
        let left = place as usize;
        let at = |i: usize| integral.get(i).copied().unwrap_or(sum);
        at(left) + (at(left + 1) - at(left)) * f64::from(place - left as f32)
    };
    let half = 0.5 * width / BIN_WIDTH;
    for (bin, power) in power.iter_mut().enumerate() {
        let edge = (bin + margin) as f32 - 0.5;
        *power = ((up_to(edge + half) - up_to(edge - half)) / f64::from(2.0 * half)) as f32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A pulse train through one resonance has that resonance's peak, whatever its pitch: the harmonics' ripple is gone.
    #[test]
    fn the_envelope_shows_the_resonance_and_not_the_harmonics() {
        for pitch in [100.0_f32, 160.0, 240.0] {
            let (mut a, mut b) = (0.0, 0.0);
            let radius = (-PI * 150.0 / SAMPLE_RATE as f32).exp();
            let pole = 2.0 * radius * (2.0 * PI * 1_000.0 / SAMPLE_RATE as f32).cos();
            let period = (SAMPLE_RATE as f32 / pitch).round() as usize;
            let samples: Vec<f32> = (0..12_000)
                .map(|i| {
                    let out = f32::from(u8::from(i % period == 0)) + pole * a - radius * radius * b;
                    (a, b) = (out, a);
                    out
                })
                .collect();
            let mut estimator = Envelope::new();
            let envelope = estimator.at(&samples, 6_000, Some(SAMPLE_RATE as f32 / period as f32));
            let peak = (0..BINS).max_by(|x, y| envelope[*x].total_cmp(&envelope[*y])).unwrap();
            assert!((peak as f32 * BIN_WIDTH - 1_000.0).abs() <= 60.0, "peak in bin {peak} at pitch {pitch}");
            let rising = envelope[75..125].windows(2).filter(|w| w[1] > w[0] + 0.02).count();
            assert!(rising < 8, "{rising} rising steps where the resonance only falls, at pitch {pitch}");
        }
    }

    #[test]
    fn silence_has_a_finite_envelope() {
        assert!(Envelope::new().at(&[], 0, None).iter().all(|x| x.is_finite()));
    }
}
