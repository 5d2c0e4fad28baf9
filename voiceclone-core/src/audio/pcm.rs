//! Decoded audio for arithmetic: interleaved `f32`, checked once at the door.
use std::{
    num::{NonZeroU16, NonZeroU32},
    time::Duration,
};

use super::format::{AudioFormat, Codec, Container, frames_to_duration};
use crate::error::{Error, Result};

/// Interleaved samples, nominally in −1 to 1. Every sample is finite and there are only whole frames.
#[derive(Debug, Clone, PartialEq)]
pub struct Pcm {
    samples: Vec<f32>,
    rate: NonZeroU32,
    channels: NonZeroU16,
}

impl Pcm {
    /// Takes interleaved samples at `sample_rate` hertz.
    ///
    /// # Errors
    /// `InvalidInput` for a rate or channel count that [`AudioFormat::new`] refuses, a sample that is not finite, or a
    /// partial last frame.
    pub fn new(samples: Vec<f32>, sample_rate: u32, channels: u16) -> Result<Self> {
        let format = AudioFormat::new(Container::Raw, Codec::PcmF32Le, sample_rate, channels)?;
        if let Some(at) = samples.iter().position(|s| !s.is_finite()) {
            return Err(Error::invalid("audio holds a sample that is not a finite number").with("at", at));
        }
        if !samples.len().is_multiple_of(usize::from(format.channels())) {
            return Err(Error::invalid(format!(
                "{} samples are no whole frames of {channels} channels",
                samples.len()
            )));
        }
        let rate = NonZeroU32::new(sample_rate).ok_or_else(|| Error::invalid("the sample rate is 0 Hz"))?;
        let channels = NonZeroU16::new(channels).ok_or_else(|| Error::invalid("audio has no channels"))?;
        Ok(Self { samples, rate, channels })
    }

    /// Interleaved samples.
    pub fn samples(&self) -> &[f32] {
        &self.samples
    }

    /// The samples, given away.
    pub fn into_samples(self) -> Vec<f32> {
        self.samples
    }

    /// Frames per second, in hertz.
    pub const fn sample_rate(&self) -> u32 {
        self.rate.get()
    }

    /// Samples per frame.
    pub const fn channels(&self) -> u16 {
        self.channels.get()
    }

    /// Number of frames.
    pub fn frames(&self) -> usize {
        self.samples.len() / usize::from(self.channels())
    }

    /// How long it plays.
    pub fn duration(&self) -> Duration {
        frames_to_duration(self.frames() as u64, self.sample_rate())
    }
}

/// One sample as a 16-bit integer: ×32768, rounded, clamped. The inverse of [`from_s16`] for every 16-bit value.
#[expect(clippy::cast_possible_truncation, reason = "clamped to the range of i16 before the cast")]
pub fn to_s16(sample: f32) -> i16 {
    (sample * 32_768.0).round().clamp(-32_768.0, 32_767.0) as i16
}

/// One 16-bit integer as a sample in −1 to 1.
pub fn from_s16(sample: i16) -> f32 {
    f32::from(sample) / 32_768.0
}

/// Samples as 16-bit little-endian bytes.
pub fn to_s16_bytes(samples: &[f32]) -> Vec<u8> {
    samples.iter().flat_map(|s| to_s16(*s).to_le_bytes()).collect()
}

/// 16-bit little-endian bytes as samples; an odd last byte is not a sample and is an error of the caller's contract.
///
/// # Errors
/// `InvalidInput` for an odd number of bytes.
pub fn from_s16_bytes(bytes: &[u8]) -> Result<Vec<f32>> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(Error::invalid(format!("{} bytes are no whole 16-bit samples", bytes.len())));
    }
    Ok(pairs.iter().map(|pair| from_s16(i16::from_le_bytes(*pair))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixteen_bits_survive_the_round_trip() {
        for sample in i16::MIN..=i16::MAX {
            assert_eq!(to_s16(from_s16(sample)), sample);
        }
        assert_eq!(to_s16(1.5), i16::MAX);
        assert_eq!(to_s16(-1.5), i16::MIN);
    }

    #[test]
    fn what_is_not_audio_is_refused() {
        assert!(Pcm::new(vec![0.0, f32::NAN], 48_000, 1).is_err());
        assert!(Pcm::new(vec![0.0; 3], 48_000, 2).is_err());
        assert!(Pcm::new(vec![0.0; 2], 0, 1).is_err());
    }
}
