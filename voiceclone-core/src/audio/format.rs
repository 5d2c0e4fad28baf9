//! What a run of audio bytes is: container, codec, rate and channels. No bytes here.
use std::{
    fmt,
    num::{NonZeroU16, NonZeroU32},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// What wraps the encoded audio.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Container {
    /// No container: samples alone.
    Raw,
    /// RIFF WAVE.
    Wav,
    /// Native FLAC.
    Flac,
    /// MPEG audio frames.
    Mp3,
    /// Ogg.
    Ogg,
    /// MP4, M4A, MOV.
    Mp4,
    /// `WebM` or Matroska.
    Webm,
    /// AIFF or AIFC.
    Aiff,
    /// Core Audio Format.
    Caf,
    /// AAC frames with ADTS headers.
    Adts,
}

impl Container {
    /// The usual file name ending, without the dot.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Raw => "pcm",
            Self::Wav => "wav",
            Self::Flac => "flac",
            Self::Mp3 => "mp3",
            Self::Ogg => "ogg",
            Self::Mp4 => "m4a",
            Self::Webm => "webm",
            Self::Aiff => "aiff",
            Self::Caf => "caf",
            Self::Adts => "aac",
        }
    }

    /// The registered media type.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Raw => "application/octet-stream",
            Self::Wav => "audio/wav",
            Self::Flac => "audio/flac",
            Self::Mp3 => "audio/mpeg",
            Self::Ogg => "audio/ogg",
            Self::Mp4 => "audio/mp4",
            Self::Webm => "audio/webm",
            Self::Aiff => "audio/aiff",
            Self::Caf => "audio/x-caf",
            Self::Adts => "audio/aac",
        }
    }
}

/// How the samples are encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Codec {
    /// 16-bit signed integers, little endian.
    PcmS16Le,
    /// 32-bit floats, little endian.
    PcmF32Le,
    /// Linear PCM of another width or byte order, or a telephony law.
    OtherPcm,
    /// ADPCM.
    Adpcm,
    /// FLAC.
    Flac,
    /// Apple Lossless.
    Alac,
    /// MPEG audio layers 1 to 3.
    Mp3,
    /// AAC.
    Aac,
    /// Vorbis.
    Vorbis,
    /// Opus.
    Opus,
}

/// The format of a run of audio bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AudioFormat {
    container: Container,
    codec: Codec,
    sample_rate: NonZeroU32,
    channels: NonZeroU16,
}

/// The lowest and highest sample rate, in hertz, that this crate takes.
pub const SAMPLE_RATES: std::ops::RangeInclusive<u32> = 4_000..=384_000;
/// The most channels that this crate takes.
pub const MAX_CHANNELS: u16 = 8;

impl AudioFormat {
    /// A format of `sample_rate` hertz.
    ///
    /// # Errors
    /// `InvalidInput` outside [`SAMPLE_RATES`] and 1 to [`MAX_CHANNELS`] channels.
    pub fn new(container: Container, codec: Codec, sample_rate: u32, channels: u16) -> Result<Self> {
        let rate = NonZeroU32::new(sample_rate).filter(|rate| SAMPLE_RATES.contains(&rate.get()));
        let channels = NonZeroU16::new(channels).filter(|n| n.get() <= MAX_CHANNELS).ok_or_else(|| {
            Error::invalid(format!("audio has {channels} channels; 1 to {MAX_CHANNELS} are accepted"))
        })?;
        let sample_rate = rate.ok_or_else(|| {
            Error::invalid(format!(
                "the sample rate is {sample_rate} Hz; {} to {} Hz are accepted",
                SAMPLE_RATES.start(),
                SAMPLE_RATES.end()
            ))
        })?;
        Ok(Self { container, codec, sample_rate, channels })
    }

    /// Mono 16-bit samples without a container: what providers stream.
    ///
    /// # Errors
    /// As [`AudioFormat::new`].
    pub fn raw_s16(sample_rate: u32) -> Result<Self> {
        Self::new(Container::Raw, Codec::PcmS16Le, sample_rate, 1)
    }

    /// The same samples in another container.
    #[must_use]
    pub fn in_container(mut self, container: Container, codec: Codec) -> Self {
        self.container = container;
        self.codec = codec;
        self
    }

    /// What wraps the audio.
    pub const fn container(&self) -> Container {
        self.container
    }

    /// How the samples are encoded.
    pub const fn codec(&self) -> Codec {
        self.codec
    }

    /// Frames per second, in hertz.
    pub const fn sample_rate(&self) -> u32 {
        self.sample_rate.get()
    }

    /// Samples per frame.
    pub const fn channels(&self) -> u16 {
        self.channels.get()
    }

    /// Bytes of one frame of raw PCM; `None` for anything that has no fixed frame size, so nothing may assume alignment.
    pub const fn frame_bytes(&self) -> Option<usize> {
        let width = match (self.container, self.codec) {
            (Container::Raw, Codec::PcmS16Le) => 2,
            (Container::Raw, Codec::PcmF32Le) => 4,
            _ => return None,
        };
        Some(width * self.channels.get() as usize)
    }

    /// How long `bytes` of raw PCM play; `None` for anything without a fixed frame size.
    pub fn duration_of(&self, bytes: u64) -> Option<Duration> {
        let frames = bytes / self.frame_bytes()? as u64;
        Some(frames_to_duration(frames, self.sample_rate()))
    }
}

/// How long `frames` play at `sample_rate` hertz.
pub fn frames_to_duration(frames: u64, sample_rate: u32) -> Duration {
    let rate = u64::from(sample_rate.max(1));
    let nanos = (frames % rate) * 1_000_000_000 / rate;
    Duration::from_secs(frames / rate) + Duration::from_nanos(nanos)
}

impl fmt::Display for AudioFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}/{:?} {} Hz, {} channel(s)", self.container, self.codec, self.sample_rate, self.channels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_raw_pcm_has_a_frame_size() {
        let raw = AudioFormat::new(Container::Raw, Codec::PcmS16Le, 24_000, 2).unwrap();
        assert_eq!(raw.frame_bytes(), Some(4));
        assert_eq!(raw.duration_of(96_000), Some(Duration::from_secs(1)));
        assert_eq!(raw.in_container(Container::Flac, Codec::Flac).frame_bytes(), None);
    }

    #[test]
    fn rates_and_channels_outside_the_limits_are_named() {
        for (rate, channels, found) in [(0, 1, "0 Hz"), (u32::MAX, 1, "4294967295 Hz"), (48_000, 9, "9 channels")] {
            let error = AudioFormat::new(Container::Raw, Codec::PcmS16Le, rate, channels).unwrap_err();
            assert!(error.message().contains(found), "{error}");
        }
    }
}
