//! Keeps the true peak under a ceiling: looks ahead, turns down smoothly before a peak, recovers slowly after it.
//!
//! The gain that each sample needs is held for the look-ahead, released exponentially and smoothed by two moving averages
//! that together span the look-ahead, so that it has fully arrived when the peak does.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "times become small positive counts of samples; sums are f64, samples f32"
)]
use std::{collections::VecDeque, ops::Range};

use voiceclone_core::Result;

use super::{
    stage::Stage,
    true_peak::{CENTRE, WINDOW, bound, peak_of},
};

/// The limiter's parameters.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Limiter {
    /// How early it starts to turn down, seconds.
    pub(super) look_ahead: f64,
    /// Time constant of its recovery, seconds.
    pub(super) release: f64,
}

impl Default for Limiter {
    fn default() -> Self {
        Self { look_ahead: 0.0015, release: 0.05 }
    }
}

impl Stage for Limiter {
    const NAME: &'static str = "limiter/1";
}

/// Longer than any look-ahead at any accepted rate.
const BLOCK: usize = 1024;
/// So many samples are asked together whether any of them may be too loud: most are not.
const STRIDE: usize = 64;

impl Limiter {
    /// Amplifies samples at `sample_rate` hertz by `gain` (a factor) under `ceiling` (a true peak, a factor too).
    pub(super) fn start(&self, sample_rate: u32, gain: f32, ceiling: f32) -> Limiting {
        let half = ((self.look_ahead * f64::from(sample_rate) / 2.0) as usize).clamp(1, BLOCK / 2);
        Limiting {
            gain,
            limit: ceiling / gain,
            half,
            envelope: Envelope::new(half, (-1.0 / (self.release * f64::from(sample_rate))).exp()),
            held: vec![0.0; BLOCK],
            started: false,
            now: None,
            out: Vec::with_capacity(BLOCK),
        }
    }
}

/// A running limiter. It holds the block before the one that is next, that one, and what it looks ahead at.
#[derive(Debug)]
pub(super) struct Limiting {
    gain: f32,
    /// What the samples may reach before they are amplified.
    limit: f32,
    half: usize,
    envelope: Envelope,
    held: Vec<f32>,
    started: bool,
    /// The gains that the block which is next needs.
    now: Option<Vec<f32>>,
    out: Vec<f32>,
}

impl Limiting {
    /// Takes samples and hands on what is ready.
    pub(super) fn push(&mut self, samples: &[f32], mut sink: impl FnMut(&[f32]) -> Result<()>) -> Result<()> {
        self.held.extend_from_slice(samples);
        while self.held.len() >= 3 * BLOCK + WINDOW {
            self.block(BLOCK, &mut sink)?;
        }
        Ok(())
    }

    /// Hands on the rest: in all as many samples as were taken.
    pub(super) fn finish(mut self, mut sink: impl FnMut(&[f32]) -> Result<()>) -> Result<()> {
        while self.held.len() > BLOCK {
            self.block((self.held.len() - BLOCK).min(BLOCK), &mut sink)?;
        }
        Ok(())
    }

    fn block(&mut self, length: usize, sink: &mut impl FnMut(&[f32]) -> Result<()>) -> Result<()> {
        let need = Need { samples: &self.held, limit: self.limit };
        if !self.started {
            self.started = true;
            self.now = need.of_block(1);
            for n in 0..2 * self.half {
                self.envelope.step(needed(self.now.as_ref(), n));
            }
        }
        let (next, now) = (need.of_block(2), self.now.as_ref());
        let block = self.held.get(BLOCK..BLOCK + length).unwrap_or_default();
        let (gain, ahead, envelope) = (self.gain, 2 * self.half, &mut self.envelope);
        self.out.clear();
        if envelope.at_rest() && now.is_none() && next.is_none() {
            self.out.extend(block.iter().map(|s| s * gain));
        } else {
            let ahead = |n: usize| match (n + ahead).checked_sub(BLOCK) {
                Some(n) => needed(next.as_ref(), n),
                None => needed(now, n + ahead),
            };
            self.out.extend(block.iter().enumerate().map(|(n, s)| s * gain * envelope.step(ahead(n))));
        }
        self.now = next;
        self.held.drain(..length);
        sink(&self.out)
    }
}

