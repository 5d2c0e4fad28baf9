//! Frames to stretches of speech, and what the stretches say of level and noise. Knows nothing of the detector.
#![expect(clippy::cast_precision_loss, reason = "counts of frames are far below 2^52")]
use std::ops::Range;

use super::{
    stage::Stage,
    vad::{FRAME_SECONDS, Frame},
};

/// How frames become stretches.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct SpeechRule {
    /// Score from which a frame is speech, 0 to 1.
    pub(super) threshold: f32,
    /// Score down to which frames next to speech belong to it, 0 to 1: voices are trusted late and given up early.
    pub(super) faint: f32,
    /// Stretches with fewer frames of speech are clicks, or notes of an instrument.
    pub(super) min_frames: usize,
    /// Shorter gaps are inside a word, frames.
    pub(super) max_gap: usize,
    /// Frames next to a stretch that are this much above the noise belong to it, dB: consonants without voice do not score.
    pub(super) above_noise_db: f64,
    /// At most this many frames are taken in for being above the noise; what is louder for longer is no consonant.
    pub(super) reach: usize,
    /// Frames this near to speech are not counted as pause: they hold its reverberation.
    pub(super) guard: usize,
}

impl Default for SpeechRule {
    fn default() -> Self {
        Self { threshold: 0.5, faint: 0.2, min_frames: 10, max_gap: 12, above_noise_db: 6.0, reach: 8, guard: 10 }
    }
}

impl Stage for SpeechRule {
    const NAME: &'static str = "speech/2";
}

/// Powers below this are digital silence: −120 dBFS.
const SILENCE: f64 = 1e-12;
/// Less than this many pause frames (0.2 s) say nothing of the noise; the quietest frames are asked instead.
const ENOUGH_PAUSE: usize = 13;

/// Stretches of speech in frames, ascending and disjoint, with the levels.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Speech {
    pub(super) stretches: Vec<Range<usize>>,
    /// Frames in all.
    pub(super) frames: usize,
    /// Mean square of the frames in which somebody surely speaks.
    pub(super) power: f64,
    /// Mean square of pauses.
    pub(super) noise: f64,
}

impl SpeechRule {
    /// The stretches of speech among `frames`.
    pub(super) fn apply(&self, frames: &[Frame]) -> Speech {
        let scored = self.scored(frames);
        let noise = self.noise(frames, &scored);
        let power = mean(scored.iter().flat_map(|s| self.spoken(frames, s)).map(|f| f64::from(f.power)));
        let stretches = self.joined(scored.iter().map(|stretch| self.widened(frames, stretch, noise)));
        Speech { stretches, frames: frames.len(), power: power.unwrap_or(0.0), noise }
    }

    /// The stretches that the scores alone make.
    fn scored(&self, frames: &[Frame]) -> Vec<Range<usize>> {
        let faint = |at: usize| frames.get(at).is_some_and(|f| f.voice >= self.faint);
        let heard = frames.iter().enumerate().filter(|(_, f)| f.voice >= self.threshold).map(|(at, _)| at);
        let mut runs: Vec<Range<usize>> = Vec::new();
        for at in heard {
            if runs.last().is_some_and(|last| at < last.end) {
                continue;
            }
            let first = runs.last().map_or(0, |last| last.end);
            let start = (first..at).rev().take_while(|at| faint(*at)).last().unwrap_or(at);
            let end = (at..frames.len()).take_while(|at| faint(*at)).last().unwrap_or(at) + 1;
            runs.push(start..end);
        }
        let mut joined = self.joined(runs);
        joined.retain(|stretch| self.spoken(frames, stretch).count() >= self.min_frames);
        joined
    }

    /// Stretches in ascending order without the gaps that are too short.
    fn joined(&self, stretches: impl IntoIterator<Item = Range<usize>>) -> Vec<Range<usize>> {
        let mut joined: Vec<Range<usize>> = Vec::new();
        for stretch in stretches {
            match joined.last_mut() {
                Some(last) if stretch.start <= last.end + self.max_gap => last.end = last.end.max(stretch.end),
                _ => joined.push(stretch),
            }
        }
        joined
    }

    /// A stretch with the consonants at its ends.
    fn widened(&self, frames: &[Frame], stretch: &Range<usize>, noise: f64) -> Range<usize> {
        let least = noise.max(SILENCE) * 10_f64.powf(self.above_noise_db / 10.0);
        let loud = |at: &usize| frames.get(*at).is_some_and(|f| f64::from(f.power) >= least);
        let before = (0..stretch.start).rev().take(self.reach).take_while(loud).count();
        let after = (stretch.end..frames.len()).take(self.reach).take_while(loud).count();
        stretch.start - before..stretch.end + after
    }

