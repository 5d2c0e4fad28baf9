//! Signals for the tests of several stages.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "test signals"
)]
use std::f64::consts::TAU;

/// A reader of 7.1 s at 16 kHz: see `tests/data/README.md`.
pub(super) fn speech() -> (Vec<f32>, u32) {
    recording("librivox_sense_01.wav")
}

/// A recording of `tests/data` and its rate.
pub(super) fn recording(file: &str) -> (Vec<f32>, u32) {
    let path = format!("{}/tests/data/{file}", env!("CARGO_MANIFEST_DIR"));
    let mut reader = hound::WavReader::open(path).unwrap();
    let samples = reader.samples::<i16>().map(|s| f32::from(s.unwrap()) / 32_768.0).collect();
    (samples, reader.spec().sample_rate)
}

pub(super) fn tone(hertz: f64, rate: u32, seconds: f32, peak: f32) -> Vec<f32> {
    let n = (f64::from(seconds) * f64::from(rate)) as usize;
    (0..n).map(|n| peak * (TAU * hertz * n as f64 / f64::from(rate)).sin() as f32).collect()
}

/// Uniform noise, the same on every run.
pub(super) fn noise(n: usize, peak: f32) -> Vec<f32> {
    let mut state = 0x2545_F491_u32;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state
    };
    (0..n).map(|_| (next() as f32 / u32::MAX as f32 * 2.0 - 1.0) * peak).collect()
}

/// Signals made to pass a limiter.
pub(super) fn hostile() -> Vec<(&'static str, Vec<f32>)> {
    let n = 48_000;
    let square =
        |half: usize| (0..n).map(|i| if (i / half).is_multiple_of(2) { 0.99 } else { -0.99 }).collect::<Vec<f32>>();
    let between: Vec<f32> = (0..n).map(|i| if (i / 2_usize).is_multiple_of(2) { 0.9 } else { -0.9 }).collect();
    let mut bursts = vec![0.001; n];
    for start in (500..n - 300).step_by(3_001) {
        bursts[start..start + 200].iter_mut().zip(tone(3_000.0, 48_000, 0.01, 1.0)).for_each(|(b, t)| *b = t);
    }
    let mut clicks = vec![0.0; n];
    clicks.iter_mut().step_by(997).for_each(|s| *s = 1.0);
    vec![
        ("square of 1 kHz", square(24)),
        ("square of 40 Hz", square(600)),
        ("a quarter of the rate, peaks between samples", between),
        ("white noise", noise(n, 1.0)),
        ("bursts", bursts),
        ("clicks", clicks),
        ("constant", vec![1.0; n]),
    ]
}

pub(super) fn true_peak_by_ebur128(samples: &[f32]) -> f64 {
    let mut meter = ebur128::EbuR128::new(1, 48_000, ebur128::Mode::TRUE_PEAK).unwrap();
    meter.add_frames_f32(samples).unwrap();
    meter.add_frames_f32(&[0.0; 48]).unwrap();
    20.0 * meter.true_peak(0).unwrap().log10()
}
