//! Removes what lies below any voice: rumble, handling noise and the hum's fundamental. Knows nothing of speech.
#![expect(clippy::cast_possible_truncation, reason = "the state is f64, samples are f32")]
use biquad::{Biquad as _, Coefficients, DirectForm2Transposed, Hertz, Type};
use voiceclone_core::{Error, Result};

use super::stage::Stage;

/// Quality factors of the two second-order sections that make a fourth-order Butterworth filter: 1 / (2 cos(π/8)) and
/// 1 / (2 cos(3π/8)), the angles of its poles (S. Butterworth, "On the Theory of Filter Amplifiers", 1930).
const QUALITIES: [f64; 2] = [0.541_196_100_146_197, 1.306_562_964_876_376_6];

/// The filter's parameter.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct HighPass {
    /// −3 dB point in hertz. The lowest men's voices have their fundamental at about 80 Hz.
    pub(super) cutoff_hz: f64,
}

impl Default for HighPass {
    fn default() -> Self {
        Self { cutoff_hz: 70.0 }
    }
}

impl Stage for HighPass {
    const NAME: &'static str = "highpass/1 butterworth-4";
}

impl HighPass {
    /// The filter at `sample_rate` hertz. The sections are those of R. Bristow-Johnson's "Cookbook formulae for audio
    /// equalizer biquad filter coefficients".
    ///
    /// # Errors
    /// `Unexpected` if the cutoff is not between nothing and half the rate.
    pub(super) fn start(&self, sample_rate: u32) -> Result<HighPassFilter> {
        let [first, second] = QUALITIES.map(|quality| {
            let rate = Hertz::<f64>::from_hz(sample_rate)?;
            let cutoff = Hertz::<f64>::from_hz(self.cutoff_hz)?;
            Coefficients::<f64>::from_params(Type::HighPass, rate, cutoff, quality).map(DirectForm2Transposed::new)
        });
        first
            .and_then(|first| Ok(HighPassFilter { sections: [first, second?] }))
            .map_err(|e| Error::unexpected(format!("a high-pass of {} Hz at {sample_rate} Hz: {e:?}", self.cutoff_hz)))
    }
}

/// The running filter.
#[derive(Debug, Clone)]
pub(super) struct HighPassFilter {
    sections: [DirectForm2Transposed<f64>; 2],
}

impl HighPassFilter {
    /// Filters a block in place.
    pub(super) fn apply(&mut self, block: &mut [f32]) {
        let [first, second] = &mut self.sections;
        for sample in block {
            *sample = second.run(first.run(f64::from(*sample))) as f32;
        }
    }
}

#[cfg(test)]
#[expect(clippy::cast_precision_loss, clippy::cast_sign_loss, reason = "test signals")]
mod tests {
    use std::f64::consts::{PI, TAU};

    use super::*;

    const RATES: [u32; 9] = [4_000, 8_000, 16_000, 22_050, 44_100, 48_000, 96_000, 192_000, 384_000];

    /// Level of a filtered tone in dB over the unfiltered one, once the filter has settled.
    fn gain_db(hertz: f64, rate: u32) -> f64 {
        let n = rate as usize;
        let wave = |i: usize| (TAU * hertz * i as f64 / f64::from(rate)).sin();
        let mut samples: Vec<f32> = (0..n + n / 2).map(|i| wave(i) as f32).collect();
        let mut filter = HighPass::default().start(rate).unwrap();
        samples.chunks_mut(997).for_each(|block| filter.apply(block));
        // One second holds whole periods of whole hertz.
        let power = samples[n / 2..].iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / n as f64;
        10.0 * (power / 0.5).log10()
    }

    /// |H|² = 1 / (1 + (Ωc/Ω)⁸) of the analogue filter, with the frequencies warped as the bilinear transform does.
    fn butterworth_db(hertz: f64, rate: u32) -> f64 {
        let warped = |hertz: f64| (PI * hertz / f64::from(rate)).tan();
        -10.0 * (1.0 + (warped(70.0) / warped(hertz)).powi(8)).log10()
    }

    #[test]
    fn the_response_is_that_of_a_fourth_order_butterworth_filter() {
        for rate in RATES {
            for hertz in [35.0, 50.0, 70.0, 100.0, 200.0, 1_000.0] {
                let (got, expected) = (gain_db(hertz, rate), butterworth_db(hertz, rate));
                assert!((got - expected).abs() < 0.01, "{hertz} Hz at {rate} Hz: {got} instead of {expected} dB");
            }
            assert!((gain_db(70.0, rate) + 3.0103).abs() < 0.01);
        }
        assert!((gain_db(35.0, 48_000) + 24.1).abs() < 0.05);
    }

    #[test]
    fn an_impulse_dies_away_at_every_rate() {
        for rate in RATES {
            let mut samples = vec![0.0; rate as usize];
            samples[0] = 1.0;
            HighPass::default().start(rate).unwrap().apply(&mut samples);
            assert!(samples.iter().all(|s| s.is_finite() && s.abs() <= 1.0), "{rate} Hz");
            let tail = &samples[rate as usize / 4..];
            assert!(tail.iter().all(|s| s.abs() < 1e-9), "{rate} Hz");
        }
    }

    #[test]
    fn a_cutoff_that_the_rate_cannot_hold_is_an_error() {
        assert!(HighPass { cutoff_hz: 3_000.0 }.start(4_000).is_err());
        assert!(HighPass { cutoff_hz: 0.0 }.start(4_000).is_err());
        assert!(HighPass { cutoff_hz: f64::NAN }.start(4_000).is_err());
    }
}
