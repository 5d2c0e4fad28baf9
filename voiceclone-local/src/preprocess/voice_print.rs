//! Pitch and sound of a voice, block by block of 64 ms: the two things that tell voices apart most cheaply. One transform
//! gives both. Knows nothing of speakers.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "bins and counts are small and positive"
)]
use std::{f64::consts::PI, sync::Arc};

use realfft::{ComplexToReal, RealFftPlanner, RealToComplex, num_complex::Complex32};

/// Coefficients of the sound: enough for the shape of a throat, too few for the pitch.
pub(super) const CEPSTRA: usize = 12;

const BLOCK_SECONDS: f64 = 0.064;
/// Mel bands from 100 Hz to 6 kHz.
const BANDS: usize = 20;
/// The pitch is looked for in the spectrum up to here, hertz: higher harmonics of a voice wander.
const PITCH_BAND_HZ: f64 = 2_000.0;
/// Length of the autocorrelation; at 15.6 Hz per bin its lags are sixteenths of a millisecond.
const LAGS: usize = 1_024;
/// Pitches of people who speak, hertz.
const PITCHES_HZ: (f64, f64) = (65.0, 400.0);

/// One block.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Print {
    pub(super) pitch_hz: f32,
    /// How periodic the block is, 0 to 1.
    pub(super) periodicity: f32,
    /// Mel cepstrum without its level.
    pub(super) sound: [f64; CEPSTRA],
}

/// Makes prints of blocks.
pub(super) struct VoicePrinter {
    bin_hz: f64,
    window: Vec<f32>,
    forward: Arc<dyn RealToComplex<f32>>,
    backward: Arc<dyn ComplexToReal<f32>>,
    block: Vec<f32>,
    spectrum: Vec<Complex32>,
    scratch: Vec<Complex32>,
    power: Vec<f32>,
    low: Vec<Complex32>,
    lags: Vec<f32>,
    lag_scratch: Vec<Complex32>,
    /// What the window takes off each lag of the autocorrelation.
    taper: Vec<f32>,
    /// First bin and weights of each band.
    bands: Vec<(usize, Vec<f32>)>,
}

impl VoicePrinter {
    pub(super) fn new(sample_rate: u32) -> Self {
        let size = ((f64::from(sample_rate) * BLOCK_SECONDS).round() as usize).next_multiple_of(2).max(64);
        let bin_hz = f64::from(sample_rate) / size as f64;
        let mut planner = RealFftPlanner::new();
        let (forward, backward) = (planner.plan_fft_forward(size), planner.plan_fft_inverse(LAGS));
        Self {
            bin_hz,
            window: hann(size),
            block: forward.make_input_vec(),
            spectrum: forward.make_output_vec(),
            scratch: forward.make_scratch_vec(),
            power: vec![0.0; size / 2 + 1],
            low: backward.make_input_vec(),
            lags: backward.make_output_vec(),
            lag_scratch: backward.make_scratch_vec(),
            taper: taper(),
            bands: bands(bin_hz, size / 2 + 1),
            forward,
            backward,
        }
    }

    /// Samples of one block.
    pub(super) fn block(&self) -> usize {
        self.window.len()
    }

    /// The print of one block of that length; `None` if it is silent.
    pub(super) fn print(&mut self, samples: &[f32]) -> Option<Print> {
        self.block.iter_mut().zip(samples.iter().zip(&self.window)).for_each(|(out, (s, w))| *out = s * w);
        self.forward.process_with_scratch(&mut self.block, &mut self.spectrum, &mut self.scratch).ok()?;
        self.power.iter_mut().zip(&self.spectrum).for_each(|(power, bin)| *power = bin.norm_sqr());
        let (pitch_hz, periodicity) = self.pitch()?;
        Some(Print { pitch_hz, periodicity, sound: self.sound() })
    }

    /// The pitch in hertz and how periodic the block is, by the autocorrelation of its low frequencies.
    fn pitch(&mut self) -> Option<(f32, f32)> {
        let (first, end) = ((PITCHES_HZ.0 / 1.4 / self.bin_hz) as usize, (PITCH_BAND_HZ / self.bin_hz) as usize);
        self.low.fill(Complex32::default());
        let band = self.low.iter_mut().zip(&self.power).take(end).skip(first);
        band.for_each(|(low, power)| *low = Complex32::new(*power, 0.0));
        self.backward.process_with_scratch(&mut self.low, &mut self.lags, &mut self.lag_scratch).ok()?;
        let whole = self.lags.first().copied().filter(|whole| *whole > 1e-12)?;
        self.lags.iter_mut().zip(&self.taper).for_each(|(lag, taper)| *lag /= whole * taper);
        let rate = self.bin_hz * LAGS as f64;
        let (shortest, longest) = ((rate / PITCHES_HZ.1) as usize, (rate / PITCHES_HZ.0) as usize);
        let (lag, periodicity) = self.peak(shortest, longest)?;
        // A period is as periodic when it is taken twice; the shortest is the pitch.
        let part = |times: usize| {
            let near = (lag + times / 2) / times;
            let found = self.peak(near.saturating_sub(2).max(shortest), near + 2)?;
            (near >= shortest && found.1 > 0.85 * periodicity).then_some(found.0)
        };
        let lag = [4, 3, 2].into_iter().find_map(part).unwrap_or(lag);
        Some(((rate / lag as f64) as f32, periodicity))
    }

