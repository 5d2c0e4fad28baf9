//! The lowest and highest sample of each stretch of a recording, as players draw them.
//!
//! The length of a recording is known when it has been decoded and not before. Stretches begin as single frames, and when
//! there are too many, each two become one: the memory is that of the answer.
use std::{num::NonZeroUsize, time::Duration};

use serde::{Serialize, Serializer, ser::SerializeStruct as _};
use voiceclone_core::{
    Result,
    audio::{DecodeLimits, RawAudio, frames_to_duration, to_s16},
};

use super::{each_block, open};
use crate::blocking::Cancel;

/// Lowest and highest sample of a stretch, over all channels. Full scale is −1 to 1; floating-point recordings may have more.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Peak {
    /// The lowest sample.
    pub min: f32,
    /// The highest sample.
    pub max: f32,
}

/// What a waveform view needs of a recording.
///
/// Serialised, it is what `wavesurfer.js` 7 takes as its options `peaks` and `duration`: two arrays of equal length, drawn up
/// and down from the middle (its `renderer-utils.ts`), and seconds. Values are rounded to four digits.
///
/// ```json
/// {"duration":13.92,"peaks":[[0.0121,0.3007],[-0.0116,-0.2812]]}
/// ```
///
/// ```
/// # fn main() -> voiceclone_core::Result<()> {
/// use std::num::NonZeroUsize;
/// use voiceclone_core::audio::{Container, DecodeLimits, Pcm, RawAudio, encode};
/// use voiceclone_local::picture::Waveform;
/// let pcm = Pcm::new([0.5, -0.25].repeat(8_000), 16_000, 1)?;
/// let audio = RawAudio::new(encode(&pcm, Container::Wav)?.body);
/// let waveform = Waveform::of(&audio, NonZeroUsize::MIN, &DecodeLimits::default())?;
/// assert_eq!(serde_json::to_string(&waveform).unwrap(), r#"{"duration":1.0,"peaks":[[0.5],[-0.25]]}"#);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Waveform {
    sample_rate: u32,
    frames: u64,
    stretches: Stretches,
}

impl Waveform {
    /// Decodes `audio` once and keeps at most `buckets` peaks, and more than half as many unless there are fewer frames. Each
    /// covers the same number of frames, a power of two; only the last may cover fewer. Blocking.
    ///
    /// # Errors
    /// As [`Decoder::open`](voiceclone_core::audio::Decoder::open) and
    /// [`Decoder::next_block`](voiceclone_core::audio::Decoder::next_block).
    pub fn of(audio: &RawAudio, buckets: NonZeroUsize, limits: &DecodeLimits) -> Result<Self> {
        Self::read(audio, buckets, limits, &Cancel::default())
    }

    pub(super) fn read(
        audio: &RawAudio,
        buckets: NonZeroUsize,
        limits: &DecodeLimits,
        cancel: &Cancel,
    ) -> Result<Self> {
        let mut decoder = open(audio, limits)?;
        let mut stretches = Stretches::new(buckets);
        let channels = usize::from(decoder.format().channels());
        each_block(&mut decoder, cancel, |block| block.chunks_exact(channels).for_each(|frame| stretches.add(frame)))?;
        let info = decoder.report();
        Ok(Self { sample_rate: info.format.sample_rate(), frames: info.frames, stretches })
    }

    /// The peaks in order.
    pub fn peaks(&self) -> &[Peak] {
        &self.stretches.peaks
    }

    /// Frames that each peak covers, except perhaps the last.
    pub const fn frames_per_peak(&self) -> u64 {
        self.stretches.frames_each
    }

    /// Frames per second of the recording, in hertz.
    pub const fn sample_rate(&self) -> u32 {
        self.sample_rate
    }

    /// Length of the recording.
    pub fn duration(&self) -> Duration {
        frames_to_duration(self.frames, self.sample_rate)
    }

    /// The same peaks as integers, in the JSON shape of the BBC's `audiowaveform`.
    pub fn audiowaveform(&self, bits: WaveformBits) -> AudioWaveform {
        AudioWaveform {
            version: 2,
            channels: 1,
            sample_rate: self.sample_rate,
            samples_per_pixel: self.frames_per_peak(),
            bits: bits.number(),
            length: self.peaks().len(),
            data: self.peaks().iter().flat_map(|peak| [bits.of(peak.min), bits.of(peak.max)]).collect(),
        }
    }
}

