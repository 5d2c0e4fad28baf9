//! Labelled mixes of speech and noise for the tests: readings with pauses between them, with every kind of noise under them.
//!
//! The labels are those of onnxruntime 1.32 running `silero_vad_16k_sequence.onnx` over each clean reading at a threshold
//! of 0.5; the mixes never enter them.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "test signals"
)]
use std::{f64::consts::TAU, ops::Range};

use super::testing;

pub(super) const RATE: u32 = 16_000;
const WINDOW: usize = 512;

/// The readings and the windows of 32 ms in which somebody speaks.
const READINGS: [(&str, [Range<usize>; 2]); 3] = [
    ("librivox_sense_01.wav", [11..215, 0..0]),
    ("librivox_sense_02.wav", [8..33, 36..89]),
    ("librivox_sense_03.wav", [9..94, 0..0]),
];

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Noise {
    Pink,
    White,
    /// Mains hum of 50 Hz with its harmonics.
    Hum,
    /// Six other talkers.
    Babble,
    /// Chords, bass, drums and a melody with vibrato.
    Music,
}

pub(super) struct Mix {
    pub(super) samples: Vec<f32>,
    /// Whether somebody speaks, for each frame of 16 ms.
    pub(super) labels: Vec<bool>,
}

/// Numbers that are the same on every run (xorshift, Marsaglia 2003).
struct Dice(u32);

impl Dice {
    fn new(seed: usize) -> Self {
        Self(0x2545_F491 ^ (seed as u32).wrapping_mul(0x9E37_79B9))
    }

    /// −1 to 1.
    fn next(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        f64::from(self.0) / f64::from(u32::MAX) * 2.0 - 1.0
    }

    fn pick(&mut self, range: Range<usize>) -> usize {
        range.start + (f64::midpoint(self.next(), 1.0) * (range.len() - 1) as f64).round() as usize
    }
}

/// Readings in another order and with other pauses for each `variant`, with `noise` under all of it. The ratio is that of
/// the power where somebody speaks to that of the noise, in dB.
pub(super) fn mix(noise: Noise, ratio: f64, variant: usize) -> Mix {
    let (mut samples, labels) = readings(variant);
    let spoken: Vec<f64> = samples
        .iter()
        .enumerate()
        .filter(|(n, _)| labels.get(n / 256).copied().unwrap_or_default())
        .map(|(_, sample)| f64::from(*sample).powi(2))
        .collect();
    let speech = spoken.iter().sum::<f64>() / spoken.len() as f64;
    let bed = synthesise(noise, samples.len(), variant);
    let level = bed.iter().map(|s| s * s).sum::<f64>() / bed.len() as f64;
    let gain = (speech / level / 10_f64.powf(ratio / 10.0)).sqrt();
    samples.iter_mut().zip(bed).for_each(|(sample, noise)| *sample += (noise * gain) as f32);
    Mix { samples, labels }
}

/// Noise alone, at −26 dBFS RMS.
pub(super) fn alone(noise: Noise, seconds: usize, variant: usize) -> Vec<f32> {
    let bed = synthesise(noise, seconds * RATE as usize, variant);
    let level = (bed.iter().map(|s| s * s).sum::<f64>() / bed.len() as f64).sqrt();
    bed.iter().map(|s| (s / level * 0.05) as f32).collect()
}

fn readings(variant: usize) -> (Vec<f32>, Vec<bool>) {
    let mut dice = Dice::new(variant);
    let (mut samples, mut windows) = (Vec::new(), Vec::new());
    let mut pause = |samples: &mut Vec<f32>, windows: &mut Vec<bool>, range: Range<usize>| {
        let length = dice.pick(range);
        samples.resize(samples.len() + length * WINDOW, 0.0);
        windows.resize(windows.len() + length, false);
    };
    pause(&mut samples, &mut windows, 20..90);
    for n in 0..READINGS.len() {
        let (file, spoken) = &READINGS[(n + variant) % READINGS.len()];
        let reading = testing::recording(file).0;
        let whole = reading.len() / WINDOW;
        samples.extend_from_slice(&reading[..whole * WINDOW]);
        windows.extend((0..whole).map(|window| spoken.iter().any(|s| s.contains(&window))));
        pause(&mut samples, &mut windows, 10..70);
    }
    let labels = windows.iter().flat_map(|spoken| [*spoken; 2]).collect();
    (samples, labels)
}

