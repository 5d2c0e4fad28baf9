//! Takes parts out of a signal that arrives in blocks and joins them without a click. Does not know why these parts.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "times are small, positive and become counts of samples"
)]
use std::{f32::consts::FRAC_PI_2, ops::Range};

use super::stage::Stage;

/// How parts are joined.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Splicing {
    /// Length of the cross-fade between two parts, seconds. Both sides are background noise, so their powers add up.
    pub(super) cross: f64,
    /// Length of the fade at an end that was cut, seconds.
    pub(super) fade: f64,
}

impl Default for Splicing {
    fn default() -> Self {
        Self { cross: 0.02, fade: 0.005 }
    }
}

impl Stage for Splicing {
    const NAME: &'static str = "splice/1";
}

impl Splicing {
    /// For a signal of `total` samples at `rate` hertz; `parts` are ascending and disjoint, in seconds.
    pub(super) fn start(&self, parts: &[Range<f64>], rate: u32, total: u64) -> Splicer {
        let place = |seconds: f64| ((seconds * f64::from(rate)).round().max(0.0) as u64).min(total);
        let parts: Vec<Range<u64>> = parts.iter().map(|part| place(part.start)..place(part.end)).collect();
        let shortest = parts.iter().map(|part| part.end - part.start).min().unwrap_or(0) as usize;
        let samples = |seconds: f64| ((seconds * f64::from(rate)) as usize).min(shortest / 2);
        let (cross, fade) = (samples(self.cross), samples(self.fade));
        let cut_at_end = parts.last().is_some_and(|last| last.end < total);
        let (at, next) = (0, 0);
        Splicer { parts, cross, fade, cut_at_end, at, next, held: Vec::new() }
    }
}

/// A running splice. It holds back the end of a part until it knows what follows.
#[derive(Debug)]
pub(super) struct Splicer {
    parts: Vec<Range<u64>>,
    cross: usize,
    fade: usize,
    cut_at_end: bool,
    /// The sample that comes next.
    at: u64,
    /// The part that it lies in or before.
    next: usize,
    held: Vec<f32>,
}

impl Splicer {
    /// Takes samples and appends what is kept of them to `sink`.
    pub(super) fn push(&mut self, samples: &[f32], sink: &mut Vec<f32>) {
        let end = self.at + samples.len() as u64;
        while let Some(part) = self.parts.get(self.next).cloned() {
            let (from, to) = (part.start.max(self.at), part.end.min(end));
            if from < to {
                let place = |at: u64| (at - self.at) as usize;
                let piece = samples.get(place(from)..place(to)).unwrap_or_default();
                self.keep(piece, (from - part.start) as usize, part.start > 0, sink);
            }
            if part.end > end {
                break;
            }
            self.next += 1;
        }
        self.at = end;
    }

    /// Appends what was held back.
    pub(super) fn finish(mut self, sink: &mut Vec<f32>) {
        if self.cut_at_end {
            let slope = |n: usize| (n as f32 + 0.5) / self.fade as f32;
            self.held.iter_mut().rev().take(self.fade).enumerate().for_each(|(n, s)| *s *= slope(n));
        }
        sink.append(&mut self.held);
    }

    /// One piece of a part, `offset` samples after the part's start.
    fn keep(&mut self, piece: &[f32], offset: usize, cut_at_start: bool, sink: &mut Vec<f32>) {
        let hold = self.cross.max(self.fade);
        let joined = self.next > 0;
        for (n, sample) in piece.iter().enumerate() {
            let n = n + offset;
            if joined && n < self.cross {
                // The last samples of the part before wait at the end of what is held.
                let turn = (n as f32 + 0.5) / self.cross as f32 * FRAC_PI_2;
                let place = self.held.len() - self.cross + n;
                if let Some(last) = self.held.get_mut(place) {
                    *last = *last * turn.cos() + sample * turn.sin();
                }
                continue;
            }
            let rising = !joined && cut_at_start && n < self.fade;
            self.held.push(if rising { sample * ((n as f32 + 0.5) / self.fade as f32) } else { *sample });
        }
        let ready = self.held.len().saturating_sub(hold);
        // While the cross-fade is under way, the held samples are still its own.
        if offset + piece.len() >= self.cross || !joined {
            sink.extend(self.held.drain(..ready));
        }
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "what is not faded is copied")]
mod tests {
    use super::*;

    const RATE: u32 = 1_000;

    fn spliced(signal: &[f32], parts: &[Range<f64>], block: usize) -> Vec<f32> {
        let mut splicer = Splicing { cross: 0.02, fade: 0.005 }.start(parts, RATE, signal.len() as u64);
        let mut out = Vec::new();
        signal.chunks(block).for_each(|block| splicer.push(block, &mut out));
        splicer.finish(&mut out);
        out
    }

    #[test]
    fn the_whole_passes_as_it_is() {
        let signal: Vec<f32> = (0..1_000_u16).map(f32::from).collect();
        assert_eq!(spliced(&signal, &[0.0..1.0], 7), signal);
    }

    #[test]
    fn only_ends_that_were_cut_are_faded() {
        let out = spliced(&[1.0; 1_000], &[0.0..0.5], 64);
        assert!(out.len() == 500 && out[0] == 1.0 && out[494] == 1.0 && out[499] < 0.2);
        let out = spliced(&[1.0; 1_000], &[0.25..1.0], 64);
        assert!(out.len() == 750 && out[0] < 0.2 && out[5] == 1.0 && out[749] == 1.0);
    }

    #[test]
    fn parts_are_joined_by_a_cross_fade_of_equal_power_whatever_the_blocks() {
        let signal: Vec<f32> = (0..1_000).map(|n| if n < 500 { 0.3 } else { 0.7 }).collect();
        let parts = [0.0..0.2, 0.3..0.4, 0.6..1.0];
        let out = spliced(&signal, &parts, 1_000);
        assert_eq!(out.len(), 200 + 100 + 400 - 2 * 20);
        assert!(out[..180].iter().all(|s| *s == 0.3) && out[280..].iter().all(|s| *s == 0.7));
        // Half-way both sides count by the root of a half.
        let middle = f32::midpoint(out[269], out[270]);
        assert!((middle - (0.3 + 0.7) * 0.5_f32.sqrt()).abs() < 0.02, "{middle}");
        for block in [1, 3, 19, 20, 21, 150] {
            assert_eq!(spliced(&signal, &parts, block), out, "{block}");
        }
    }

    #[test]
    fn nothing_kept_is_nothing() {
        assert!(spliced(&[1.0; 100], &[], 10).is_empty());
        assert!(spliced(&[], &[0.0..1.0], 10).is_empty());
    }
}
