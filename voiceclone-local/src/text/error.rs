//! Why a text cannot be spoken. Knows nothing of how the front end works.

use std::fmt::Write as _;

/// A text that was refused, or a front end that could not be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TextError {
    /// The text has no word, number or mark with a sound.
    #[error("the text holds nothing that can be spoken; a word, a number or a symbol with a name is needed")]
    NothingToSay,
    /// Characters outside the alphabet the front end reads.
    #[error("the text holds characters this engine cannot read: {}; it reads English in Latin letters, digits, usual punctuation and symbols such as % & @ € °", list(.0))]
    Characters(Vec<char>),
    /// One sentence over the limit that keeps the work for a sentence bounded.
    #[error(
        "a sentence of {found} characters is too long; at most {max} are read without an end mark (. ! ? …) or a line break"
    )]
    SentenceTooLong {
        /// Characters of the sentence.
        found: usize,
        /// Most characters a sentence may have.
        max: usize,
    },
    /// A word for which every rule came out empty: better refused than left out of the speech.
    #[error("no pronunciation was found for {0:?}; write it in words")]
    Unpronounceable(String),
    /// An embedded data file does not have the expected form.
    #[error("the embedded file {file} is damaged")]
    Asset {
        /// Its name under `assets/g2p`.
        file: &'static str,
        /// What went wrong.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A text pattern failed to compile or ran into its work limit.
    #[error("a text pattern failed")]
    Pattern(#[from] Box<fancy_regex::Error>),
    /// The network for unknown words failed.
    #[error("the pronunciation network failed")]
    Network(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// `"日" (U+65E5), "本" (U+672C)`
fn list(characters: &[char]) -> String {
    let mut out = String::new();
    for c in characters {
        let separator = if out.is_empty() { "" } else { ", " };
        // Writing to a String cannot fail.
        let _ = write!(out, "{separator}{c:?} (U+{:04X})", u32::from(*c));
    }
    out
}
