//! Regular expressions with look-around, as the rules ported from Python need. Knows no rule.

use fancy_regex::{Captures, Regex};

use super::error::TextError;

/// A letter, digit or underscore in Python's sense of `\w`; Rust's `\w` differs in `½` and combining marks.
pub(super) const WORD: &str = r"[\p{L}\p{N}_]";
/// Python's `[^\W\d_]`.
pub(super) const LETTER: &str = r"[\p{L}\p{Nl}\p{No}]";
/// A word boundary before a word character.
pub(super) const START: &str = r"(?<![\p{L}\p{N}_])";
/// A word boundary after a word character.
pub(super) const END: &str = r"(?![\p{L}\p{N}_])";

/// A compiled pattern.
pub(super) struct Pattern(Regex);

impl Pattern {
    pub(super) fn new(pattern: &str) -> Result<Self, TextError> {
        Regex::new(pattern).map(Self).map_err(failed)
    }

    /// Byte ranges of the first match at or after `from`.
    pub(super) fn find(&self, text: &str, from: usize) -> Result<Option<std::ops::Range<usize>>, TextError> {
        let found = self.0.find_from_pos(text, from).map_err(failed)?;
        Ok(found.map(|m| m.range()))
    }

    /// Byte ranges of all matches, which do not overlap.
    pub(super) fn find_all(&self, text: &str) -> Result<Vec<std::ops::Range<usize>>, TextError> {
        self.0.find_iter(text).map(|m| m.map(|m| m.range()).map_err(failed)).collect()
    }

    /// `text` with every match replaced by what `rewrite` makes of it.
    pub(super) fn replace(
        &self,
        text: String,
        mut rewrite: impl FnMut(&Found<'_>) -> String,
    ) -> Result<String, TextError> {
        let mut out = String::new();
        let mut copied = 0;
        for captures in self.0.captures_iter(text.as_str()) {
            let found = Found { captures: captures.map_err(failed)?, text: &text };
            let range = found.range();
            out.push_str(text.get(copied..range.start).unwrap_or_default());
            out.push_str(&rewrite(&found));
            copied = range.end;
        }
        if copied == 0 && out.is_empty() {
            return Ok(text);
        }
        out.push_str(text.get(copied..).unwrap_or_default());
        Ok(out)
    }
}

/// One match and its groups.
pub(super) struct Found<'t> {
    captures: Captures<'t, str>,
    text: &'t str,
}

impl<'t> Found<'t> {
    /// Group `index`, empty where it took no part in the match.
    pub(super) fn group(&self, index: usize) -> &'t str {
        self.captures.get(index).map_or("", |m| m.as_str())
    }

    /// The text after the match.
    pub(super) fn rest(&self) -> &'t str {
        self.text.get(self.range().end..).unwrap_or_default()
    }

    fn range(&self) -> std::ops::Range<usize> {
        self.captures.get(0).map_or(0..0, |m| m.range())
    }
}

/// An alternation of fixed words, the longest first so that no word hides a longer one.
pub(super) fn alternation<'w>(words: impl IntoIterator<Item = &'w str>) -> String {
    let mut words: Vec<_> = words.into_iter().collect();
    words.sort_by_key(|word| std::cmp::Reverse(word.chars().count()));
    words.into_iter().map(escape).collect::<Vec<_>>().join("|")
}

/// `text` as a literal pattern, also inside a character class.
pub(super) fn escape(text: &str) -> String {
    fancy_regex::escape(text).into_owned()
}

fn failed(error: fancy_regex::Error) -> TextError {
    TextError::Pattern(Box::new(error))
}