fn needed(block: Option<&Vec<f32>>, at: usize) -> f32 {
    block.and_then(|block| block.get(at)).copied().unwrap_or(1.0)
}

/// The gain each sample needs, 1 where it is under the limit.
struct Need<'a> {
    samples: &'a [f32],
    limit: f32,
}

impl Need<'_> {
    /// Of one block that is not the first; `None` if every sample of it is under the limit.
    fn of_block(&self, index: usize) -> Option<Vec<f32>> {
        let (start, end) = (index * BLOCK, ((index + 1) * BLOCK).min(self.samples.len()));
        if start >= end || !self.may_exceed(start..end) {
            return None;
        }
        let mut gains = vec![1.0; end - start];
        for (stride, gains) in gains.chunks_mut(STRIDE).enumerate() {
            let first = start + stride * STRIDE;
            if self.may_exceed(first..first + gains.len()) {
                self.of_stride(first, gains);
            }
        }
        Some(gains)
    }

    fn of_stride(&self, first: usize, gains: &mut [f32]) {
        let mut before = self.peak_before(first);
        for (n, gain) in gains.iter_mut().enumerate() {
            let after = self.peak_before(first + n + 1);
            *gain = (self.limit / before.max(after)).min(1.0);
            before = after;
        }
    }

    /// Cheap, and mostly enough.
    fn may_exceed(&self, part: Range<usize>) -> bool {
        let around = part.start.saturating_sub(WINDOW)..(part.end + WINDOW).min(self.samples.len());
        bound(self.samples.get(around).unwrap_or_default()) > self.limit
    }

    /// The peak between sample `at − 1` and sample `at`. Beyond the ends there is silence.
    fn peak_before(&self, at: usize) -> f32 {
        let first = at.checked_sub(CENTRE + 1);
        let whole = first.and_then(|first| self.samples.get(first..)?.first_chunk::<WINDOW>());
        whole.map_or_else(|| peak_of(&self.padded_window(at)), peak_of)
    }

    fn padded_window(&self, at: usize) -> [f32; WINDOW] {
        std::array::from_fn(|n| {
            let place = (at + n).checked_sub(CENTRE + 1);
            place.and_then(|place| self.samples.get(place)).copied().unwrap_or(0.0)
        })
    }
}

/// From the gain needed at the end of the look-ahead to the gain to apply now.
#[derive(Debug)]
struct Envelope {
    hold: Hold,
    release: f64,
    level: f64,
    smooth: [Average; 2],
    /// Steps since anything was turned down.
    idle: usize,
    span: usize,
}

impl Envelope {
    fn new(half: usize, release: f64) -> Self {
        let smooth = [Average::new(half), Average::new(half)];
        Self { hold: Hold::new(2 * half + 1), release, level: 1.0, smooth, idle: 0, span: 2 * half }
    }

    fn step(&mut self, needed: f32) -> f32 {
        if needed >= 1.0 && self.at_rest() {
            return 1.0;
        }
        let held = f64::from(self.hold.step(needed));
        let recovered = 1.0 - (1.0 - self.level) * self.release;
        self.level = held.min(if recovered > 0.9999 { 1.0 } else { recovered });
        self.idle = if self.level < 1.0 { 0 } else { self.idle + 1 };
        let [first, second] = &mut self.smooth;
        second.step(first.step(self.level)) as f32
    }

    fn at_rest(&self) -> bool {
        self.idle > self.span && self.hold.is_empty()
    }
}

