//! The vocoder: per-frame spectra and pitch in, 24 kHz samples out.
//!
//! A frame `k` of 12.5 ms is the spectrum
//! `exp(harmonic) e^(i harmonic_phase) STFT(pulses(f0)) + exp(noise) Z + exp(residual) e^(i residual_phase)`
//! (`Z` complex normal), and the waveform is the inverse STFT (1200 points, hop 300, periodic Hann) of all frames.
//! Source: `hibari/dsp.py` of hibari-tts 0.2.1. This module does not know where the frames come from.

#![expect(clippy::cast_precision_loss, reason = "sample and bin indices are far below 2^24")]

mod frames;
mod pulses;

use std::collections::VecDeque;
use std::f32::consts::TAU;
use std::sync::Arc;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use realfft::num_complex::Complex32;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};

pub use frames::VocoderFrames;

/// Samples per second of everything the vocoder makes.
pub const SAMPLE_RATE: u32 = 24_000;
/// Samples per frame: 12.5 ms.
pub const HOP: usize = 300;
/// Points of the Fourier transform.
pub const FFT_SIZE: usize = 1200;
/// Bins of a frame's spectrum, 20 Hz apart.
pub const BINS: usize = FFT_SIZE / 2 + 1;

/// Frames an analysis window spans.
const OVERLAP: usize = FFT_SIZE / HOP;
/// Largest log magnitude that is exponentiated, as in the source.
const LOG_CEILING: f32 = 7.0;

/// Renders [`VocoderFrames`] chunk by chunk: an iterator of mono `f32` samples.
///
/// Between two chunks nothing runs, so dropping the iterator stops the work. The same frames and seed give the same
/// samples, whatever the chunk size.
///
/// ```
/// use voiceclone_local::acoustic::AcousticModel;
/// use voiceclone_local::vocoder::{HOP, Vocoder};
///
/// let frames = AcousticModel::load()?.run(&[0, 50, 83, 54, 156, 31, 4, 0], 1.0)?;
/// let samples = frames.len() * HOP;
/// assert_eq!(Vocoder::new(frames, 7).flatten().count(), samples);
/// # Ok::<(), voiceclone_local::acoustic::AcousticError>(())
/// ```
pub struct Vocoder {
    frames: VocoderFrames,
    pulses: Vec<f32>,
    window: Vec<f32>,
    forward: Arc<dyn RealToComplex<f32>>,
    inverse: Arc<dyn ComplexToReal<f32>>,
    segment: Vec<f32>,
    spectrum: Vec<Complex32>,
    scratch: Vec<Complex32>,
    noise: StdRng,
    /// Overlap-added samples not yet final, as long as a window.
    pending: VecDeque<f32>,
    next_frame: usize,
    /// Samples handed out so far.
    emitted: usize,
    frames_per_chunk: usize,
}

impl std::fmt::Debug for Vocoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vocoder")
            .field("frames", &self.frames.len())
            .field("next_frame", &self.next_frame)
            .finish_non_exhaustive()
    }
}

impl Vocoder {
    /// A vocoder at the first of `frames`, with chunks of a quarter of a second.
    pub fn new(frames: VocoderFrames, seed: u64) -> Self {
        let mut planner = RealFftPlanner::new();
        let (forward, inverse) = (planner.plan_fft_forward(FFT_SIZE), planner.plan_fft_inverse(FFT_SIZE));
        let scratch = forward.get_scratch_len().max(inverse.get_scratch_len());
        Self {
            pulses: pulses::pulse_train(&frames.f0),
            frames,
            window: periodic_hann(),
            segment: forward.make_input_vec(),
            spectrum: forward.make_output_vec(),
            scratch: vec![Complex32::default(); scratch],
            forward,
            inverse,
            noise: StdRng::seed_from_u64(seed),
            pending: VecDeque::with_capacity(FFT_SIZE),
            next_frame: 0,
            emitted: 0,
            frames_per_chunk: 20,
        }
    }

    /// The same vocoder with chunks of `frames` frames (at least one) of 12.5 ms.
    #[must_use]
    pub fn with_chunk(mut self, frames: usize) -> Self {
        self.frames_per_chunk = frames.max(1);
        self
    }

    /// Samples the whole iterator yields.
    pub fn total_samples(&self) -> usize {
        self.frames.len() * HOP
    }

