//! Audio as the house sees it: formats, bytes, samples, decoding and encoding.
//!
//! Providers, stores and applications exchange encoded bytes ([`EncodedAudio`]); arithmetic works on [`Pcm`]. There is one
//! boundary each way: [`decode`] and [`encode`]. This module knows no provider and does no signal processing.
mod body;
mod decode;
mod encode;
mod encoded;
mod error;
mod format;
mod metadata;
mod pcm;
mod sniff;
mod spool;

pub(crate) use body::blocking;
pub use body::{AudioBody, BoxStream, ReadSeek, SPOOL_THRESHOLD};
pub use decode::{ClipInfo, DecodeLimits, Decoder, decode, probe};
pub use encode::{AudioWriter, encode};
pub use encoded::{EncodedAudio, RawAudio};
pub use format::{AudioFormat, Codec, Container, MAX_CHANNELS, SAMPLE_RATES, frames_to_duration};
pub use metadata::{TAG_NAMES, read_tags, write_tags};
pub use pcm::{Pcm, from_s16, from_s16_bytes, to_s16, to_s16_bytes};
pub use sniff::{ACCEPTED_AUDIO, SNIFF_BYTES, Sniffed, sniff};
