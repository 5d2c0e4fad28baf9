//! Which characters are read at all, checked before anything else so that none is passed over in silence. Knows no
//! pronunciation.

use unicode_normalization::UnicodeNormalization as _;

use super::{error::TextError, normalize::is_invisible};

/// Marks and symbols beyond ASCII that the rules read or that only guide the voice.
const SYMBOLS: &str = "“”‘’‚„«»´…–—‐‑‒―−·•¿¡§¶°¢£€¥₹₩™®©±×÷→←½¼¾²³µ";
/// How many different characters an error names.
const NAMED: usize = 16;

/// Refuses a text with characters that have no reading. `reads_letter` tells which letters beyond ASCII do.
pub(super) fn check(text: &str, reads_letter: impl Fn(char) -> bool) -> Result<(), TextError> {
    let mut refused = Vec::new();
    for c in text.nfc() {
        let accepted = match c {
            ' '..='~' | '\t' | '\n' | '\r' => true,
            _ if c.is_control() => false,
            _ if c.is_whitespace() || is_invisible(c) || SYMBOLS.contains(c) => true,
            _ => is_latin(c) && reads_letter(c),
        };
        if !accepted && refused.len() < NAMED && !refused.contains(&c) {
            refused.push(c);
        }
    }
    if refused.is_empty() { Ok(()) } else { Err(TextError::Characters(refused)) }
}

/// A letter of the Latin blocks.
fn is_latin(c: char) -> bool {
    c.is_alphabetic() && matches!(c, '\u{AA}'..='\u{24F}' | '\u{1E00}'..='\u{1EFF}')
}