    /// The frames of a stretch in which somebody surely speaks.
    fn spoken<'a>(&self, frames: &'a [Frame], stretch: &Range<usize>) -> impl Iterator<Item = &'a Frame> {
        frames.get(stretch.clone()).unwrap_or_default().iter().filter(|f| f.voice >= self.threshold)
    }

    /// Mean square of the frames that are far from speech; without such, the level of the quietest ones.
    fn noise(&self, frames: &[Frame], stretches: &[Range<usize>]) -> f64 {
        let mut pause: Vec<Frame> = Vec::new();
        let mut from = 0;
        for stretch in stretches {
            pause.extend(frames.get(from..stretch.start.saturating_sub(self.guard)).unwrap_or_default());
            from = stretch.end + self.guard;
        }
        pause.extend(frames.get(from..).unwrap_or_default());
        let noise = (pause.len() >= ENOUGH_PAUSE).then(|| mean(pause.iter().map(|f| f64::from(f.power)))).flatten();
        noise.unwrap_or_else(|| quietest(frames))
    }
}

impl Speech {
    /// Length of the speech.
    pub(super) fn seconds(&self) -> f64 {
        self.stretches.iter().map(Range::len).sum::<usize>() as f64 * FRAME_SECONDS
    }

    /// Level of the pauses in dBFS RMS, at least −120.
    pub(super) fn noise_floor_db(&self) -> f64 {
        10.0 * self.noise.max(SILENCE).log10()
    }

    /// Speech over pauses in dB; `None` without speech. The noise under the speech is taken off its power.
    pub(super) fn snr_db(&self) -> Option<f64> {
        let noise = self.noise.max(SILENCE);
        let clean = (self.power - noise).max(noise * 1e-3);
        (!self.stretches.is_empty()).then(|| 10.0 * (clean / noise).log10())
    }
}

/// The level that one frame in twenty stays under.
fn quietest(frames: &[Frame]) -> f64 {
    let mut all: Vec<f32> = frames.iter().map(|f| f.power).collect();
    all.sort_by(f32::total_cmp);
    all.get(all.len() / 20).map_or(0.0, |power| f64::from(*power))
}

fn mean(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.into_iter().fold((0.0, 0_u64), |(sum, count), v| (sum + v, count + 1));
    (count > 0).then(|| sum / count as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(layout: &[(usize, f32, f32)]) -> Vec<Frame> {
        layout
            .iter()
            .flat_map(|(n, voice, power)| vec![Frame { voice: *voice, power: *power, clear: *power }; *n])
            .collect()
    }

    #[test]
    fn gaps_inside_words_are_closed_and_clicks_are_dropped() {
        let found = SpeechRule::default().apply(&frames(&[
            (50, 0.1, 0.0),
            (2, 0.9, 0.1),
            (50, 0.1, 0.0),
            (30, 0.9, 0.1),
            (10, 0.2, 0.0),
            (30, 0.9, 0.1),
            (50, 0.1, 0.0),
        ]));
        assert_eq!(found.stretches, vec![102..172]);
        assert!((found.seconds() - 70.0 * 0.016).abs() < 1e-9);
    }

    #[test]
    fn a_stretch_takes_in_faint_scores_and_unvoiced_consonants_at_its_ends() {
        let rule = SpeechRule { reach: 4, ..SpeechRule::default() };
        let found = rule.apply(&frames(&[
            (50, 0.1, 0.001),
            (6, 0.1, 0.01),
            (3, 0.3, 0.001),
            (30, 0.9, 0.1),
            (2, 0.3, 0.001),
            (3, 0.1, 0.01),
            (50, 0.1, 0.001),
        ]));
        // Four of the six loud frames before, three faint ones, the voice, two faint ones, and three loud ones.
        assert_eq!(found.stretches, vec![52..94]);
        assert!((found.power - 0.1).abs() < 1e-6, "only what is surely speech has the level of speech");
    }

    #[test]
    fn faint_scores_alone_are_no_speech() {
        assert!(SpeechRule::default().apply(&frames(&[(100, 0.1, 0.01), (200, 0.45, 0.1)])).stretches.is_empty());
    }

    #[test]
    fn the_ratio_is_that_of_the_voice_alone_to_the_noise() {
        let noisy = SpeechRule::default().apply(&frames(&[(60, 0.0, 0.001), (100, 1.0, 0.011), (60, 0.0, 0.001)]));
        assert!((noisy.snr_db().unwrap() - 10.0).abs() < 0.01);
        assert!((noisy.noise_floor_db() + 30.0).abs() < 0.01);
    }

    #[test]
    fn without_pauses_the_quietest_frames_stand_for_the_noise() {
        let dense = SpeechRule::default().apply(&frames(&[(20, 1.0, 0.0001), (180, 1.0, 0.1)]));
        assert!((dense.noise_floor_db() + 40.0).abs() < 0.01);
    }

    #[test]
    fn no_speech_has_no_ratio_and_silence_has_a_finite_floor() {
        let silent = SpeechRule::default().apply(&frames(&[(100, 0.0, 0.0)]));
        assert_eq!(silent.snr_db(), None);
        assert!((silent.noise_floor_db() + 120.0).abs() < 0.01);
        assert_eq!(SpeechRule::default().apply(&[]), Speech::default());
    }
}
