//! Text that may be spoken: not empty, not endless, no control characters. Knows nothing of where it will be cut.
use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use super::is_speakable;
use crate::{Error, Result};

/// The most characters (Unicode scalar values) that a text may have unless the application says otherwise.
pub const MAX_TEXT_CHARS: usize = 200_000;

/// Text that was checked once and is cheap to clone.
///
/// `Debug` tells its length only, so that no log line repeats what a person had spoken.
///
/// ```
/// use voiceclone_core::text::{MAX_TEXT_CHARS, SpeechText};
/// assert_eq!(SpeechText::new("Hello!", MAX_TEXT_CHARS)?.as_str(), "Hello!");
/// let refused = SpeechText::new("a\u{0}b", MAX_TEXT_CHARS).unwrap_err();
/// assert_eq!(
///     refused.message(),
///     "the text has the control character U+0000 at character 2; of these only line feed, carriage return and tab are accepted"
/// );
/// # Ok::<(), voiceclone_core::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct SpeechText(Arc<str>);

impl SpeechText {
    /// Checks `text`. No more than the first `max_chars` characters are read before a longer text is refused.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for a text that is empty, only white space, without any letter
    /// or digit, longer than `max_chars`, or that has control characters other than line feed, carriage return and
    /// tab. The message never repeats the text.
    pub fn new(text: &str, max_chars: usize) -> Result<Self> {
        if text.is_empty() {
            return Err(Error::invalid("the text is empty; at least one letter or digit is needed"));
        }
        refuse_too_long(text, max_chars)?;
        refuse_control_characters(text)?;
        if text.trim().is_empty() {
            return Err(Error::invalid("the text is only white space; at least one letter or digit is needed"));
        }
        if !is_speakable(text) {
            return Err(Error::invalid("the text has nothing to speak; at least one letter or digit is needed"));
        }
        Ok(Self(text.into()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its length in characters (Unicode scalar values), the unit of every limit.
    pub fn char_count(&self) -> usize {
        self.0.chars().count()
    }
}

fn refuse_too_long(text: &str, max_chars: usize) -> Result<()> {
    if text.chars().nth(max_chars).is_none() {
        return Ok(());
    }
    // Counting the rest would let a client choose how long a refusal takes; its size in bytes is known anyway.
    let bytes = text.len();
    Err(Error::invalid(format!("the text is too long: {bytes} bytes; at most {max_chars} characters are accepted")))
}

fn refuse_control_characters(text: &str) -> Result<()> {
    let refused = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
    match text.chars().zip(1_usize..).find(|&(c, _)| refused(c)) {
        None => Ok(()),
        Some((c, position)) => Err(Error::invalid(format!(
            "the text has the control character U+{:04X} at character {position}; \
             of these only line feed, carriage return and tab are accepted",
            u32::from(c)
        ))),
    }
}

impl TryFrom<String> for SpeechText {
    type Error = Error;

    /// [`SpeechText::new`] with [`MAX_TEXT_CHARS`].
    fn try_from(text: String) -> Result<Self> {
        Self::new(&text, MAX_TEXT_CHARS)
    }
}

impl AsRef<str> for SpeechText {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Debug for SpeechText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SpeechText({} characters)", self.char_count())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    fn refusal(text: &str, max_chars: usize) -> String {
        let error = SpeechText::new(text, max_chars).expect_err("must be refused");
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        error.chain()
    }

    #[test]
    fn letters_and_digits_of_any_script_are_accepted() {
        for text in ["a", "7", "  Ça va?\r\n\tOui. ", "你好", "नमस्ते", "مرحبا", "สวัสดี", "٣"]
        {
            assert_eq!(SpeechText::new(text, 100).expect("accepted").as_str(), text);
        }
    }

    #[test]
    fn text_without_anything_to_speak_is_refused_by_its_reason() {
        assert!(refusal("", 10).contains("is empty"));
        assert!(refusal(" \n\t\u{3000}\u{2029}", 10).contains("only white space"));
        for text in ["...", "?!", "— ( ) —", "🙂🙂", "\u{200b}", "。"] {
            assert!(refusal(text, 10).contains("nothing to speak"), "{text}");
        }
    }

    #[test]
    fn the_limit_counts_characters_not_bytes_and_is_inclusive() {
        assert_eq!(SpeechText::new("你好吗", 3).expect("accepted").char_count(), 3);
        assert_eq!(refusal("你好吗啊", 3), "the text is too long: 12 bytes; at most 3 characters are accepted");
        assert!(SpeechText::new(&"a".repeat(MAX_TEXT_CHARS), MAX_TEXT_CHARS).is_ok());
        assert!(refusal(&"a".repeat(1_000_000), MAX_TEXT_CHARS).contains("1000000 bytes"));
    }

    #[test]
    fn control_characters_are_named_by_code_point_and_character_position_without_the_text() {
        let expected = "the text has the control character U+0007 at character 7; \
                        of these only line feed, carriage return and tab are accepted";
        assert_eq!(refusal("secrét\u{7}", 10), expected);
        assert!(refusal("a\u{7f}", 10).contains("U+007F at character 2"));
        assert!(refusal("\u{85}a", 10).contains("U+0085 at character 1"));
    }

    #[test]
    fn on_the_wire_it_is_a_string_that_is_checked_on_the_way_in() {
        let text: SpeechText = serde_json::from_str("\"Hi \\n you\"").expect("accepted");
        assert_eq!(text.as_str(), "Hi \n you");
        assert_eq!(serde_json::to_string(&text).expect("a string"), "\"Hi \\n you\"");
        let refused = serde_json::from_str::<SpeechText>("\"\\u0000\"").expect_err("refused");
        assert!(refused.to_string().contains("U+0000"), "{refused}");
    }

    #[test]
    fn debug_tells_the_length_and_not_the_text() {
        let text = SpeechText::new("private", 10).expect("accepted");
        assert_eq!(format!("{text:?}"), "SpeechText(7 characters)");
    }
}
