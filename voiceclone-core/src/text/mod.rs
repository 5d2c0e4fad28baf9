//! Stub until the text branch lands.
use serde::{Deserialize, Serialize};
use std::sync::Arc;
/// Text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SpeechText(Arc<str>);
/// Max.
pub const MAX_TEXT_CHARS: usize = 200_000;
impl SpeechText {
    /// New.
    /// # Errors
    /// None.
    pub fn new(text: impl AsRef<str>, _max: usize) -> crate::Result<Self> {
        Ok(Self(text.as_ref().into()))
    }
    /// Str.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
