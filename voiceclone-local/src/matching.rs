//! Voice matching: making the base voice sound like the one in a recording.
//!
//! No network is trained. A [`VoiceProfile`] holds what separates the recording from the base voice: pitch statistics,
//! the length of the vocal tract, mean envelopes, offsets per class of sound, and some envelopes of the recording itself.
//! [`VoiceProfile::apply`] moves the vocoder's parameters by it. The result approximates a voice; it is not a clone.

mod base;
mod cepstrum;
mod clusters;
mod convert;
mod neighbours;
mod phase;
mod pitch_map;
mod profile;
mod smoothing;

pub use profile::{VoiceMatcher, VoiceProfile};

use crate::acoustic::AcousticError;
use crate::analysis::ResampleError;

/// Least voiced speech a profile is built from, in seconds.
pub const MIN_VOICED_SECONDS: f32 = 1.0;
/// Lowest and highest sampling rate of a reference, in hertz.
pub const REFERENCE_RATES: std::ops::RangeInclusive<u32> = 8_000..=192_000;
/// Longest reference that is analysed, in seconds; the preparation cuts clips well below it.
pub const MAX_REFERENCE_SECONDS: f32 = 120.0;

/// Why a recording gave no profile.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MatchingError {
    /// A sampling rate outside [`REFERENCE_RATES`].
    #[error("found a reference at {found} Hz, 8000 to 192000 Hz are accepted")]
    Rate {
        /// The rate.
        found: u32,
    },
    /// A clip longer than [`MAX_REFERENCE_SECONDS`].
    #[error("found a reference of {found:.1} s, at most {MAX_REFERENCE_SECONDS} s are accepted")]
    TooLong {
        /// Its duration in seconds.
        found: f32,
    },
    /// A sample that is no number.
    #[error("sample {index} of the reference is not a finite number")]
    NotFinite {
        /// Its index.
        index: usize,
    },
    /// Nothing louder than -60 dB of full scale.
    #[error("the reference is silent: its peak is {peak:.5} of full scale, speech needs 0.001 or more")]
    Silent {
        /// Largest magnitude.
        peak: f32,
    },
    /// Too little of the clip has a pitch: it is short, or noise, or no voice.
    #[error("found {found:.2} s of voiced speech in a reference of {duration:.2} s, {MIN_VOICED_SECONDS} s are needed")]
    TooLittleVoice {
        /// Voiced speech in seconds.
        found: f32,
        /// Duration of the clip in seconds.
        duration: f32,
    },
    /// The clip could not be resampled.
    #[error("the reference cannot be analysed")]
    Resample(#[from] ResampleError),
    /// The base voice could not be made to speak for the comparison.
    #[error("the base voice cannot be measured")]
    BaseVoice(#[from] AcousticError),
}
