//! Audio bytes together with what is known of them: everything for ours, nothing yet for an upload.
use std::time::Duration;

use super::{AudioBody, AudioFormat};

/// Encoded audio of a known format.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct EncodedAudio {
    /// What the bytes are.
    pub format: AudioFormat,
    /// How long they play.
    pub duration: Duration,
    /// The bytes.
    pub body: AudioBody,
}

impl EncodedAudio {
    /// Bytes of a known format and length.
    pub fn new(format: AudioFormat, duration: Duration, body: impl Into<AudioBody>) -> Self {
        Self { format, duration, body: body.into() }
    }
}

/// An upload that nobody has looked at: any bytes, and what the sender called them.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RawAudio {
    /// The bytes.
    pub body: AudioBody,
    /// The media type or file name the sender gave. Only ever repeated in messages: the bytes decide.
    pub declared: Option<String>,
}

impl RawAudio {
    /// Bytes as they came.
    pub fn new(body: impl Into<AudioBody>) -> Self {
        Self { body: body.into(), declared: None }
    }

    /// What the sender called them.
    #[must_use]
    pub fn declared(mut self, name: impl Into<String>) -> Self {
        self.declared = Some(name.into());
        self
    }
}
