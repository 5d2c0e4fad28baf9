//! Samples to finished files of 16 bits: WAV or FLAC, block by block, with headers that tell the truth.
//!
//! Blocking: run it on a blocking thread. Other containers are not written here.
mod flac;
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
    frames: u64,
    spool: Spool,
    encoder: Encoder,
}

#[derive(Debug)]
enum Encoder {
    Wav(wav::WavEncoder),
    Flac(Box<flac::FlacEncoder>),
}

impl AudioWriter {
    /// A writer of 16-bit audio at `sample_rate` hertz.
    ///
    /// # Errors
    /// `Unsupported` for a container other than WAV and FLAC; `InvalidInput` for a rate or channel count that
    /// [`AudioFormat::new`] or the container refuses (FLAC: at most 96 kHz); `Unavailable` if nothing can be written.
    pub fn create(container: Container, sample_rate: u32, channels: u16) -> Result<Self> {
        let format = AudioFormat::new(container, Codec::PcmS16Le, sample_rate, channels)?;
        let mut spool = Spool::default();
        let (format, encoder) = match container {
            Container::Wav => (format, Encoder::Wav(wav::WavEncoder::begin(&mut spool, format)?)),
            Container::Flac => {
                let encoder = flac::FlacEncoder::begin(&mut spool, format)?;
                (format.in_container(container, Codec::Flac), Encoder::Flac(Box::new(encoder)))
            }
            other => return Err(AudioError::CannotWrite { found: container_name(other) }.into()),
        };
        Ok(Self { format, frames: 0, spool, encoder })
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
        }
        let duration = frames_to_duration(self.frames, self.format.sample_rate());
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