    fn peak(&self, from: usize, to: usize) -> Option<(usize, f32)> {
        let lags = self.lags.iter().copied().enumerate().take(to + 1).skip(from);
        lags.max_by(|a, b| a.1.total_cmp(&b.1))
    }

    fn sound(&self) -> [f64; CEPSTRA] {
        let level = |(first, weights): &(usize, Vec<f32>)| {
            let bins = self.power.get(*first..).unwrap_or_default();
            f64::from(bins.iter().zip(weights).map(|(power, weight)| power * weight).sum::<f32>().max(1e-10)).ln()
        };
        let levels: Vec<f64> = self.bands.iter().map(level).collect();
        let turn = |at: usize, band: usize| (PI * (at + 1) as f64 * (band as f64 + 0.5) / BANDS as f64).cos();
        std::array::from_fn(|at| levels.iter().enumerate().map(|(band, level)| level * turn(at, band)).sum())
    }
}

fn hann(size: usize) -> Vec<f32> {
    let turn = std::f32::consts::TAU / size as f32;
    (0..size).map(|n| 0.5 - 0.5 * (turn * n as f32).cos()).collect()
}

/// The autocorrelation of the window itself, which a periodic signal's is multiplied by.
fn taper() -> Vec<f32> {
    let window = hann(LAGS);
    let at = |lag: usize| window.iter().zip(window.iter().skip(lag)).map(|(a, b)| a * b).sum::<f32>();
    let whole = at(0);
    (0..LAGS / 2).map(|lag| (at(lag) / whole).max(0.1)).collect()
}

/// Triangles of equal width in mel, each from the middle of the one before to the middle of the next.
fn bands(bin_hz: f64, bins: usize) -> Vec<(usize, Vec<f32>)> {
    let mel = |hertz: f64| 1_127.0 * (1.0 + hertz / 700.0).ln();
    let (low, high) = (mel(100.0), mel((0.96 * bin_hz * bins as f64).min(6_000.0)));
    let edge = |n: usize| 700.0 * (((low + (high - low) * n as f64 / (BANDS + 1) as f64) / 1_127.0).exp() - 1.0);
    let band = |n: usize| {
        let (left, middle, right) = (edge(n), edge(n + 1), edge(n + 2));
        let weight = |bin: usize| {
            let hertz = bin as f64 * bin_hz;
            ((hertz - left) / (middle - left)).min((right - hertz) / (right - middle)).max(0.0) as f32
        };
        let (first, end) = ((left / bin_hz) as usize, (right / bin_hz).ceil() as usize);
        (first, (first..=end).map(weight).collect())
    };
    (0..BANDS).map(band).collect()
}

impl std::fmt::Debug for VoicePrinter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VoicePrinter").field("bin_hz", &self.bin_hz).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preprocess::testing;

    #[test]
    fn a_pitch_is_read_at_every_rate() {
        for rate in [8_000, 16_000, 22_050, 44_100, 48_000, 96_000] {
            for pitch in [80.0, 110.0, 165.0, 220.0, 310.0] {
                let mut signal = vec![0.0; rate as usize / 4];
                for harmonic in 1..=8_u8 {
                    let hertz = pitch * f64::from(harmonic);
                    let tone = testing::tone(hertz, rate, 0.25, 0.3 / f32::from(harmonic));
                    signal.iter_mut().zip(tone).for_each(|(s, t)| *s += t);
                }
                let mut printer = VoicePrinter::new(rate);
                let print = printer.print(&signal[..printer.block()]).unwrap();
                let cents = 1_200.0 * (f64::from(print.pitch_hz) / pitch).log2();
                assert!(cents.abs() < 60.0 && print.periodicity > 0.8, "{pitch} Hz at {rate} Hz: {print:?}");
            }
        }
    }

    #[test]
    fn noise_has_no_pitch_and_silence_no_print() {
        let mut printer = VoicePrinter::new(16_000);
        let noise = testing::noise(16_000, 0.3);
        let periodic = noise.chunks_exact(printer.block()).filter(|b| printer.print(b).unwrap().periodicity > 0.55);
        assert!(periodic.count() <= 1);
        assert_eq!(printer.print(&vec![0.0; printer.block()]), None);
    }
}