    /// Adds frame `k` to the pending samples.
    fn add_frame(&mut self, k: usize) {
        self.excite(k);
        shape(&mut self.spectrum, &self.frames, k, &mut self.noise);
        // The inverse transform needs purely real ends.
        for end in [0, BINS - 1] {
            if let Some(bin) = self.spectrum.get_mut(end) {
                bin.im = 0.0;
            }
        }
        // Lengths are the plan's own, so the transform cannot fail.
        let _ = self.inverse.process_with_scratch(&mut self.spectrum, &mut self.segment, &mut self.scratch);
        self.pending.resize(FFT_SIZE, 0.0);
        let scale = 1.0 / FFT_SIZE as f32;
        for ((sum, sample), window) in self.pending.iter_mut().zip(&self.segment).zip(&self.window) {
            *sum += sample * window * scale;
        }
    }

    /// Puts the spectrum of the pulses around frame `k` into `self.spectrum`; a unit cosine has magnitude 1.
    fn excite(&mut self, k: usize) {
        let start = (k * HOP).cast_signed() - (FFT_SIZE / 2).cast_signed();
        let scale = 4.0 / FFT_SIZE as f32;
        let mut silent = true;
        for ((offset, sample), window) in (0..).zip(&mut self.segment).zip(&self.window) {
            let pulse = mirrored(&self.pulses, start + offset);
            silent &= pulse == 0.0;
            *sample = pulse * window * scale;
        }
        if silent {
            self.spectrum.fill(Complex32::default());
        } else {
            let _ = self.forward.process_with_scratch(&mut self.segment, &mut self.spectrum, &mut self.scratch);
        }
    }

    /// Takes the oldest hop out of the pending samples, normalised by the windows that overlap there.
    fn take_hop(&mut self, hop: usize) -> impl Iterator<Item = f32> + '_ {
        let last = self.frames.len().saturating_sub(1);
        let frames = hop.saturating_sub(OVERLAP - 1)..=hop.min(last);
        let window = &self.window;
        self.pending.drain(..HOP.min(self.pending.len())).enumerate().map(move |(i, sum)| {
            let power: f32 = frames.clone().filter_map(|k| window.get((hop - k) * HOP + i)).map(|w| w * w).sum();
            sum / power.max(1e-11)
        })
    }
}

impl Iterator for Vocoder {
    type Item = Vec<f32>;

    fn next(&mut self) -> Option<Vec<f32>> {
        let (frames, total) = (self.frames.len(), self.total_samples());
        let mut chunk = Vec::with_capacity(self.frames_per_chunk * HOP);
        // The first two hops and what follows the last frame's centre lie outside the speech, as in a centred STFT.
        while self.emitted < total && chunk.len() < self.frames_per_chunk * HOP {
            let hop = self.next_frame;
            if hop < frames {
                self.add_frame(hop);
            }
            let finished: Vec<f32> = self.take_hop(hop).collect();
            self.next_frame += 1;
            if hop >= OVERLAP / 2 {
                self.emitted += finished.len();
                chunk.extend(finished);
            }
        }
        (!chunk.is_empty()).then_some(chunk)
    }
}

/// Turns the excitation's spectrum into that of frame `k`.
fn shape(spectrum: &mut [Complex32], frames: &VocoderFrames, k: usize, noise: &mut StdRng) {
    let magnitude = |log: f32| log.min(LOG_CEILING).exp();
    let harmonic = frames.harmonic(k).iter().zip(frames.harmonic_phase(k));
    let residual = frames.residual(k).iter().zip(frames.residual_phase(k));
    for (((bin, (h, theta)), (r, phi)), n) in spectrum.iter_mut().zip(harmonic).zip(residual).zip(frames.noise(k)) {
        if *bin != Complex32::default() {
            *bin *= Complex32::from_polar(magnitude(*h), *theta);
        }
        *bin += Complex32::from_polar(magnitude(*r), *phi) + complex_normal(noise) * magnitude(*n);
    }
}

/// A complex number whose parts are independent standard normals (Box and Muller 1958).
fn complex_normal(rng: &mut StdRng) -> Complex32 {
    let radius = (-2.0 * (1.0 - rng.random::<f32>()).ln()).sqrt();
    Complex32::from_polar(radius, TAU * rng.random::<f32>())
}

/// `signal[index]`, reflected once at either end without repeating the end sample; 0 farther out.
fn mirrored(signal: &[f32], index: isize) -> f32 {
    let index = index.unsigned_abs();
    let index = if index < signal.len() { Some(index) } else { (2 * signal.len()).checked_sub(index + 2) };
    index.and_then(|i| signal.get(i)).copied().unwrap_or(0.0)
}

