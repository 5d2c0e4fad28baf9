//! Samples to finished files: WAV or FLAC of 16 bits, or Ogg Opus, block by block, with headers that tell the truth.
//!
//! Blocking: run it on a blocking thread. Other containers are not written here.
mod flac;
mod opus;
mod wav;

use super::{
    encoded::EncodedAudio,
    error::AudioError,
    format::{AudioFormat, Codec, Container, frames_to_duration},
    pcm::Pcm,
    sniff::container_name,
    spool::Spool,
};
use crate::error::{Error, Result};

/// Writes one recording block by block, in memory while it is small and in a temporary file once it is not. Dropping it
/// before [`AudioWriter::finish`] leaves nothing behind.
///
/// ```
/// # fn main() -> voiceclone_core::Result<()> {
/// use voiceclone_core::audio::{AudioWriter, Container};
/// let mut writer = AudioWriter::create(Container::Flac, 24_000, 1)?;
/// for _ in 0..10 {
///     writer.write(&[0.25; 2_400])?;
/// }
/// let audio = writer.finish()?;
/// assert_eq!(audio.duration.as_millis(), 1_000);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct AudioWriter {
    format: AudioFormat,
    /// Of the samples that are given, which for Opus is not the format's.
    rate: u32,
    frames: u64,
    spool: Spool,
    encoder: Encoder,
}

#[derive(Debug)]
enum Encoder {
    Wav(wav::WavEncoder),
    Flac(Box<flac::FlacEncoder>),
    Opus(Box<opus::OpusEncoder>),
}

impl AudioWriter {
    /// A writer of audio that comes at `sample_rate` hertz.
    ///
    /// WAV and FLAC keep 16 bits of every sample. Ogg is written as Opus at 32 kb/s per channel: lossy, for delivery, a tenth
    /// of the size; a recording that is to be worked on belongs in one of the others. Opus always plays at 48 kHz, so the
    /// format of what is written says 48 kHz, and its length is that of the samples exactly.
    ///
    /// # Errors
    /// As [`AudioWriter::check`]; `Unavailable` if nothing can be written.
    pub fn create(container: Container, sample_rate: u32, channels: u16) -> Result<Self> {
        Self::check(container, sample_rate, channels)?;
        let format = AudioFormat::new(container, Codec::PcmS16Le, sample_rate, channels)?;
        let mut spool = Spool::default();
        let (format, encoder) = match container {
            Container::Flac => {
                let encoder = flac::FlacEncoder::begin(&mut spool, format)?;
                (format.in_container(container, Codec::Flac), Encoder::Flac(Box::new(encoder)))
            }
            Container::Ogg => {
                let encoder = opus::OpusEncoder::begin(&mut spool, format)?;
                let format = AudioFormat::new(container, Codec::Opus, opus::CLOCK, channels)?;
                (format, Encoder::Opus(Box::new(encoder)))
            }
            _ => (format, Encoder::Wav(wav::WavEncoder::begin(&mut spool, format)?)),
        };
        Ok(Self { format, rate: sample_rate, frames: 0, spool, encoder })
    }

    /// Whether samples at `sample_rate` hertz can be written so, asked before any work.
    ///
    /// # Errors
    /// `Unsupported` for a container other than WAV, FLAC and Ogg; `InvalidInput` for a rate or channel count that
    /// [`AudioFormat::new`] or the container refuses (FLAC: at most 96 kHz; Ogg, which is Opus: 8, 12, 16, 24 or 48 kHz, one
    /// channel or two).
    pub fn check(container: Container, sample_rate: u32, channels: u16) -> Result<()> {
        AudioFormat::new(container, Codec::PcmS16Le, sample_rate, channels)?;
        match container {
            Container::Wav => Ok(()),
            Container::Flac => flac::check(sample_rate),
            Container::Ogg => opus::check(sample_rate, channels),
            other => Err(AudioError::CannotWrite { found: container_name(other) }.into()),
        }
    }

    /// What is being written.
    pub const fn format(&self) -> AudioFormat {
        self.format
    }

    /// Adds interleaved samples, rounded to 16 bits by [`to_s16`](super::to_s16).
    ///
    /// # Errors
    /// `InvalidInput` for a partial frame, a sample that is not finite, or more than a WAV file holds (4 GiB);
    /// `Unavailable` if the disk is full. After an error the writer is of no more use.
    pub fn write(&mut self, samples: &[f32]) -> Result<()> {
        let channels = self.format.channels();
        if !samples.len().is_multiple_of(usize::from(channels)) {
            return Err(AudioError::PartialFrame { found: samples.len(), channels }.into());
        }
        if samples.iter().any(|sample| !sample.is_finite()) {
            return Err(Error::invalid("audio holds a sample that is not a finite number"));
        }
        match &mut self.encoder {
            Encoder::Wav(wav) => wav.write(&mut self.spool, samples)?,
            Encoder::Flac(flac) => flac.write(&mut self.spool, samples)?,
            Encoder::Opus(opus) => opus.write(&mut self.spool, samples)?,
        }
        self.frames += (samples.len() / usize::from(channels)) as u64;
        Ok(())
    }

    /// Completes the headers and gives the file away.
    ///
    /// # Errors
    /// `InvalidInput` if nothing was written; `Unavailable` if the disk is full.
    pub fn finish(mut self) -> Result<EncodedAudio> {
        if self.frames == 0 {
            return Err(AudioError::NothingWritten.into());
        }
        match self.encoder {
            Encoder::Wav(wav) => wav.finish(&mut self.spool)?,
            Encoder::Flac(flac) => flac.finish(&mut self.spool)?,
            Encoder::Opus(opus) => opus.finish(&mut self.spool)?,
        }
        let duration = frames_to_duration(self.frames, self.rate);
        Ok(EncodedAudio::new(self.format, duration, self.spool.finish()?))
    }
}

/// Encodes samples that are in memory anyway.
///
/// ```
/// # fn main() -> voiceclone_core::Result<()> {
/// use voiceclone_core::audio::{Container, Pcm, encode};
/// let wav = encode(&Pcm::new(vec![0.0; 24_000], 24_000, 1)?, Container::Wav)?;
/// assert_eq!(wav.body.len(), 48_044);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// As [`AudioWriter::create`], [`AudioWriter::write`] and [`AudioWriter::finish`].
pub fn encode(pcm: &Pcm, container: Container) -> Result<EncodedAudio> {
    let mut writer = AudioWriter::create(container, pcm.sample_rate(), pcm.channels())?;
    writer.write(pcm.samples())?;
    writer.finish()
}
