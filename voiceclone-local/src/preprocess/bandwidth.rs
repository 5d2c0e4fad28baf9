//! How high the voice goes: the long-term spectrum of speech frames against that of the pauses.
//!
//! A telephone or a low bit rate cuts the voice off at a frequency that no later step can bring back.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "bins and counts are small and positive"
)]
use std::sync::Arc;

use realfft::{RealFftPlanner, RealToComplex, num_complex::Complex32};

use super::stage::Stage;

/// How the upper edge is found.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct BandwidthRule {
    /// Bands are this wide, hertz.
    pub(super) band_hz: f64,
    /// A band this far below the strongest one holds no voice, dB.
    pub(super) below_peak_db: f64,
    /// A band must be this far above the same band of the pauses, dB.
    pub(super) above_pause_db: f64,
    /// Fewer speech blocks say nothing.
    pub(super) min_blocks: u32,
}

impl Default for BandwidthRule {
    fn default() -> Self {
        Self { band_hz: 125.0, below_peak_db: -70.0, above_pause_db: 2.0, min_blocks: 16 }
    }
}

impl Stage for BandwidthRule {
    const NAME: &'static str = "bandwidth/1";
}

impl BandwidthRule {
    /// A meter for samples at `sample_rate` hertz.
    pub(super) fn start(&self, sample_rate: u32) -> BandwidthMeter {
        let size = (sample_rate as usize / 24).next_power_of_two();
        let fft = RealFftPlanner::new().plan_fft_forward(size);
        let turn = std::f32::consts::TAU / size as f32;
        BandwidthMeter {
            rule: self.clone(),
            sample_rate,
            window: (0..size).map(|n| 0.5 - 0.5 * (turn * n as f32).cos()).collect(),
            pending: Vec::with_capacity(size),
            block: fft.make_input_vec(),
            spectrum: fft.make_output_vec(),
            scratch: fft.make_scratch_vec(),
            speech: Average::new(size / 2 + 1),
            pause: Average::new(size / 2 + 1),
            fft,
        }
    }
}

/// The running meter.
pub(super) struct BandwidthMeter {
    rule: BandwidthRule,
    sample_rate: u32,
    fft: Arc<dyn RealToComplex<f32>>,
    window: Vec<f32>,
    pending: Vec<f32>,
    block: Vec<f32>,
    spectrum: Vec<Complex32>,
    scratch: Vec<Complex32>,
    speech: Average,
    pause: Average,
}

struct Average {
    power: Vec<f64>,
    blocks: u32,
}

impl Average {
    fn new(bins: usize) -> Self {
        Self { power: vec![0.0; bins], blocks: 0 }
    }

    fn add(&mut self, spectrum: &[Complex32]) {
        self.power.iter_mut().zip(spectrum).for_each(|(power, bin)| *power += f64::from(bin.norm_sqr()));
        self.blocks += 1;
    }

    fn bands(&self, width: usize) -> Vec<f64> {
        let blocks = f64::from(self.blocks.max(1));
        self.power.chunks_exact(width).map(|band| band.iter().sum::<f64>() / blocks).collect()
    }
}

impl BandwidthMeter {
    /// Adds samples; `speech` says what is heard at their end.
    pub(super) fn push(&mut self, samples: &[f32], speech: bool) {
        self.pending.extend_from_slice(samples);
        let size = self.window.len();
        let mut done = 0;
        while let Some(block) = self.pending.get(done..done + size) {
            self.block.iter_mut().zip(block.iter().zip(&self.window)).for_each(|(out, (s, w))| *out = s * w);
            done += size;
            // Only wrong lengths can fail, and these come from the transform itself.
            if self.fft.process_with_scratch(&mut self.block, &mut self.spectrum, &mut self.scratch).is_ok() {
                if speech { &mut self.speech } else { &mut self.pause }.add(&self.spectrum);
            }
        }
        self.pending.drain(..done);
    }

    /// The upper edge of the voice in hertz, or `None` for too little speech.
    pub(super) fn finish(self) -> Option<f64> {
        if self.speech.blocks < self.rule.min_blocks {
            return None;
        }
        let bin_hz = f64::from(self.sample_rate) / self.window.len() as f64;
        let width = (self.rule.band_hz / bin_hz).ceil().max(1.0);
        let (speech, pause) = (self.speech.bands(width as usize), self.pause.bands(width as usize));
        let floor = speech.iter().copied().fold(0.0, f64::max) * ratio(self.rule.below_peak_db);
        let heard = |(band, pause): (&f64, &f64)| *band > floor && *band > pause * ratio(self.rule.above_pause_db);
        let top = speech.iter().zip(&pause).rposition(heard)?;
        Some(((top + 1) as f64 * width * bin_hz).min(f64::from(self.sample_rate) / 2.0))
    }
}

fn ratio(db: f64) -> f64 {
    10_f64.powf(db / 10.0)
}

impl std::fmt::Debug for BandwidthMeter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BandwidthMeter").field("rule", &self.rule).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preprocess::{resample::resampled, testing};

    fn edge(speech: &[f32], pause: &[f32], rate: u32) -> Option<f64> {
        let mut meter = BandwidthRule::default().start(rate);
        speech.chunks(1_000).for_each(|block| meter.push(block, true));
        pause.chunks(1_000).for_each(|block| meter.push(block, false));
        meter.finish()
    }

    #[test]
    fn a_cut_is_found_where_it_is() {
        let (speech, rate) = testing::speech();
        for (through, expected) in [(8_000, 4_000.0), (11_025, 5_512.0)] {
            let narrow = resampled(&resampled(&speech, rate, through), through, 48_000);
            let found = edge(&narrow, &[], 48_000).unwrap();
            assert!((found - expected).abs() < 400.0, "{found} for {expected}");
        }
        let whole = edge(&speech, &[], rate).unwrap();
        assert!(whole > 7_000.0, "{whole}");
    }

    #[test]
    fn noise_is_not_taken_for_voice() {
        let (speech, rate) = testing::speech();
        let narrow = resampled(&resampled(&speech, rate, 8_000), 8_000, 48_000);
        let hiss = testing::noise(narrow.len(), 0.003);
        let noisy: Vec<f32> = narrow.iter().zip(&hiss).map(|(s, n)| s + n).collect();
        let found = edge(&noisy, &testing::noise(96_000, 0.003), 48_000).unwrap();
        assert!(found < 4_500.0, "{found}");
    }

    #[test]
    fn too_little_speech_says_nothing() {
        assert_eq!(edge(&[0.1; 1_000], &testing::noise(48_000, 0.1), 48_000), None);
    }
}