fn synthesise(noise: Noise, n: usize, seed: usize) -> Vec<f64> {
    let mut dice = Dice::new(seed + 1_000);
    match noise {
        Noise::White => (0..n).map(|_| dice.next()).collect(),
        Noise::Pink => pink(n, &mut dice),
        Noise::Hum => hum(n, &mut dice),
        Noise::Babble => babble(n, &mut dice),
        Noise::Music => music(n, seed),
    }
}

/// −3 dB per octave within 0.5 dB above 10 Hz (Kellet's economy filter).
fn pink(n: usize, dice: &mut Dice) -> Vec<f64> {
    let mut state = [0.0; 3];
    let poles = [(0.99765, 0.099_046), (0.963, 0.296_516_4), (0.57, 1.052_691_3)];
    (0..n)
        .map(|_| {
            let white = dice.next();
            state.iter_mut().zip(poles).for_each(|(s, (pole, gain))| *s = *s * pole + white * gain);
            state.iter().sum::<f64>() + white * 0.1848
        })
        .collect()
}

fn hum(n: usize, dice: &mut Dice) -> Vec<f64> {
    let harmonics = [(50.0, 1.0), (100.0, 0.4), (150.0, 0.5), (200.0, 0.1), (250.0, 0.2), (350.0, 0.1)];
    let tone = |i: usize| harmonics.map(|(hertz, level)| level * (TAU * hertz * time(i)).sin()).iter().sum::<f64>();
    (0..n).map(|i| tone(i) + 0.02 * dice.next()).collect()
}

/// The readings at other speeds and from other places on, six at a time.
fn babble(n: usize, dice: &mut Dice) -> Vec<f64> {
    let mut sum = vec![0.0; n];
    for talker in 0..6 {
        let voice: Vec<f64> = READINGS.iter().flat_map(|(file, _)| testing::recording(file).0).map(f64::from).collect();
        let (speed, start) = (0.8 + 0.09 * f64::from(talker), dice.pick(0..voice.len()));
        for (i, out) in sum.iter_mut().enumerate() {
            let place = start as f64 + i as f64 * speed;
            let (at, share) = (place as usize, place.fract());
            let sample = |at: usize| voice[at % voice.len()];
            *out += sample(at) * (1.0 - share) + sample(at + 1) * share;
        }
    }
    sum
}

fn time(sample: usize) -> f64 {
    sample as f64 / f64::from(RATE)
}

/// Beats of half a second: a chord of three plucked notes for four of them, a bass, drums, and a melody with vibrato.
fn music(n: usize, seed: usize) -> Vec<f64> {
    const CHORDS: [[i32; 3]; 4] = [[0, 4, 7], [9, 12, 16], [5, 9, 12], [7, 11, 14]];
    const MELODY: [i32; 16] = [12, 16, 14, 12, 21, 19, 16, 21, 17, 16, 14, 12, 14, 19, 23, 19];
    let root = 130.81 * 2_f64.powf((seed % 12) as f64 / 12.0);
    let pitch = |semitones: i32| root * 2_f64.powf(f64::from(semitones) / 12.0);
    let rich = |phase: f64| (1..7).map(|k| (TAU * phase * f64::from(k)).sin() / f64::from(k)).sum::<f64>();
    let mut dice = Dice::new(seed);
    let mut out = vec![0.0; n];
    for (i, out) in out.iter_mut().enumerate() {
        let t = time(i);
        let (beat, within) = ((t / 0.5) as usize, t % 0.5);
        let chord = CHORDS[beat / 4 % 4];
        let since_chord = t % 2.0;
        let strings: f64 = chord.iter().map(|s| rich(pitch(*s) * t)).sum::<f64>() * (-since_chord).exp();
        let bass = (TAU * pitch(chord[0] - 12) * t).sin() * (-3.0 * within).exp() * 2.0;
        let lead = rich(pitch(MELODY[beat % 16]) * t + 0.02 * (TAU * 5.5 * t).sin()) * (-2.0 * within).exp();
        let kick = (TAU * 8.0 * (1.0 - (-20.0 * within).exp())).sin() * (-12.0 * within).exp() * 3.0;
        let snare = if beat % 2 == 1 { dice.next() * (-15.0 * within).exp() * 2.0 } else { 0.0 };
        let hat = dice.next() * (-60.0 * (t % 0.25)).exp();
        *out = strings + bass + lead + kick + snare + hat;
    }
    out
}
