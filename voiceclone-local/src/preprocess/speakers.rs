//! Whether more than one person speaks, a cautious estimate: two voices are only claimed where stretches of speech fall into
//! two groups that lie far apart in pitch, hardly overlap in it, and differ in the sound of the voice too.
//!
//! It tells a low voice from a high one, such as most men from most women. Two voices of one pitch pass as one: an expressive
//! reader must not be taken for two people.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "bins and counts are small and positive"
)]
use super::{
    stage::Stage,
    voice_print::{CEPSTRA, Print, VoicePrinter},
};

/// How different two voices must be.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct SpeakerRule {
    /// The mean pitches of the groups are this far apart, semitones.
    pub(super) apart: f64,
    /// The middle halves of their pitches are this far apart, semitones.
    pub(super) clear: f64,
    /// The mean sounds of the groups are this far apart, as a squared distance in deviations.
    pub(super) sound: f64,
    /// The smaller group has at least this share of the stretches.
    pub(super) share: f64,
    /// Fewer stretches say nothing.
    pub(super) min_stretches: usize,
    /// Blocks of less periodicity (0 to 1) have no pitch.
    pub(super) voiced: f32,
}

impl Default for SpeakerRule {
    fn default() -> Self {
        Self { apart: 7.0, clear: 2.5, sound: 10.0, share: 0.2, min_stretches: 6, voiced: 0.55 }
    }
}

impl Stage for SpeakerRule {
    const NAME: &'static str = "speakers/1";
}

/// A stretch has at most so many blocks of 64 ms: 2 s, less than a sentence.
const LONGEST: usize = 31;
/// Shorter stretches have no pitch of their own.
const SHORTEST: usize = 12;
/// As many blocks of pause end a stretch.
const PAUSE: usize = 3;
/// Fewer blocks with a pitch are no voice.
const MIN_VOICED: usize = 6;

impl SpeakerRule {
    /// A meter for samples at `sample_rate` hertz.
    pub(super) fn start(&self, sample_rate: u32) -> SpeakerMeter {
        SpeakerMeter {
            rule: self.clone(),
            printer: VoicePrinter::new(sample_rate),
            pending: Vec::new(),
            current: Vec::new(),
            pause: 0,
            stretches: Vec::new(),
        }
    }
}

/// The running meter. It keeps some 200 bytes per 2 s of speech.
#[derive(Debug)]
pub(super) struct SpeakerMeter {
    rule: SpeakerRule,
    printer: VoicePrinter,
    pending: Vec<f32>,
    current: Vec<Print>,
    pause: usize,
    stretches: Vec<Stretch>,
}

/// One stretch of speech.
#[derive(Debug, Clone)]
struct Stretch {
    /// Middle of its pitches, semitones over 1 Hz.
    pitch: f64,
    pitches: Vec<f32>,
    /// Mean of its sound.
    sound: [f64; CEPSTRA],
}

impl SpeakerMeter {
    /// Adds samples; `speech` says what is heard among them.
    pub(super) fn push(&mut self, samples: &[f32], speech: bool) {
        self.pending.extend_from_slice(samples);
        let (size, mut done) = (self.printer.block(), 0);
        while let Some(block) = self.pending.get(done..done + size) {
            done += size;
            if speech {
                self.pause = 0;
                self.current.extend(self.printer.print(block));
            } else {
                self.pause += 1;
            }
            if self.current.len() >= LONGEST || self.pause == PAUSE {
                self.close();
            }
        }
        self.pending.drain(..done);
    }

    /// Ends the stretch.
    fn close(&mut self) {
        let prints = std::mem::take(&mut self.current);
        let voiced = prints.iter().filter(|print| print.periodicity > self.rule.voiced);
        let pitches: Vec<f32> = voiced.map(|print| 12.0 * print.pitch_hz.log2()).collect();
        if prints.len() < SHORTEST || pitches.len() < MIN_VOICED {
            return;
        }
        let count = prints.len() as f64;
        let sound = std::array::from_fn(|at| prints.iter().filter_map(|p| p.sound.get(at)).sum::<f64>() / count);
        self.stretches.push(Stretch { pitch: quantile(&pitches, 0.5), pitches, sound });
    }

    /// How many clearly different voices there are, 1 or 2, or `None` for too little speech.
    pub(super) fn finish(mut self) -> Option<u32> {
        self.close();
        self.stretches.sort_by(|a, b| a.pitch.total_cmp(&b.pitch));
        let count = self.stretches.len();
        if count < self.rule.min_stretches {
            return None;
        }
        let split = (2..count - 1).max_by(|a, b| self.between(*a).total_cmp(&self.between(*b)))?;
        let (low, high) = self.stretches.split_at_checked(split)?;
        Some(if self.rule.differ(low, high) { 2 } else { 1 })
    }

