//! Untrusted bytes to samples, packet by packet, with every claim of a header checked against what is really there.
//!
//! Blocking: run it on a blocking thread. Whether the sound is any good is not asked here.
mod aac;
mod allowance;
mod extent;
mod flac;
mod frames;
mod input;
mod limits;
mod mp4;
mod mp4_timing;
mod opus;
mod source;
mod span;
mod vorbis;
mod wav;
mod webm;

use std::time::{Duration, Instant};

pub use limits::DecodeLimits;
use source::{Source, Step};

use super::{
    body::{AudioBody, spool_failed},
    error::AudioError,
    format::{AudioFormat, Container, frames_to_duration},
    pcm::Pcm,
    sniff::{Sniffed, container_name, sniff_reader},
};
use crate::error::{Error, Result};

/// After this many packets more damaged than sound ones mean that this is no audio of the kind it looks like.
const TRIAL_PACKETS: u64 = 200;
/// More packets than this in a row without a sample are a file made to keep us busy.
const MAX_BARREN: u64 = 10_000;
/// So many packets in a row of another rate or channel count are another recording, not damage.
const MAX_ODD: u64 = 8;
/// Louder samples, 120 dB over full scale, are damage: their squares would leave the range of a number.
const LOUDEST: f32 = 1e6;

/// What a recording turned out to be, measured by decoding it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClipInfo {
    /// Container, codec, rate and channels as decoded.
    pub format: AudioFormat,
    /// Frames decoded.
    pub frames: u64,
    /// How long they play.
    pub duration: Duration,
    /// The data stopped in the middle of something. A recording whose recorder did not know its length when it wrote the
    /// header (`WebM` from a browser, WAV through a pipe) is whole if it ends where a block or a frame ends.
    pub truncated: bool,
    /// Packets that could not be decoded and are missing from the sound.
    pub damaged_packets: u64,
    /// Samples that were no numbers, or a million times full scale and more, and were replaced with silence.
    pub cleaned_samples: u64,
}

/// Decodes a recording block by block, holding one packet at a time.
///
/// ```
/// # fn main() -> voiceclone_core::Result<()> {
/// use voiceclone_core::audio::{AudioBody, Container, DecodeLimits, Decoder, Pcm, encode};
/// let wav = encode(&Pcm::new(vec![0.5; 32_000], 16_000, 1)?, Container::Wav)?;
/// let mut decoder = Decoder::open(&wav.body, None, &DecodeLimits::default())?;
/// let mut samples = 0;
/// while let Some(block) = decoder.next_block()? {
///     samples += block.len();
/// }
/// assert_eq!(samples, 32_000);
/// assert!(!decoder.report().truncated);
/// # Ok(())
/// # }
/// ```
pub struct Decoder {
    source: Source,
    limits: DecodeLimits,
    spent: Duration,
    block: Vec<f32>,
    first_waits: bool,
    ended: bool,
    tally: Tally,
    info: ClipInfo,
}

/// Counts that decide when to give up.
#[derive(Default)]
struct Tally {
    packets: u64,
    damaged: u64,
    barren: u64,
    odd: u64,
}

impl Decoder {
    /// Looks at the first bytes, opens the container and decodes up to the first samples, so that the format is known.
    /// `declared` is what the sender called the bytes: repeated in errors, never believed.
    ///
    /// # Errors
    /// `InvalidInput` for no bytes, too many bytes, anything that is not accepted audio (named), audio that cannot be
    /// decoded, or a rate or channel count outside the limits of [`AudioFormat::new`]; `Timeout` past
    /// [`DecodeLimits::max_time`]; `Unavailable` if the bytes cannot be read.
    pub fn open(body: &AudioBody, declared: Option<&str>, limits: &DecodeLimits) -> Result<Self> {
        let started = Instant::now();
        let (container, offset) = identify(body, declared, limits)?;
        let mut source = Source::open(body, container, offset)?;
        let mut block = Vec::new();
        let mut tally = Tally::default();
        let format = loop {
            match source.step(&mut block)? {
                Step::Block { rate, channels } => break format_of(container, &source, rate, channels)?,
                Step::End { .. } => return Err(AudioError::Nothing { container: container_name(container) }.into()),
                step => tally.count(&step, container)?,
            }
            too_slow(started.elapsed(), limits)?;
        };
        let info = ClipInfo {
            format,
            frames: 0,
            duration: Duration::ZERO,
            truncated: false,
            damaged_packets: 0,
            cleaned_samples: 0,
        };
        let limits = *limits;
        Ok(Self { source, limits, spent: started.elapsed(), block, first_waits: true, ended: false, tally, info })
    }

