//! Removes a constant offset and slow drift: a first-order high-pass, far below any voice.
#![expect(clippy::cast_possible_truncation, reason = "the state is f64, samples are f32")]
#![expect(clippy::cast_precision_loss, reason = "counts of samples are far below 2^52")]
use std::f64::consts::TAU;

use super::stage::Stage;

/// The filter's parameter.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct DcRemoval {
    /// −3 dB point in hertz.
    pub(super) cutoff_hz: f64,
}

impl Default for DcRemoval {
    fn default() -> Self {
        Self { cutoff_hz: 5.0 }
    }
}

impl Stage for DcRemoval {
    const NAME: &'static str = "dc/1";
}

impl DcRemoval {
    /// The filter at `sample_rate` hertz.
    pub(super) fn start(&self, sample_rate: u32) -> DcBlocker {
        let step = 1.0 - (-TAU * self.cutoff_hz / f64::from(sample_rate)).exp();
        DcBlocker { step, level: None, sum: 0.0, count: 0 }
    }
}

/// The running filter. It also knows the mean of what went in.
#[derive(Debug, Clone)]
pub(super) struct DcBlocker {
    step: f64,
    level: Option<f64>,
    sum: f64,
    count: u64,
}

impl DcBlocker {
    /// Filters a block in place. The first block's mean is the first guess, so that an offset makes no thump at the start.
    pub(super) fn apply(&mut self, block: &mut [f32]) {
        let sum = block.iter().map(|s| f64::from(*s)).sum::<f64>();
        self.sum += sum;
        self.count += block.len() as u64;
        let mut level = self.level.unwrap_or(sum / block.len().max(1) as f64);
        for sample in block.iter_mut() {
            level += self.step * (f64::from(*sample) - level);
            *sample = (f64::from(*sample) - level) as f32;
        }
        if !block.is_empty() {
            self.level = Some(level);
        }
    }

    /// Mean of everything that went in.
    pub(super) fn offset(&self) -> f64 {
        self.sum / self.count.max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filtered(signal: impl Fn(f32) -> f32) -> (Vec<f32>, f64) {
        let mut samples: Vec<f32> = (0..48_000_u16).map(|n| signal(f32::from(n) / 48_000.0)).collect();
        let mut blocker = DcRemoval::default().start(48_000);
        samples.chunks_mut(1_000).for_each(|block| blocker.apply(block));
        (samples, blocker.offset())
    }

    #[test]
    fn an_offset_goes_from_the_first_sample_on_and_is_reported() {
        let (out, offset) = filtered(|_| 0.25);
        assert!((offset - 0.25).abs() < 1e-6);
        assert!(out.iter().all(|s| s.abs() < 1e-6));
    }

    #[test]
    fn a_low_voice_passes_unchanged_in_level() {
        let (out, _) = filtered(|t| 0.1 + 0.5 * (t * 80.0 * std::f32::consts::TAU).sin());
        let rms = (out.iter().skip(24_000).map(|s| s * s).sum::<f32>() / 24_000.0).sqrt();
        let expected = 0.5 / 2_f32.sqrt() * (1.0 / (1.0 + (5.0_f32 / 80.0).powi(2))).sqrt();
        assert!((20.0 * (rms / expected).log10()).abs() < 0.02, "{rms} {expected}");
    }
}
