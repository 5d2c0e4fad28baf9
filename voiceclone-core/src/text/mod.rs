//! Text to be spoken: what is accepted, where it may be cut, and whether all of it has been spoken.
//!
//! This room knows nothing of providers or audio: a provider's limit comes in as a number of characters, and what
//! goes out are byte spans of the text. The spans of [`segment`] are the whole text without a gap, and [`Coverage`]
//! says which of them are still owed, so that nobody can report a text as spoken with a part of it missing.
//!
//! ```
//! use voiceclone_core::text::{Coverage, SegmentLimit, SpeechText, segment};
//! # fn main() -> voiceclone_core::Result<()> {
//! let text = SpeechText::new("Dr. Ray is in. Will you wait?", 4096)?;
//! let segments = segment(text.as_str(), SegmentLimit::new(500)?)?;
//! let spoken: Vec<&str> = segments.iter().map(|s| &text.as_str()[s.span.clone()]).collect();
//! assert_eq!(spoken, ["Dr. Ray is in. ", "Will you wait?"]);
//!
//! let mut coverage = Coverage::of(&text);
//! for segment in segments {
//!     coverage.add(segment.span)?;
//! }
//! assert!(coverage.is_complete());
//! # Ok(()) }
//! ```
mod abbreviation;
mod boundary;
mod coverage;
mod segment;
mod speech_text;

pub use coverage::Coverage;
pub use segment::{Pause, Segment, SegmentLimit, segment};
pub use speech_text::{MAX_TEXT_CHARS, SpeechText};

/// Whether a synthesizer has anything to say for this: a letter or digit of any script.
fn is_speakable(text: &str) -> bool {
    text.contains(char::is_alphanumeric)
}
