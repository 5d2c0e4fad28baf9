//! What a page shows of a recording: its [`Waveform`] as JSON and its [`Spectrogram`] as PNG. See [`Pictures`].
//!
//! Both are made in one pass over the decoded blocks, in memory that does not grow with the recording. How a voice is made
//! of a recording is not known here.
mod colour;
mod columns;
mod scale;
mod spectrogram;
mod waveform;

use std::num::NonZeroUsize;

use voiceclone_core::{
    Result,
    audio::{DecodeLimits, Decoder, RawAudio},
};

pub use self::{
    spectrogram::{PictureSize, Spectrogram},
    waveform::{AudioWaveform, Peak, Waveform, WaveformBits},
};
use crate::blocking::{Cancel, Pool};

/// Draws recordings on tokio's blocking threads, as many at a time as the machine has cores; more wait.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> voiceclone_core::Result<()> {
/// use std::num::NonZeroUsize;
/// use voiceclone_core::audio::{Container, Pcm, RawAudio, encode};
/// use voiceclone_local::picture::{PictureSize, Pictures};
///
/// let tone = (0..48_000_u16).map(|i| (f32::from(i) * 0.1).sin() * 0.5).collect();
/// let tone = RawAudio::new(encode(&Pcm::new(tone, 24_000, 1)?, Container::Wav)?.body);
/// let pictures = Pictures::new();
/// let waveform = pictures.waveform(tone.clone(), NonZeroUsize::MIN.saturating_add(799)).await?;
/// assert_eq!(waveform.duration().as_secs(), 2);
/// let png = pictures.spectrogram(tone, PictureSize::new(800, 200)?).await?;
/// assert!(png.starts_with(b"\x89PNG"));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default)]
pub struct Pictures {
    limits: DecodeLimits,
    pool: Pool,
}

impl Pictures {
    /// With every default.
    pub fn new() -> Self {
        Self::default()
    }

    /// Other bounds on uploads. Memory does not depend on them.
    #[must_use]
    pub fn with_limits(mut self, limits: DecodeLimits) -> Self {
        self.limits = limits;
        self
    }

    /// At most this many pictures at a time, in this and every clone made from it.
    #[must_use]
    pub fn with_concurrency(mut self, pictures: NonZeroUsize) -> Self {
        self.pool = Pool::of(pictures);
        self
    }

    /// As [`Waveform::of`], beside the async threads.
    ///
    /// # Errors
    /// As [`Waveform::of`].
    ///
    /// # Cancel safety
    /// Dropping the future stops the work at the next block and leaves nothing behind.
    pub async fn waveform(&self, audio: RawAudio, buckets: NonZeroUsize) -> Result<Waveform> {
        let limits = self.limits;
        self.pool.run("waveform", move |cancel| Waveform::read(&audio, buckets, &limits, cancel)).await
    }

    /// As [`Spectrogram::png`] with every default, beside the async threads.
    ///
    /// # Errors
    /// As [`Spectrogram::png`].
    ///
    /// # Cancel safety
    /// Dropping the future stops the work at the next block and leaves nothing behind.
    pub async fn spectrogram(&self, audio: RawAudio, size: PictureSize) -> Result<Vec<u8>> {
        let limits = self.limits;
        self.pool.run("spectrogram", move |cancel| Spectrogram::default().draw(&audio, size, &limits, cancel)).await
    }
}

/// Opens a recording to be drawn.
fn open(audio: &RawAudio, limits: &DecodeLimits) -> Result<Decoder> {
    Decoder::open(&audio.body, audio.declared.as_deref(), limits)
}

/// Gives every block to `take`, and stops between two of them if nobody waits any more.
fn each_block(decoder: &mut Decoder, cancel: &Cancel, mut take: impl FnMut(&[f32])) -> Result<()> {
    cancel.check()?;
    while let Some(block) = decoder.next_block()? {
        take(block);
        cancel.check()?;
    }
    Ok(())
}
