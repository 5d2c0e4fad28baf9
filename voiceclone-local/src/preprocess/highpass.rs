//! Removes what lies below any voice: rumble, handling noise and the hum's fundamental. Knows nothing of speech.
#![expect(clippy::cast_possible_truncation, reason = "the state is f64, samples are f32")]
use std::f64::consts::PI;

use biquad::{Biquad as _, Coefficients, DirectForm2Transposed, Errors, Hertz, Type};
use voiceclone_core::{Error, Result};

use super::stage::Stage;

/// The filter's parameters.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct HighPass {
    /// −3 dB point in hertz. The lowest men's voices have their fundamental at about 80 Hz.
    pub(super) cutoff_hz: f64,
    /// Order of the Butterworth filter, even: 6 dB per octave each. A higher one delays the lowest harmonics more.
    pub(super) order: u16,
}

impl Default for HighPass {
    fn default() -> Self {
        Self { cutoff_hz: 70.0, order: 2 }
    }
}

impl Stage for HighPass {
    const NAME: &'static str = "highpass/1 butterworth";
}

impl HighPass {
    /// The filter at `sample_rate` hertz, a row of second-order sections by R. Bristow-Johnson's "Cookbook formulae for audio
    /// equalizer biquad filter coefficients".
    ///
    /// # Errors
    /// `Unexpected` if the order is odd or nothing, or the cutoff is not between nothing and half the rate.
    pub(super) fn start(&self, sample_rate: u32) -> Result<HighPassFilter> {
        let refuse = |why: String| Error::unexpected(format!("{self:?} at {sample_rate} Hz: {why}"));
        if self.order == 0 || !self.order.is_multiple_of(2) {
            return Err(refuse("the order is not an even number".to_owned()));
        }
        let sections =
            (0..self.order / 2).map(|at| self.section(at, sample_rate)).collect::<std::result::Result<_, _>>();
        sections.map(|sections| HighPassFilter { sections }).map_err(|e| refuse(format!("{e:?}")))
    }

    /// The section of one pair of poles. A Butterworth filter's poles are evenly spread on a half circle, and the quality of
    /// a pair is 1 / (2 cos φ) of its angle to the axis (S. Butterworth, "On the Theory of Filter Amplifiers", 1930).
    fn section(&self, at: u16, sample_rate: u32) -> std::result::Result<DirectForm2Transposed<f64>, Errors> {
        let angle = PI * f64::from(2 * at + 1) / f64::from(2 * self.order);
        let (rate, cutoff) = (Hertz::<f64>::from_hz(sample_rate)?, Hertz::<f64>::from_hz(self.cutoff_hz)?);
        Coefficients::from_params(Type::HighPass, rate, cutoff, 0.5 / angle.cos()).map(DirectForm2Transposed::new)
    }
}

/// The running filter.
#[derive(Debug, Clone)]
pub(super) struct HighPassFilter {
    sections: Vec<DirectForm2Transposed<f64>>,
}

impl HighPassFilter {
    /// Filters a block in place.
    pub(super) fn apply(&mut self, block: &mut [f32]) {
        for sample in block {
            let filtered = self.sections.iter_mut().fold(f64::from(*sample), |value, section| section.run(value));
            *sample = filtered as f32;
        }
    }
}

#[cfg(test)]
#[expect(clippy::cast_precision_loss, reason = "test signals")]
mod tests {
    use std::f64::consts::TAU;

    use super::*;

    const RATES: [u32; 9] = [4_000, 8_000, 16_000, 22_050, 44_100, 48_000, 96_000, 192_000, 384_000];

    /// Level of a filtered tone in dB over the unfiltered one, once the filter has settled.
    fn gain_db(filter: &HighPass, hertz: f64, rate: u32) -> f64 {
        let n = rate as usize;
        let wave = |i: usize| (TAU * hertz * i as f64 / f64::from(rate)).sin();
        let mut samples: Vec<f32> = (0..n + n / 2).map(|i| wave(i) as f32).collect();
        let mut filter = filter.start(rate).unwrap();
        samples.chunks_mut(997).for_each(|block| filter.apply(block));
        // One second holds whole periods of whole hertz.
        let power = samples[n / 2..].iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / n as f64;
        10.0 * (power / 0.5).log10()
    }

    /// |H|² = 1 / (1 + (Ωc/Ω)²ⁿ) of the analogue filter, with the frequencies warped as the bilinear transform does.
    fn butterworth_db(filter: &HighPass, hertz: f64, rate: u32) -> f64 {
        let warped = |hertz: f64| (PI * hertz / f64::from(rate)).tan();
        -10.0 * (1.0 + (warped(filter.cutoff_hz) / warped(hertz)).powi(2 * i32::from(filter.order))).log10()
    }

    #[test]
    fn the_response_is_that_of_a_butterworth_filter() {
        for (rate, order) in RATES.into_iter().flat_map(|rate| [(rate, 2), (rate, 4)]) {
            let filter = HighPass { order, ..HighPass::default() };
            for hertz in [35.0, 50.0, 70.0, 100.0, 1_000.0] {
                let (got, expected) = (gain_db(&filter, hertz, rate), butterworth_db(&filter, hertz, rate));
                assert!((got - expected).abs() < 0.01, "{hertz} Hz at {rate} Hz: {got} instead of {expected} dB");
            }
            assert!((gain_db(&filter, 70.0, rate) + 3.0103).abs() < 0.01);
        }
        assert!((gain_db(&HighPass::default(), 35.0, 48_000) + 12.3).abs() < 0.05);
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
    fn a_filter_that_cannot_be_is_an_error() {
        for cutoff_hz in [3_000.0, 0.0, -70.0, f64::NAN] {
            assert!(HighPass { cutoff_hz, order: 4 }.start(4_000).is_err(), "{cutoff_hz} Hz");
        }
        for order in [0, 1, 3] {
            assert!(HighPass { cutoff_hz: 70.0, order }.start(4_000).is_err(), "order {order}");
        }
    }
}