    /// What is being decoded.
    pub const fn format(&self) -> AudioFormat {
        self.info.format
    }

    /// The next samples, interleaved and finite, or `None` at the end. After an error or the end there is nothing more.
    ///
    /// # Errors
    /// `InvalidInput` past [`DecodeLimits::max_duration`], at an end before [`DecodeLimits::min_duration`], where most
    /// packets are damaged or the format changes; `Timeout` past [`DecodeLimits::max_time`]; `Unavailable` if the bytes
    /// cannot be read.
    pub fn next_block(&mut self) -> Result<Option<&[f32]>> {
        if self.ended {
            return Ok(None);
        }
        let started = Instant::now();
        let more = self.advance(started);
        self.spent += started.elapsed();
        self.ended = !matches!(more, Ok(true));
        Ok(more?.then_some(&self.block))
    }

    /// What was decoded so far; of the whole recording once [`Decoder::next_block`] has returned `None`.
    pub fn report(&self) -> ClipInfo {
        let duration = frames_to_duration(self.info.frames, self.info.format.sample_rate());
        ClipInfo { duration, damaged_packets: self.tally.damaged, ..self.info.clone() }
    }

    /// Fills the block; `false` at the end.
    fn advance(&mut self, started: Instant) -> Result<bool> {
        loop {
            too_slow(self.spent + started.elapsed(), &self.limits)?;
            let step = if std::mem::take(&mut self.first_waits) {
                self.first_step()
            } else {
                self.source.step(&mut self.block)?
            };
            match step {
                Step::Block { rate, channels } if self.is_our_format(rate, channels) => {
                    self.tally.count(&step, self.info.format.container())?;
                    self.accept()?;
                    return Ok(true);
                }
                Step::Block { rate, channels } => self.odd(rate, channels)?,
                Step::End { cut } => {
                    self.info.truncated = cut;
                    return self.finish().map(|()| false);
                }
                step => self.tally.count(&step, self.info.format.container())?,
            }
        }
    }

    fn first_step(&self) -> Step {
        let format = self.info.format;
        Step::Block { rate: format.sample_rate(), channels: usize::from(format.channels()) }
    }

    fn is_our_format(&self, rate: u32, channels: usize) -> bool {
        let format = self.info.format;
        rate == format.sample_rate() && channels == usize::from(format.channels())
    }

    fn accept(&mut self) -> Result<()> {
        for sample in self.block.iter_mut().filter(|sample| sample.is_nan() || sample.abs() > LOUDEST) {
            *sample = 0.0;
            self.info.cleaned_samples += 1;
        }
        self.info.frames += (self.block.len() / usize::from(self.info.format.channels())) as u64;
        let limit = self.limits.max_duration;
        if frames_to_duration(self.info.frames, self.info.format.sample_rate()) > limit {
            return Err(AudioError::TooLong { limit }.into());
        }
        Ok(())
    }

    /// One damaged header may look like another format; a run of them is another recording joined to this one.
    fn odd(&mut self, rate: u32, channels: usize) -> Result<()> {
        let format = self.info.format;
        self.tally.odd += 1;
        if self.tally.odd > MAX_ODD {
            let from = format!("{} Hz, {} channel(s)", format.sample_rate(), format.channels());
            let to = format!("{rate} Hz, {channels} channel(s)");
            return Err(AudioError::FormatChanges { container: container_name(format.container()), from, to }.into());
        }
        self.tally.count(&Step::Damaged, format.container())
    }