/// The least of the last `span` values, none of which is above 1.
#[derive(Debug)]
struct Hold {
    span: usize,
    now: usize,
    /// Ascending values below 1 with the time they came.
    least: VecDeque<(usize, f32)>,
}

impl Hold {
    fn new(span: usize) -> Self {
        Self { span, now: 0, least: VecDeque::new() }
    }

    fn step(&mut self, value: f32) -> f32 {
        if self.least.front().is_some_and(|(at, _)| at + self.span <= self.now) {
            self.least.pop_front();
        }
        if value < 1.0 {
            while self.least.back().is_some_and(|(_, last)| *last >= value) {
                self.least.pop_back();
            }
            self.least.push_back((self.now, value));
        }
        self.now += 1;
        self.least.front().map_or(1.0, |(_, least)| *least)
    }

    fn is_empty(&self) -> bool {
        self.least.is_empty()
    }
}

/// A moving average that starts as if everything before had been 1.
#[derive(Debug)]
struct Average {
    values: Vec<f64>,
    oldest: usize,
    sum: f64,
}

impl Average {
    fn new(span: usize) -> Self {
        Self { values: vec![1.0; span], oldest: 0, sum: span as f64 }
    }

    fn step(&mut self, value: f64) -> f64 {
        let span = self.values.len();
        if let Some(oldest) = self.values.get_mut(self.oldest) {
            self.sum += value - std::mem::replace(oldest, value);
        }
        self.oldest = if self.oldest + 1 == span { 0 } else { self.oldest + 1 };
        self.sum / span as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preprocess::testing;

    const CEILING: f32 = 0.891_250_9; // −1 dBTP

    fn keep(out: &mut Vec<f32>) -> impl FnMut(&[f32]) -> Result<()> {
        |ready| {
            out.extend_from_slice(ready);
            Ok(())
        }
    }

    fn limited(samples: &[f32], rate: u32, gain: f32) -> Vec<f32> {
        let mut out = Vec::new();
        let mut limiting = Limiter::default().start(rate, gain, CEILING);
        // Blocks of a prime length, so that every alignment to the limiter's own blocks occurs.
        for block in samples.chunks(1_009) {
            limiting.push(block, keep(&mut out)).unwrap();
        }
        limiting.finish(keep(&mut out)).unwrap();
        assert_eq!(out.len(), samples.len());
        out
    }

    #[test]
    fn what_stays_under_the_ceiling_is_only_amplified() {
        let quiet: Vec<f32> = testing::noise(30_000, 0.1);
        let out = limited(&quiet, 48_000, 2.0);
        assert!(out.iter().zip(&quiet).all(|(out, quiet)| (out - quiet * 2.0).abs() < 1e-9));
    }

    #[test]
    fn hostile_signals_stay_under_the_ceiling() {
        for (name, signal) in testing::hostile() {
            for rate in [16_000, 48_000] {
                for gain in [1.0, 2.0, 8.0] {
                    let peak = testing::true_peak_by_ebur128(&limited(&signal, rate, gain));
                    assert!(peak <= -1.0 + 0.3, "{name} at {rate} Hz, gain {gain}: {peak} dBTP");
                }
            }
        }
    }

    #[test]
    fn one_click_is_turned_down_around_itself_only() {
        let mut signal = vec![0.1; 48_000];
        signal[24_000] = 1.0;
        let out = limited(&signal, 48_000, 2.0);
        let changed = |n: usize| (out[n] - 2.0 * signal[n]).abs() > 1e-4;
        assert!(!(0..23_900).any(changed), "before the look-ahead");
        assert!((23_950..24_050).any(changed));
        assert!(!(48_000 - 1_000..48_000).any(changed), "after the recovery");
    }

    #[test]
    fn a_signal_that_starts_at_full_scale_is_limited_from_its_first_sample() {
        let out = limited(&[1.0; 2_000], 48_000, 4.0);
        assert!(out.iter().all(|s| *s <= 0.9), "{:?}", out.iter().copied().fold(0.0, f32::max));
    }
}
