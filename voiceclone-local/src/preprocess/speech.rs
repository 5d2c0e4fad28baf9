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
    /// Shorter stretches are clicks, frames.
    pub(super) min_frames: usize,
    /// Stretches that rise less than this above the quietest frames are noise that the detector mistook, dB.
    pub(super) above_floor_db: f64,
    /// Shorter gaps are inside a word, frames.
    pub(super) max_gap: usize,
    /// Frames this near to speech are not counted as pause: they hold its reverberation.
    pub(super) guard: usize,
}

impl Default for SpeechRule {
    fn default() -> Self {
        Self { threshold: 0.5, min_frames: 4, above_floor_db: 2.0, max_gap: 12, guard: 10 }
    }
}

impl Stage for SpeechRule {
    const NAME: &'static str = "speech/1";
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
    /// Mean square of speech frames.
    pub(super) power: f64,
    /// Mean square of pauses.
    pub(super) noise: f64,
}

impl SpeechRule {
    /// The stretches of speech among `frames`.
    pub(super) fn apply(&self, frames: &[Frame]) -> Speech {
        let stretches = self.stretches(frames);
        let count = stretches.iter().map(Range::len).sum::<usize>().max(1) as f64;
        let power = stretches.iter().map(|s| power(frames, s) * s.len() as f64).sum::<f64>() / count;
        Speech { noise: self.noise(frames, &stretches), power, frames: frames.len(), stretches }
    }

    fn stretches(&self, frames: &[Frame]) -> Vec<Range<usize>> {
        let mut merged: Vec<Range<usize>> = Vec::new();
        for at in frames.iter().enumerate().filter(|(_, f)| f.voice >= self.threshold).map(|(at, _)| at) {
            match merged.last_mut() {
                Some(last) if at - last.end <= self.max_gap => last.end = at + 1,
                _ => merged.push(at..at + 1),
            }
        }
        let least = quietest(frames) * 10_f64.powf(self.above_floor_db / 10.0);
        merged.retain(|stretch| stretch.len() >= self.min_frames && power(frames, stretch) >= least);
        merged
    }

    fn noise(&self, frames: &[Frame], stretches: &[Range<usize>]) -> f64 {
        let near = |at: usize| {
            stretches.iter().any(|s| at + self.guard >= s.start && at < s.end + self.guard)
        };
        let pause: Vec<f64> =
            frames.iter().enumerate().filter(|(at, _)| !near(*at)).map(|(_, f)| f64::from(f.power)).collect();
        if pause.len() >= ENOUGH_PAUSE {
            return mean(pause).unwrap_or(0.0);
        }
        quietest(frames)
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

/// Mean square of a stretch.
fn power(frames: &[Frame], stretch: &Range<usize>) -> f64 {
    mean(frames.get(stretch.clone()).unwrap_or_default().iter().map(|f| f64::from(f.power))).unwrap_or(0.0)
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
        layout.iter().flat_map(|(n, voice, power)| vec![Frame { voice: *voice, power: *power }; *n]).collect()
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
        assert_eq!(found.stretches, [102..172]);
        assert!((found.seconds() - 70.0 * 0.016).abs() < 1e-9);
    }

    #[test]
    fn noise_that_the_detector_mistakes_is_no_speech() {
        let found = SpeechRule::default().apply(&frames(&[(100, 0.1, 0.01), (20, 0.9, 0.012), (100, 0.1, 0.01)]));
        assert_eq!(found.stretches, []);
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
        assert_eq!(SpeechRule::default().apply(&[]).seconds(), 0.0);
    }
}
