//! Audio as the house sees it: formats, bytes, samples, decoding and encoding.
//!
//! Providers, stores and applications exchange encoded bytes ([`EncodedAudio`]); arithmetic works on [`Pcm`]. There is one
//! boundary each way: [`decode`] and [`encode`]. This module knows no provider and does no signal processing.
mod body;
mod encoded;
mod format;
mod pcm;

pub(crate) use body::blocking;
pub use body::{AudioBody, BoxStream, ReadSeek, SPOOL_THRESHOLD};
pub use encoded::{EncodedAudio, RawAudio};
pub use format::{AudioFormat, Codec, Container, MAX_CHANNELS, SAMPLE_RATES, frames_to_duration};
pub use pcm::{Pcm, from_s16, from_s16_bytes, to_s16, to_s16_bytes};
