//! The peak between the samples: 4x oversampling as in annex 2 of ITU-R BS.1770-5.
//!
//! The interpolator is the 48-tap Hann-windowed sinc of libebur128, so that both read the same peak.
#![expect(clippy::cast_possible_truncation, reason = "coefficients are computed as f64 and kept as f32")]
#![expect(clippy::cast_precision_loss, reason = "indices below 48")]
use std::{f64::consts::PI, sync::LazyLock};

/// Samples that one interpolated value depends on.
pub(super) const WINDOW: usize = 12;
/// The interpolated values of a window lie between its samples of this index and the next.
pub(super) const CENTRE: usize = 5;
const PHASES: usize = 4;

static COEFFICIENTS: LazyLock<[[f32; WINDOW]; PHASES]> = LazyLock::new(|| {
    let taps = (WINDOW * PHASES) as f64;
    std::array::from_fn(|phase| {
        std::array::from_fn(|at| {
            let tap = ((WINDOW - 1 - at) * PHASES + phase) as f64;
            let hann = 0.5 * (1.0 - (2.0 * PI * tap / taps).cos());
            let x = (tap - taps / 2.0) * PI / PHASES as f64;
            (if x == 0.0 { hann } else { hann * x.sin() / x }) as f32
        })
    })
});

/// An interpolated value is at most this many times the largest sample of its window.
static OVERSHOOT: LazyLock<f32> =
    LazyLock::new(|| COEFFICIENTS.iter().map(|phase| phase.iter().map(|c| c.abs()).sum()).fold(1.0, f32::max));

/// The largest magnitude from sample [`CENTRE`] of the window up to the next.
pub(super) fn peak_of(window: &[f32; WINDOW]) -> f32 {
    let value = |phase: &[f32; WINDOW]| phase.iter().zip(window).map(|(c, s)| c * s).sum::<f32>().abs();
    COEFFICIENTS.iter().map(value).fold(0.0, f32::max)
}

/// A bound on every interpolated value of `samples`: cheap, and mostly enough.
pub(super) fn bound(samples: &[f32]) -> f32 {
    // In lanes, because a maximum over one sample after the other cannot be vectorised.
    let (groups, rest) = samples.as_chunks::<8>();
    let mut lanes = [0.0_f32; 8];
    for group in groups {
        lanes.iter_mut().zip(group).for_each(|(lane, sample)| *lane = lane.max(sample.abs()));
    }
    lanes.iter().chain(rest).fold(0.0_f32, |peak, sample| peak.max(sample.abs())) * *OVERSHOOT
}

/// The true peak of a signal that arrives in blocks.
#[derive(Debug, Clone)]
pub(super) struct TruePeakMeter {
    /// The last samples of the block before, for windows across the border.
    carry: Vec<f32>,
    peak: f32,
}

const STRIDE: usize = 64;

impl TruePeakMeter {
    pub(super) fn new() -> Self {
        Self { carry: vec![0.0; WINDOW - 1], peak: 0.0 }
    }

    pub(super) fn push(&mut self, samples: &[f32]) {
        self.carry.extend_from_slice(samples);
        let windows = self.carry.len().saturating_sub(WINDOW - 1);
        for start in (0..windows).step_by(STRIDE) {
            let end = (start + STRIDE + WINDOW - 1).min(self.carry.len());
            let stretch = self.carry.get(start..end).unwrap_or_default();
            // Most stretches cannot hold a new peak, and finding that out costs a twentieth of interpolating.
            if bound(stretch) > self.peak {
                self.peak = stretch.array_windows().map(peak_of).fold(self.peak, f32::max);
            }
        }
        self.carry.drain(..windows);
    }

    /// The peak in dBTP; −∞ for silence.
    pub(super) fn finish(mut self) -> f64 {
        self.push(&[0.0; WINDOW - 1]);
        20.0 * f64::from(self.peak).log10()
    }
}

#[cfg(test)]
mod tests {
    use std::f32::consts::PI;

    use super::*;

    fn measured(samples: &[f32]) -> f64 {
        let mut meter = TruePeakMeter::new();
        samples.chunks(97).for_each(|block| meter.push(block));
        meter.finish()
    }

    fn by_ebur128(samples: &[f32]) -> f64 {
        let mut meter = ebur128::EbuR128::new(1, 48_000, ebur128::Mode::TRUE_PEAK).unwrap();
        meter.add_frames_f32(samples).unwrap();
        meter.add_frames_f32(&[0.0; 48]).unwrap();
        20.0 * meter.true_peak(0).unwrap().log10()
    }

    /// EBU Tech 3341 (version 4, 2023), table 1, cases 15 to 19: tones at a fraction of the rate, between whose samples the peak
    /// lies, faded in and out, since a sudden start overshoots. The document allows +0.2 and −0.4 dB; so do all cases here.
    #[test]
    fn tones_of_tech_3341_read_their_peak_between_samples() {
        let cases = [(4.0, 0.0, -6.0), (4.0, 45.0, -6.0), (6.0, 60.0, -6.0), (8.0, 67.5, -6.0), (4.0, 45.0, 3.0)];
        for rate in [16_000_u16, 24_000, 48_000] {
            for (divisor, phase, expected) in cases {
                let (last, amplitude) = (rate - 1, 10_f32.powf(expected / 20.0));
                let sine = |n: u16| (2.0 * PI * (f32::from(n) % (2.0 * divisor)) / divisor + phase * PI / 180.0).sin();
                let fade = |n: u16| (f32::from(n.min(last - n)) / (f32::from(rate) / 10.0)).min(1.0);
                let signal: Vec<f32> = (0..rate).map(|n| amplitude * sine(n) * fade(n)).collect();
                let over = measured(&signal) - f64::from(expected);
                assert!((-0.4..=0.2).contains(&over), "fs/{divisor} at {phase}: {over} dB off");
            }
        }
    }

    /// After cases 20 to 23: one short peak at 0, ¼, ½ and ¾ of a sample. Here it is a band-limited pulse, a sinc of half the
    /// band under a wide Hann window, whose top is known exactly.
    #[test]
    fn a_pulse_between_samples_reads_its_height() {
        for offset in [0.0_f32, 0.25, 0.5, 0.75] {
            let pulse = |n: u16| {
                let t = f32::from(n) - 200.0 - offset;
                let sinc = if t == 0.0 { 1.0 } else { (PI * t / 2.0).sin() / (PI * t / 2.0) };
                0.5 * sinc * (0.5 + 0.5 * (PI * t / 190.0).cos()) * f32::from(u8::from(t.abs() < 190.0))
            };
            let signal: Vec<f32> = (0..400).map(pulse).collect();
            let over = measured(&signal) + 6.02;
            assert!((-0.4..=0.2).contains(&over), "at {offset} of a sample: {over} dB off");
        }
    }

    #[test]
    fn it_reads_what_libebur128_reads() {
        let mut state = 1_u32;
        let noise: Vec<f32> = (0..20_000)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                state as f32 / u32::MAX as f32 - 0.5
            })
            .collect();
        let square: Vec<f32> = (0..20_000).map(|n| if n % 22 < 11 { 0.9 } else { -0.9 }).collect();
        for signal in [&noise, &square] {
            assert!((measured(signal) - by_ebur128(signal)).abs() < 0.01);
        }
    }

    #[test]
    fn silence_has_no_peak() {
        assert!(measured(&[0.0; 1_000]).is_infinite());
        assert!(measured(&[]).is_infinite());
    }
}
