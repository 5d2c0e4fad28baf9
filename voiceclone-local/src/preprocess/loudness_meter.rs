//! Loudness (ITU-R BS.1770) and true peak of one channel that arrives in blocks.
//!
//! One channel is measured as one channel, as ffmpeg does: 3 LU below the same signal on two.
use ebur128::{EbuR128, Mode};
use voiceclone_core::{Error, Result};

use super::{cancel::Cancel, true_peak::TruePeakMeter};

/// What was measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Loud {
    /// Integrated loudness, LUFS; −∞ where nothing passes the absolute gate of −70 LUFS.
    pub(super) loudness: f64,
    /// True peak, dBTP; −∞ for silence.
    pub(super) true_peak: f64,
}

/// Loudness and true peak of a signal that arrives in blocks.
pub(super) struct Meter {
    loudness: EbuR128,
    peak: TruePeakMeter,
}

impl Meter {
    pub(super) fn new(rate: u32) -> Result<Self> {
        Ok(Self { loudness: EbuR128::new(1, rate, Mode::I).map_err(failed)?, peak: TruePeakMeter::new() })
    }

    pub(super) fn of(samples: &[f32], rate: u32, cancel: &Cancel) -> Result<Loud> {
        let mut meter = Self::new(rate)?;
        for block in samples.chunks(1 << 14) {
            cancel.check()?;
            meter.push(block)?;
        }
        meter.finish()
    }

    pub(super) fn push(&mut self, samples: &[f32]) -> Result<()> {
        self.peak.push(samples);
        self.loudness.add_frames_f32(samples).map_err(failed)
    }

    pub(super) fn finish(self) -> Result<Loud> {
        Ok(Loud { loudness: self.loudness.loudness_global().map_err(failed)?, true_peak: self.peak.finish() })
    }
}

fn failed(error: ebur128::Error) -> Error {
    Error::unexpected("the loudness could not be measured").with_source(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preprocess::testing;

    fn measure(samples: &[f32], rate: u32) -> Loud {
        Meter::of(samples, rate, &Cancel::default()).unwrap()
    }

    /// EBU Tech 3341 (2023), table 1. The cases are on two channels; one channel of the same level reads 3.01 LU less.
    #[test]
    fn tones_of_tech_3341_read_within_a_tenth() {
        type Case<'a> = (&'a [(f32, f32)], f64);
        let cases: [Case<'_>; 5] = [
            (&[(-23.0, 20.0)], -23.0),
            (&[(-33.0, 20.0)], -33.0),
            (&[(-36.0, 10.0), (-23.0, 60.0), (-36.0, 10.0)], -23.0),
            (&[(-72.0, 10.0), (-36.0, 10.0), (-23.0, 60.0), (-36.0, 10.0), (-72.0, 10.0)], -23.0),
            (&[(-26.0, 20.0), (-20.0, 20.1), (-26.0, 20.0)], -23.0),
        ];
        for (layout, expected) in cases {
            let mut signal = Vec::new();
            for (dbfs, seconds) in layout {
                signal.extend(testing::tone(997.0, 48_000, *seconds, 10_f32.powf(dbfs / 20.0)));
            }
            let read = measure(&signal, 48_000).loudness + 3.01;
            assert!((read - expected).abs() <= 0.1, "{layout:?}: {read}");
        }
    }
}
