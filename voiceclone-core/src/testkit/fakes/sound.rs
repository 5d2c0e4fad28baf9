//! A sound that a preprocessor takes for a person: a voiced, harmonic tone in bursts with pauses between. No recording of
//! anybody is needed to try a seam.
#![expect(clippy::cast_precision_loss, reason = "sample numbers, far within the exact range")]
use std::time::Duration;

use crate::{
    audio::{Container, EncodedAudio, Pcm, encode},
    error::Result,
    id::Fingerprint,
    synth::ReferenceVoice,
};

/// A mono WAV of this length at `rate` hertz: syllables of 0.2 s with eight harmonics of a gliding 120 Hz, and a pause of
/// 0.3 s after every eighth. Peaks at 0.5.
///
/// # Errors
/// `InvalidInput` for a rate that cannot be written or a length of nothing.
pub fn voice_like(length: Duration, rate: u32) -> Result<EncodedAudio> {
    let frames = (length.as_nanos() * u128::from(rate)).div_ceil(1_000_000_000);
    let samples = (0..frames).map(|i| syllable(i as f32 / rate as f32)).collect();
    encode(&Pcm::new(samples, rate, 1)?, Container::Wav)
}

fn syllable(at: f32) -> f32 {
    let in_phrase = at % 1.9;
    if in_phrase > 1.6 {
        return 0.0;
    }
    let envelope = (std::f32::consts::PI * (in_phrase % 0.2) / 0.2).sin();
    let pitch = std::f32::consts::TAU * (120.0 * at - 2.0 * (at * 3.0).cos());
    let voiced: f32 = (1_u8..=8).map(f32::from).map(|n| (pitch * n).sin() / n).sum();
    0.5 * envelope * voiced / 1.9
}

/// Six seconds of [`voice_like`] sound as a reference voice at `rate` hertz.
///
/// # Errors
/// As [`voice_like`].
pub fn reference_voice(rate: u32) -> Result<ReferenceVoice> {
    let clip = voice_like(Duration::from_secs(6), rate)?;
    Ok(ReferenceVoice::new([clip], Fingerprint::of([b"voice_like".as_slice(), &rate.to_be_bytes()])))
}
