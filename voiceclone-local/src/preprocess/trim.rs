//! Which part of a recording becomes the clip: all the speech without the silence around it, or, where only so much is of
//! use, the stretch with the most speech, cut at pauses.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "times are small, positive and become counts of samples"
)]
use std::ops::Range;

use super::{speech::Speech, stage::Stage, vad::FRAME_SECONDS};

/// What is left around the speech.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Trim {
    /// Kept before the first speech, seconds: the detector hears a soft onset late.
    pub(super) lead: f64,
    /// Kept after the last speech, seconds: words fade, and rooms ring.
    pub(super) tail: f64,
    /// Length of the fade at an end that was cut, seconds.
    pub(super) fade: f64,
}

impl Default for Trim {
    fn default() -> Self {
        Self { lead: 0.15, tail: 0.3, fade: 0.005 }
    }
}

impl Stage for Trim {
    const NAME: &'static str = "trim/1";
}

impl Trim {
    /// The part to keep, in seconds from the start; nothing without speech.
    pub(super) fn window(&self, speech: &Speech, seconds: f64, at_most: Option<f64>) -> Range<f64> {
        let stretches: Vec<Range<f64>> = speech
            .stretches
            .iter()
            .map(|s| s.start as f64 * FRAME_SECONDS..(s.end as f64 * FRAME_SECONDS).min(seconds))
            .collect();
        let (Some(first), Some(last)) = (stretches.first(), stretches.last()) else { return 0.0..0.0 };
        let whole = self.padded(first.start..last.end, seconds);
        match at_most {
            Some(limit) if whole.end - whole.start > limit => self.best(&stretches, seconds, limit),
            _ => whole,
        }
    }

    fn padded(&self, speech: Range<f64>, seconds: f64) -> Range<f64> {
        (speech.start - self.lead).max(0.0)..(speech.end + self.tail).min(seconds)
    }

    /// The run of whole stretches with the most speech among those that fit; the earliest of equals.
    fn best(&self, stretches: &[Range<f64>], seconds: f64, limit: f64) -> Range<f64> {
        let mut best = (0.0, self.cut_stretch(stretches, seconds, limit));
        for (n, first) in stretches.iter().enumerate() {
            let mut spoken = 0.0;
            for stretch in stretches.iter().skip(n) {
                let window = self.padded(first.start..stretch.end, seconds);
                if window.end - window.start > limit {
                    break;
                }
                spoken += stretch.end - stretch.start;
                if spoken > best.0 {
                    best = (spoken, window);
                }
            }
        }
        // Somebody who hardly pauses is better cut in a word than represented by a scrap.
        if best.0 < limit / 2.0 { self.cut_stretch(stretches, seconds, limit) } else { best.1 }
    }

    /// The first `limit` seconds of the longest stretch and what follows it.
    fn cut_stretch(&self, stretches: &[Range<f64>], seconds: f64, limit: f64) -> Range<f64> {
        let length = |s: &Range<f64>| s.end - s.start;
        let longest = stretches.iter().rev().max_by(|a, b| length(a).total_cmp(&length(b)));
        let start = longest.map_or(0.0, |s| (s.start - self.lead).max(0.0));
        start..(start + limit).min(seconds)
    }

    /// Cuts `samples` down to `window` in place and fades the ends that were cut.
    pub(super) fn cut(&self, samples: &mut Vec<f32>, rate: u32, window: &Range<f64>) {
        let place = |seconds: f64| ((seconds * f64::from(rate)).round() as usize).min(samples.len());
        let (start, end, whole) = (place(window.start), place(window.end), samples.len());
        samples.truncate(end);
        samples.drain(..start.min(end));
        let fade = ((self.fade * f64::from(rate)) as usize).min(samples.len() / 2);
        let slope = |n: usize| (n as f32 + 0.5) / fade as f32;
        if start > 0 {
            samples.iter_mut().take(fade).enumerate().for_each(|(n, s)| *s *= slope(n));
        }
        if end < whole {
            samples.iter_mut().rev().take(fade).enumerate().for_each(|(n, s)| *s *= slope(n));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Stretches given in seconds.
    fn window(stretches: &[Range<f64>], seconds: f64, at_most: Option<f64>) -> Range<f64> {
        let frame = |t: f64| (t / FRAME_SECONDS).round() as usize;
        let stretches = stretches.iter().map(|s| frame(s.start)..frame(s.end)).collect();
        let speech = Speech { stretches, frames: frame(seconds), power: 0.1, noise: 0.0 };
        Trim::default().window(&speech, seconds, at_most)
    }

    fn close(a: &Range<f64>, b: &Range<f64>) -> bool {
        (a.start - b.start).abs() < 0.02 && (a.end - b.end).abs() < 0.02
    }

    #[test]
    fn silence_around_the_speech_goes_except_the_padding() {
        assert!(close(&window(&[2.0..4.0, 6.0..8.0], 12.0, None), &(1.85..8.3)));
        assert!(close(&window(&[0.05..9.9], 10.0, None), &(0.0..10.0)), "there is no padding beyond the recording");
        assert_eq!(window(&[], 10.0, None), 0.0..0.0);
    }

    #[test]
    fn too_much_is_cut_at_the_pauses_around_the_most_speech() {
        let talk = [1.0..3.0, 10.0..14.0, 14.5..18.0, 30.0..32.0];
        assert!(close(&window(&talk, 40.0, Some(10.0)), &(9.85..18.3)));
        assert!(close(&window(&talk, 40.0, Some(5.0)), &(9.85..14.3)));
    }

    #[test]
    fn speech_without_a_pause_is_cut_at_the_limit() {
        let cut = window(&[1.0..60.0], 61.0, Some(10.0));
        assert!(close(&cut, &(0.85..10.85)), "{cut:?}");
        let mostly = window(&[1.0..2.0, 3.0..60.0], 61.0, Some(10.0));
        assert!(close(&mostly, &(2.85..12.85)), "{mostly:?}");
    }

    #[test]
    fn only_ends_that_were_cut_are_faded() {
        let mut samples = vec![1.0; 1_000];
        Trim::default().cut(&mut samples, 1_000, &(0.0..0.5));
        assert_eq!((samples.len(), samples[0]), (500, 1.0));
        assert!(samples[499] < 0.2 && samples[490] == 1.0);
        Trim::default().cut(&mut samples, 1_000, &(0.25..9.0));
        assert_eq!(samples.len(), 250);
        assert!(samples[0] < 0.2);
    }
}