    /// How well the pitches fall apart at this place: the variance between the two sides.
    fn between(&self, split: usize) -> f64 {
        let Some((low, high)) = self.stretches.split_at_checked(split) else { return 0.0 };
        (low.len() * high.len()) as f64 * (mean(high, |s| s.pitch) - mean(low, |s| s.pitch)).powi(2)
    }
}

impl SpeakerRule {
    fn differ(&self, low: &[Stretch], high: &[Stretch]) -> bool {
        let pitches = |group: &[Stretch]| group.iter().flat_map(|s| s.pitches.iter().copied()).collect::<Vec<_>>();
        let apart = mean(high, |s| s.pitch) - mean(low, |s| s.pitch);
        let clear = quantile(&pitches(high), 0.25) - quantile(&pitches(low), 0.75);
        let smaller = low.len().min(high.len()) as f64;
        let enough = smaller >= self.share * (low.len() + high.len()) as f64;
        enough && apart >= self.apart && clear >= self.clear && distance(low, high) >= self.sound
    }
}

/// The squared distance of two groups in their common deviations, less what chance alone gives.
fn distance(low: &[Stretch], high: &[Stretch]) -> f64 {
    let (a, b) = (low.len() as f64, high.len() as f64);
    let along = |at: usize| {
        let value = |s: &Stretch| s.sound.get(at).copied().unwrap_or(0.0);
        let (left, right) = (mean(low, value), mean(high, value));
        let spread = |group: &[Stretch], middle: f64| group.iter().map(|s| (value(s) - middle).powi(2)).sum::<f64>();
        let variance = (spread(low, left) + spread(high, right)) / (a + b - 2.0).max(1.0);
        if variance > 1e-9 { (right - left).powi(2) / variance } else { 0.0 }
    };
    (0..CEPSTRA).map(along).sum::<f64>() - CEPSTRA as f64 * (1.0 / a + 1.0 / b)
}

fn mean(group: &[Stretch], value: impl Fn(&Stretch) -> f64) -> f64 {
    group.iter().map(value).sum::<f64>() / group.len().max(1) as f64
}

fn quantile(values: &[f32], place: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f32::total_cmp);
    let at = place * sorted.len().saturating_sub(1) as f64;
    sorted.get(at.round() as usize).map_or(0.0, |value| f64::from(*value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preprocess::{resample::resampled, testing};

    /// What is said of turns of the reader, each played so many percent faster: pitch and throat change with the speed.
    fn voices(turns: &[u32], noise: f32) -> Option<u32> {
        let (speech, rate) = testing::speech();
        let mut meter = SpeakerRule::default().start(rate);
        for faster in turns {
            let voice = resampled(&speech, rate * (100 + faster) / 100, rate).unwrap();
            let hiss = testing::noise(voice.len(), noise);
            let turn: Vec<f32> = voice.iter().zip(hiss).map(|(s, n)| s + n).collect();
            turn.chunks(1_000).for_each(|block| meter.push(block, true));
            testing::noise(8_000, noise).chunks(1_000).for_each(|block| meter.push(block, false));
        }
        meter.finish()
    }

    #[test]
    fn a_low_and_a_high_voice_are_two() {
        for noise in [0.0, 0.01] {
            assert_eq!(voices(&[0, 70, 0, 70], noise), Some(2), "alternating, noise {noise}");
            assert_eq!(voices(&[0, 0, 0, 90, 90], noise), Some(2), "one after the other, noise {noise}");
        }
    }

    #[test]
    fn one_reader_is_one_voice_also_with_changes_of_pitch() {
        for noise in [0.0, 0.01, 0.05] {
            assert_eq!(voices(&[0, 0, 0], noise), Some(1), "noise {noise}");
            assert_eq!(voices(&[0, 10, 25, 0, 20], noise), Some(1), "four semitones, noise {noise}");
        }
    }

    #[test]
    fn too_little_speech_says_nothing() {
        assert_eq!(voices(&[0], 0.0), None);
        assert_eq!(voices(&[], 0.0), None);
        let mut meter = SpeakerRule::default().start(48_000);
        testing::noise(480_000, 0.1).chunks(1_000).for_each(|block| meter.push(block, true));
        assert_eq!(meter.finish(), None, "noise has no pitch");
    }
}
