//! Brings a clip to a loudness (ITU-R BS.1770) under a true-peak ceiling. The limiter takes loudness away, so the gain is
//! found by trying: amplify, limit, measure, correct.
#![expect(clippy::cast_possible_truncation, reason = "gains are computed as f64 and applied as f32")]
use voiceclone_core::Result;

use super::{
    limiter::Limiter,
    loudness_meter::{Loud, Meter},
    stage::Stage,
    tape::Tape,
};
use crate::blocking::Cancel;

/// How the gain is found.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Levelling {
    /// Most trials.
    pub(super) rounds: u8,
    /// A correction that needs no further trial, LU.
    pub(super) tolerance_lu: f64,
    /// Most amplification, dB: a recording that needs more is mostly noise.
    pub(super) max_gain_db: f64,
    /// Most that the gain is raised to make up for the limiter, dB: more would flatten the voice.
    pub(super) max_makeup_db: f64,
    /// The ceiling is this much lower inside, dB: room for 16-bit rounding and for other meters.
    pub(super) margin_db: f64,
    pub(super) limiter: Limiter,
}

impl Default for Levelling {
    fn default() -> Self {
        Self {
            rounds: 5,
            tolerance_lu: 0.3,
            max_gain_db: 60.0,
            max_makeup_db: 6.0,
            margin_db: 0.05,
            limiter: Limiter::default(),
        }
    }
}

impl Stage for Levelling {
    const NAME: &'static str = "level/1 ebur128-0.1";
}

/// A gain and a ceiling, dB, that were tried.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Level {
    gain_db: f64,
    ceiling_db: f64,
}

impl Levelling {
    /// The gain and ceiling that bring a clip, in which `before` was measured, to `target_lufs` with a true peak of at most
    /// `peak_dbtp`.
    pub(super) fn settle(
        &self,
        clip: &mut Tape,
        rate: u32,
        before: Loud,
        (target_lufs, peak_dbtp): (f64, f64),
        cancel: &Cancel,
    ) -> Result<Level> {
        let first = (target_lufs - before.loudness).clamp(-self.max_gain_db, self.max_gain_db);
        // Nothing is ever loud enough to be measured: there is nothing to bring anywhere.
        let first = if before.loudness.is_finite() { first } else { 0.0 };
        let peak_dbtp = peak_dbtp - self.margin_db;
        let mut level = Level { gain_db: first, ceiling_db: peak_dbtp };
        if before.true_peak + first <= peak_dbtp {
            return Ok(level);
        }
        for _ in 0..self.rounds {
            let after = self.measure(clip, rate, level, cancel)?;
            let (missing, over) = (target_lufs - after.loudness, after.true_peak - peak_dbtp);
            let gain_db = (level.gain_db + missing).min(first + self.max_makeup_db);
            if !missing.is_finite() {
                break;
            }
            let as_loud_as_it_gets = (gain_db - level.gain_db).abs() < 0.01;
            level = Level { gain_db, ceiling_db: level.ceiling_db - over.max(0.0) };
            // Of a small correction the limiter takes little, so the next trial would only confirm it.
            if over <= 0.0 && (missing.abs() <= self.tolerance_lu || as_loud_as_it_gets) {
                break;
            }
        }
        Ok(level)
    }

    /// The clip at `level`, in blocks.
    pub(super) fn render(
        &self,
        clip: &mut Tape,
        rate: u32,
        level: Level,
        cancel: &Cancel,
        mut sink: impl FnMut(&[f32]) -> Result<()>,
    ) -> Result<()> {
        let mut limiting = self.limiter.start(rate, factor(level.gain_db), factor(level.ceiling_db));
        clip.read(|block| {
            cancel.check()?;
            limiting.push(block, &mut sink)
        })?;
        limiting.finish(sink)
    }

    fn measure(&self, clip: &mut Tape, rate: u32, level: Level, cancel: &Cancel) -> Result<Loud> {
        let mut meter = Meter::new(rate)?;
        self.render(clip, rate, level, cancel, |block| meter.push(block))?;
        meter.finish()
    }
}

fn factor(db: f64) -> f32 {
    10_f64.powf(db / 20.0) as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preprocess::testing;

    fn measure(samples: &[f32], rate: u32) -> Loud {
        Meter::of(samples, rate)
    }

    fn levelled(samples: &[f32], rate: u32, target: (f64, f64)) -> Vec<f32> {
        let (levelling, cancel, mut tape) = (Levelling::default(), Cancel::default(), Tape::new());
        tape.write(samples).unwrap();
        let level = levelling.settle(&mut tape, rate, measure(samples, rate), target, &cancel).unwrap();
        let mut out = Vec::new();
        let mut keep = |block: &[f32]| {
            out.extend_from_slice(block);
            Ok(())
        };
        levelling.render(&mut tape, rate, level, &cancel, &mut keep).unwrap();
        out
    }

    #[test]
    fn speech_lands_on_the_target_under_the_ceiling() {
        let (speech, rate) = testing::speech();
        for target in [(-20.0, -1.0), (-23.0, -1.0), (-16.0, -1.0), (-16.0, -3.0)] {
            let out = measure(&levelled(&speech, rate, target), rate);
            assert!((out.loudness - target.0).abs() <= 0.3, "{target:?}: {out:?}");
            assert!(out.true_peak <= target.1, "{target:?}: {out:?}");
        }
    }

    #[test]
    fn hostile_signals_never_pass_the_ceiling_by_another_meter() {
        for (name, signal) in testing::hostile() {
            for target in [-30.0, -16.0, -6.0] {
                let peak = testing::true_peak_by_ebur128(&levelled(&signal, 48_000, (target, -1.0)));
                assert!(peak <= -0.9, "{name} to {target} LUFS: {peak} dBTP");
            }
        }
    }

    #[test]
    fn silence_stays_silence() {
        assert!(levelled(&testing::noise(48_000, 0.0), 48_000, (-20.0, -1.0)).iter().all(|s| s.abs() < 1e-12));
        assert!(levelled(&[], 48_000, (-20.0, -1.0)).is_empty());
    }
}