fn periodic_hann() -> Vec<f32> {
    (0..FFT_SIZE).map(|i| 0.5 - 0.5 * (TAU * i as f32 / FFT_SIZE as f32).cos()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Frames made by formula, so that the reference program could be given the very same ones.
    fn formula_frames() -> VocoderFrames {
        let spectra = |value: fn(f32, f32) -> f32| -> Vec<f32> {
            (0..16).flat_map(|k| (0..BINS).map(move |b| value(b as f32, k as f32))).collect()
        };
        VocoderFrames {
            harmonic: spectra(|b, k| 1.0 + (0.02 * b + 0.3 * k).sin() - 0.005 * b),
            harmonic_phase: spectra(|b, k| std::f32::consts::PI * (0.5 * (0.01 * b - 0.2 * k).cos()).tanh()),
            noise: spectra(|_, _| -40.0),
            residual: spectra(|b, _| -1.0 + (0.03 * b).cos() - 0.004 * b),
            residual_phase: spectra(|b, k| 3.0 * (0.7 * b + k).sin()),
            f0: vec![0.0, 0.0, 0.0, 90.0, 120.0, 130.0, 140.0, 150.0, 160.0, 170.0, 180.0, 200.0, 220.0, 0.0, 0.0, 0.0],
        }
    }

    /// Oracle: `dsp.synth` of hibari-tts 0.2.1 (numpy, scipy) on the same frames with the noise at e^-40: every 300th
    /// sample from the 75th, and the root mean square.
    #[test]
    fn frames_sound_as_in_the_reference_program() {
        let expected = [
            -0.000_167_536,
            0.001_859_86,
            -0.000_604_941,
            0.001_601_48,
            0.019_316_7,
            -0.017_273_1,
            -0.034_474_8,
            -0.001_266_32,
            -0.009_603_52,
            -0.010_087_5,
            -0.003_843_22,
            0.000_485_459,
            -0.001_471_6,
            -0.004_091_5,
            -0.000_927_581,
            -0.000_681_251_f32,
        ];
        let samples: Vec<f32> = Vocoder::new(formula_frames(), 0).flatten().collect();
        for (found, expected) in samples.iter().skip(75).step_by(HOP).zip(expected) {
            assert!((found - expected).abs() < 2e-5, "{found} is not {expected}");
        }
        let rms = (samples.iter().map(|x| x * x).sum::<f32>() / samples.len() as f32).sqrt();
        assert!((rms - 0.026_650_4).abs() < 2e-5, "{rms}");
    }

    #[test]
    fn the_chunk_size_does_not_change_the_samples() {
        let mut frames = formula_frames();
        frames.noise.fill(0.0);
        let whole: Vec<f32> = Vocoder::new(frames.clone(), 3).with_chunk(1000).flatten().collect();
        assert_eq!(whole.len(), 16 * HOP);
        for chunk in [0, 1, 7] {
            let chunks: Vec<Vec<f32>> = Vocoder::new(frames.clone(), 3).with_chunk(chunk).collect();
            assert!(chunks.iter().all(|c| c.len() <= chunk.max(1) * HOP));
            assert_eq!(chunks.concat(), whole);
        }
    }

    #[test]
    fn the_seed_decides_the_noise() {
        let mut frames = formula_frames();
        frames.noise.fill(0.0);
        let speak = |seed| Vocoder::new(frames.clone(), seed).flatten().collect::<Vec<f32>>();
        assert_eq!(speak(1), speak(1));
        assert_ne!(speak(1), speak(2));
    }

    #[test]
    fn no_frames_give_no_samples_and_few_frames_few() {
        assert_eq!(Vocoder::new(VocoderFrames::default(), 0).count(), 0);
        let mut frames = formula_frames();
        frames.f0.truncate(1);
        assert_eq!(Vocoder::new(frames, 0).flatten().count(), HOP);
    }

    #[test]
    fn the_mirror_does_not_repeat_the_end() {
        let signal = [1.0, 2.0, 3.0];
        let seen: Vec<f32> = (-2..=6).map(|i| mirrored(&signal, i)).collect();
        assert_eq!(seen, [3.0, 2.0, 1.0, 2.0, 3.0, 2.0, 1.0, 0.0, 0.0]);
    }
}