    fn finish(&self) -> Result<()> {
        let container = self.info.format.container();
        self.tally.judge(container)?;
        let (found, limit) = (self.report().duration, self.limits.min_duration);
        if found < limit {
            let cut = self.info.truncated;
            return Err(Error::from(AudioError::TooShort { found, limit }).with("cut off", cut));
        }
        Ok(())
    }
}

impl std::fmt::Debug for Decoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decoder").field("report", &self.report()).field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl Tally {
    fn count(&mut self, step: &Step, container: Container) -> Result<()> {
        match step {
            Step::Block { .. } => (self.packets, self.barren, self.odd) = (self.packets + 1, 0, 0),
            Step::Damaged => {
                (self.packets, self.damaged, self.barren) = (self.packets + 1, self.damaged + 1, self.barren + 1);
            }
            _ => self.barren += 1,
        }
        if self.barren > MAX_BARREN {
            return Err(AudioError::Nothing { container: container_name(container) }.into());
        }
        if self.packets == TRIAL_PACKETS { self.judge(container) } else { Ok(()) }
    }

    fn judge(&self, container: Container) -> Result<()> {
        let &Self { packets, damaged, .. } = self;
        if damaged * 2 > packets {
            return Err(AudioError::Damaged { container: container_name(container), damaged, packets }.into());
        }
        Ok(())
    }
}

/// Decodes to the end without keeping a sample.
///
/// ```
/// # fn main() -> voiceclone_core::Result<()> {
/// use voiceclone_core::audio::{Container, DecodeLimits, Pcm, encode, probe};
/// let flac = encode(&Pcm::new(vec![0.1; 48_000], 24_000, 1)?, Container::Flac)?;
/// assert_eq!(probe(&flac.body, None, &DecodeLimits::default())?.duration.as_secs(), 2);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// As [`Decoder::open`] and [`Decoder::next_block`].
pub fn probe(body: &AudioBody, declared: Option<&str>, limits: &DecodeLimits) -> Result<ClipInfo> {
    let mut decoder = Decoder::open(body, declared, limits)?;
    while decoder.next_block()?.is_some() {}
    Ok(decoder.report())
}

/// Decodes everything into memory: 4 bytes per sample, so choose [`DecodeLimits::max_duration`] with care.
///
/// # Errors
/// As [`Decoder::open`] and [`Decoder::next_block`].
pub fn decode(body: &AudioBody, declared: Option<&str>, limits: &DecodeLimits) -> Result<(Pcm, ClipInfo)> {
    let mut decoder = Decoder::open(body, declared, limits)?;
    let mut samples = Vec::new();
    while let Some(block) = decoder.next_block()? {
        samples.extend_from_slice(block);
    }
    let info = decoder.report();
    Ok((Pcm::new(samples, info.format.sample_rate(), info.format.channels())?, info))
}

fn identify(body: &AudioBody, declared: Option<&str>, limits: &DecodeLimits) -> Result<(Container, u64)> {
    let (found, limit) = (body.len(), limits.max_bytes);
    if body.is_empty() {
        return Err(AudioError::Empty.into());
    }
    if found > limit {
        return Err(AudioError::TooManyBytes { found, limit }.into());
    }
    match sniff_reader(&mut body.reader()?).map_err(spool_failed)? {
        (Sniffed::Audio(container), offset) => Ok((container, offset)),
        (other, _) => Err(AudioError::NotAudio { found: other.name(), declared: declared.map(str::to_owned) }.into()),
    }
}

fn format_of(container: Container, source: &Source, rate: u32, channels: usize) -> Result<AudioFormat> {
    AudioFormat::new(container, source.codec(), rate, u16::try_from(channels).unwrap_or(u16::MAX))
}

fn too_slow(spent: Duration, limits: &DecodeLimits) -> Result<()> {
    let limit = limits.max_time;
    if spent > limit { Err(AudioError::TooSlow { limit }.into()) } else { Ok(()) }
}
