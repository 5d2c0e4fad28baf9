//! Loudness (ITU-R BS.1770), loudness range (EBU Tech 3342) and true peak of one channel that arrives in blocks.
//!
//! One channel is measured as one channel, as ffmpeg does: 3 LU below the same signal on two.
use ebur128::{EbuR128, Mode};
use voiceclone_core::{Error, Result};

use super::true_peak::TruePeakMeter;

/// What was measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Loud {
    /// Integrated loudness, LUFS; −∞ where nothing passes the absolute gate of −70 LUFS.
    pub(super) loudness: f64,
    /// Loudness range, LU; `None` if it was not asked for, or of less than the 3 s that it looks at.
    pub(super) range: Option<f64>,
    /// True peak, dBTP; −∞ for silence.
    pub(super) true_peak: f64,
}

/// Loudness and true peak of a signal that arrives in blocks.
pub(super) struct Meter {
    loudness: EbuR128,
    peak: TruePeakMeter,
    samples: u64,
}

impl Meter {
    /// Without the loudness range, which costs half as much again.
    pub(super) fn new(rate: u32) -> Result<Self> {
        Self::of_mode(rate, Mode::I)
    }

    /// With the loudness range.
    pub(super) fn with_range(rate: u32) -> Result<Self> {
        Self::of_mode(rate, Mode::I | Mode::LRA)
    }

    fn of_mode(rate: u32, mode: Mode) -> Result<Self> {
        let loudness = EbuR128::new(1, rate, mode).map_err(failed)?;
        Ok(Self { loudness, peak: TruePeakMeter::new(), samples: 0 })
    }

    /// Of a signal that is in memory.
    #[cfg(test)]
    pub(super) fn of(samples: &[f32], rate: u32) -> Loud {
        let mut meter = Self::with_range(rate).unwrap();
        samples.chunks(1 << 14).for_each(|block| meter.push(block).unwrap());
        meter.finish().unwrap()
    }

    pub(super) fn push(&mut self, samples: &[f32]) -> Result<()> {
        self.peak.push(samples);
        self.samples += samples.len() as u64;
        self.loudness.add_frames_f32(samples).map_err(failed)
    }

    pub(super) fn finish(self) -> Result<Loud> {
        let loudness = self.loudness.loudness_global().map_err(failed)?;
        let ranged = self.loudness.mode().contains(Mode::LRA) && loudness.is_finite();
        let long_enough = self.samples >= 3 * u64::from(self.loudness.rate());
        let range = (ranged && long_enough).then(|| self.loudness.loudness_range().map_err(failed)).transpose()?;
        Ok(Loud { loudness, range, true_peak: self.peak.finish() })
    }
}

fn failed(error: ebur128::Error) -> Error {
    Error::unexpected("the loudness could not be measured").with_source(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preprocess::testing;

    /// Tones of these levels (dBFS peak) and lengths (seconds), one after the other.
    fn tones(layout: &[(f32, f32)], hertz: f64, rate: u32) -> Vec<f32> {
        let tone = |(dbfs, seconds): &(f32, f32)| testing::tone(hertz, rate, *seconds, 10_f32.powf(dbfs / 20.0));
        layout.iter().flat_map(tone).collect()
    }

    fn measure(samples: &[f32], rate: u32) -> Loud {
        let mut meter = Meter::with_range(rate).unwrap();
        samples.chunks(4_096).for_each(|block| meter.push(block).unwrap());
        meter.finish().unwrap()
    }

    /// One channel of a signal that Tech 3341 puts on two reads this much less.
    const MONO: f64 = 3.010_3;

    /// EBU Tech 3341 (version 4, 2023), table 1, cases 1 to 5, which allow ±0.1 LU. Case 6 is case 1 on five channels.
    const TECH_3341: [(&[(f32, f32)], f64); 5] = [
        (&[(-23.0, 20.0)], -23.0),
        (&[(-33.0, 20.0)], -33.0),
        (&[(-36.0, 10.0), (-23.0, 60.0), (-36.0, 10.0)], -23.0),
        (&[(-72.0, 10.0), (-36.0, 10.0), (-23.0, 60.0), (-36.0, 10.0), (-72.0, 10.0)], -23.0),
        (&[(-26.0, 20.0), (-20.0, 20.1), (-26.0, 20.0)], -23.0),
    ];

    #[test]
    fn tones_of_tech_3341_read_within_a_tenth() {
        for (layout, expected) in TECH_3341 {
            let read = measure(&tones(layout, 1_000.0, 48_000), 48_000).loudness + MONO;
            assert!((read - expected).abs() <= 0.1, "{layout:?}: {read}");
        }
    }

    /// BS.1770 names the tone of 997 Hz at full scale: −3.01 LKFS on one channel, at whatever rate.
    #[test]
    fn the_tone_of_bs_1770_reads_the_same_at_every_rate() {
        for rate in [8_000, 16_000, 22_050, 24_000, 44_100, 48_000, 96_000] {
            let read = measure(&tones(&[(-20.0, 10.0)], 997.0, rate), rate).loudness;
            assert!((read + 23.01).abs() <= 0.1, "{rate} Hz: {read}");
        }
    }

    /// EBU Tech 3342 (2023), table 1, cases 1 to 4, which allow ±1 LU.
    #[test]
    fn tones_of_tech_3342_read_within_one_unit_of_range() {
        let cases: [(&[(f32, f32)], f64); 4] = [
            (&[(-20.0, 20.0), (-30.0, 20.0)], 10.0),
            (&[(-20.0, 20.0), (-15.0, 20.0)], 5.0),
            (&[(-40.0, 20.0), (-20.0, 20.0)], 20.0),
            (&[(-50.0, 20.0), (-35.0, 20.0), (-20.0, 20.0), (-35.0, 20.0), (-50.0, 20.0)], 15.0),
        ];
        for (layout, expected) in cases {
            // On one channel everything is 3.01 LU lower, which the absolute gate of the quietest tone still lets through.
            let range = measure(&tones(layout, 1_000.0, 48_000), 48_000).range.unwrap();
            assert!((range - expected).abs() <= 1.0, "{layout:?}: {range}");
        }
    }

    #[test]
    fn what_has_no_loudness_or_is_short_has_no_range() {
        for samples in [vec![], vec![0.0; 480_000], testing::tone(997.0, 48_000, 2.9, 0.1)] {
            assert_eq!(measure(&samples, 48_000).range, None);
        }
        let steady = measure(&testing::tone(997.0, 48_000, 10.0, 0.1), 48_000);
        assert!(steady.range.unwrap().abs() < 0.1, "{steady:?}");
    }
}