impl Serialize for Waveform {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let rounded = |of: fn(&Peak) -> f32| -> Vec<f32> {
            // Adding zero makes the zero positive.
            self.peaks().iter().map(|peak| (of(peak) * 10_000.0).round() / 10_000.0 + 0.0).collect()
        };
        let mut json = serializer.serialize_struct("Waveform", 2)?;
        json.serialize_field("duration", &self.duration().as_secs_f64())?;
        json.serialize_field("peaks", &[rounded(|peak| peak.max), rounded(|peak| peak.min)])?;
        json.end()
    }
}

/// How many bits an integer peak has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WaveformBits {
    /// −128 to 127: enough for a view, and what `audiowaveform` is mostly used with.
    #[default]
    Eight,
    /// −32768 to 32767.
    Sixteen,
}

impl WaveformBits {
    const fn number(self) -> u8 {
        match self {
            Self::Eight => 8,
            Self::Sixteen => 16,
        }
    }

    /// One sample; what is beyond full scale is cut there. Eight bits are the upper ones of sixteen.
    fn of(self, sample: f32) -> i16 {
        match self {
            Self::Eight => to_s16(sample) >> 8,
            Self::Sixteen => to_s16(sample),
        }
    }
}

/// Peaks in the JSON data format of `audiowaveform`, version 2
/// (<https://github.com/bbc/audiowaveform/blob/master/doc/DataFormat.md>), which `peaks.js` and `waveform-data.js` read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct AudioWaveform {
    /// Of the format: 2.
    pub version: u8,
    /// Always 1: the channels of the recording share one outline.
    pub channels: u8,
    /// Of the recording, hertz.
    pub sample_rate: u32,
    /// Frames that each pair of numbers covers.
    pub samples_per_pixel: u64,
    /// 8 or 16.
    pub bits: u8,
    /// Pairs in `data`.
    pub length: usize,
    /// Lowest and highest sample in turn.
    pub data: Vec<i16>,
}

/// The running answer.
#[derive(Debug, Clone, PartialEq)]
struct Stretches {
    most: usize,
    frames_each: u64,
    /// Frames in the last stretch.
    frames_in_last: u64,
    peaks: Vec<Peak>,
}

impl Stretches {
    fn new(most: NonZeroUsize) -> Self {
        Self { most: most.get(), frames_each: 1, frames_in_last: 0, peaks: Vec::new() }
    }

    fn add(&mut self, frame: &[f32]) {
        let min = frame.iter().copied().fold(f32::INFINITY, f32::min);
        let max = frame.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let full = self.peaks.is_empty() || self.frames_in_last == self.frames_each;
        if full && self.peaks.len() == self.most {
            self.halve();
        }
        match self.peaks.last_mut() {
            Some(last) if self.frames_in_last < self.frames_each => {
                *last = last.with(Peak { min, max });
                self.frames_in_last += 1;
            }
            _ => {
                self.peaks.push(Peak { min, max });
                self.frames_in_last = 1;
            }
        }
    }

    /// Each two full stretches become one. One that is left over becomes half of one.
    fn halve(&mut self) {
        let odd = !self.peaks.len().is_multiple_of(2);
        let pairs = self.peaks.chunks(2).filter_map(|pair| pair.iter().copied().reduce(Peak::with));
        self.peaks = pairs.collect();
        self.frames_in_last = if odd { self.frames_each } else { self.frames_each * 2 };
        self.frames_each *= 2;
    }
}

impl Peak {
    fn with(self, other: Self) -> Self {
        Self { min: self.min.min(other.min), max: self.max.max(other.max) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_minutes_take_no_more_memory_than_the_answer() {
        let mut stretches = Stretches::new(NonZeroUsize::MIN.saturating_add(99));
        for _ in 0..600 * 24_000 {
            stretches.add(&[0.5, -0.5]);
        }
        assert!(stretches.peaks.capacity() <= 128, "{}", stretches.peaks.capacity());
        assert_eq!((stretches.frames_each, stretches.peaks.len()), (262_144, 55));
    }
}
