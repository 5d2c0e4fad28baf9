//! Which bytes of a text have audio. Knows nothing of how the text was cut or who spoke it.
use std::{collections::BTreeMap, ops::Range};

use super::SpeechText;
use crate::{Error, Result};

const QUOTED_SPANS: usize = 3;
const QUOTED_WORDS: usize = 4;
// Some scripts write whole sentences without a space.
const QUOTED_CHARS: usize = 40;

/// The account of a text's spoken spans. A job may succeed only when it is complete.
///
/// ```
/// use voiceclone_core::text::{Coverage, SpeechText};
/// # fn main() -> voiceclone_core::Result<()> {
/// let text = SpeechText::new("One. Two.", 100)?;
/// let mut coverage = Coverage::of(&text);
/// coverage.add(0..5)?;
/// assert!(!coverage.is_complete());
/// assert_eq!(coverage.missing(), [5..9]);
/// assert_eq!(coverage.missing_words(), "bytes 5..9 (“Two.”)");
/// coverage.add(5..9)?;
/// assert!(coverage.is_complete());
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Coverage {
    text: SpeechText,
    ends: BTreeMap<usize, usize>,
    covered_bytes: usize,
}

impl Coverage {
    /// An account of `text` of which nothing is spoken yet.
    pub fn of(text: &SpeechText) -> Self {
        Self { text: text.clone(), ends: BTreeMap::new(), covered_bytes: 0 }
    }

    /// Notes that the bytes of `span` have audio.
    ///
    /// # Errors
    /// [`Unexpected`](crate::ErrorKind::Unexpected), with nothing noted, if the span is empty, leaves the text, cuts a
    /// character or overlaps what was noted before: each means that audio and text no longer belong together.
    pub fn add(&mut self, span: Range<usize>) -> Result<()> {
        if let Some(defect) = self.defect(&span) {
            return Err(Error::unexpected(format!("a spoken span {defect}"))
                .with("span", format!("{}..{}", span.start, span.end))
                .with("text_bytes", self.text.as_str().len()));
        }
        self.covered_bytes += span.len();
        self.ends.insert(span.start, span.end);
        Ok(())
    }

    /// The spans without audio, in order; neighbours are one span.
    pub fn missing(&self) -> Vec<Range<usize>> {
        let mut missing = Vec::new();
        let mut reached = 0;
        let end_of_text = self.text.as_str().len();
        for (&start, &end) in self.ends.iter().chain([(&end_of_text, &end_of_text)]) {
            if reached < start {
                missing.push(reached..start);
            }
            reached = end;
        }
        missing
    }

    /// Whether every byte of the text has audio.
    pub fn is_complete(&self) -> bool {
        self.covered_bytes == self.text.as_str().len()
    }

    /// The first words of the first missing spans, short enough for an error message; empty if nothing is missing.
    /// It quotes the text, so it is for the text's owner: never for a log's context or a label.
    pub fn missing_words(&self) -> String {
        let missing = self.missing();
        let mut parts: Vec<String> = missing.iter().take(QUOTED_SPANS).map(|span| self.quote(span)).collect();
        if let Some(more @ 1..) = missing.len().checked_sub(QUOTED_SPANS) {
            parts.push(format!("{more} more"));
        }
        parts.join(", ")
    }

    fn defect(&self, span: &Range<usize>) -> Option<&'static str> {
        let text = self.text.as_str();
        if span.is_empty() {
            Some("is empty")
        } else if span.end > text.len() {
            Some("ends after the text")
        } else if text.get(span.clone()).is_none() {
            Some("cuts a character")
        } else if self.ends.range(..span.end).next_back().is_some_and(|(_, &end)| end > span.start) {
            Some("overlaps another")
        } else {
            None
        }
    }

    fn quote(&self, span: &Range<usize>) -> String {
        let missing = self.text.as_str().get(span.clone()).unwrap_or_default().trim();
        let words = missing.split_whitespace().take(QUOTED_WORDS).collect::<Vec<_>>().join(" ");
        let mut quoted: String = words.chars().take(QUOTED_CHARS).collect();
        if quoted.len() < words.len() || missing.split_whitespace().nth(QUOTED_WORDS).is_some() {
            quoted.push('…');
        }
        format!("bytes {}..{} (“{quoted}”)", span.start, span.end)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ErrorKind;

    fn coverage(text: &str) -> Coverage {
        Coverage::of(&SpeechText::new(text, 10_000).expect("accepted"))
    }

    fn refusal(coverage: &mut Coverage, span: Range<usize>) -> String {
        let error = coverage.add(span).expect_err("must be refused");
        assert_eq!(error.kind(), ErrorKind::Unexpected);
        error.to_string()
    }

    #[test]
    fn nothing_is_covered_at_first() {
        assert_eq!(coverage("One. Two.").missing(), vec![0..9; 1]);
        assert!(!coverage("a").is_complete());
    }

    #[test]
    fn holes_at_the_start_the_middle_and_the_end_are_all_missing() {
        let mut coverage = coverage("0123456789");
        for span in [7..8, 2..3, 3..5] {
            coverage.add(span).expect("free");
        }
        assert_eq!(coverage.missing(), [0..2, 5..7, 8..10]);
        assert!(!coverage.is_complete());
    }

    #[test]
    fn spans_that_do_not_fit_the_text_are_refused_and_change_nothing() {
        let mut coverage = coverage("aé你 b");
        let back_to_front = Range { start: 3, end: 1 };
        assert!(refusal(&mut coverage, 1..1).contains("is empty"));
        assert!(refusal(&mut coverage, back_to_front).contains("is empty"));
        assert_eq!(refusal(&mut coverage, 0..9), "a spoken span ends after the text (span: 0..9, text_bytes: 8)");
        assert!(refusal(&mut coverage, 0..2).contains("cuts a character"));
        assert!(refusal(&mut coverage, 4..8).contains("cuts a character"));
        assert_eq!(coverage.missing(), vec![0..8; 1]);
    }

    #[test]
    fn overlapping_spans_are_refused() {
        for (first, second) in [(2..6, 2..6), (2..6, 5..7), (2..6, 0..3), (2..6, 3..5), (2..6, 0..9), (2..6, 2..3)] {
            let mut coverage = coverage("0123456789");
            coverage.add(first).expect("free");
            assert!(refusal(&mut coverage, second).contains("overlaps another"));
            assert_eq!(coverage.missing(), [0..2, 6..10]);
        }
    }

    #[test]
    fn missing_words_name_the_first_spans_shortly() {
        let mut spoken = coverage("One two three four five. Six.");
        assert_eq!(spoken.missing_words(), "bytes 0..29 (“One two three four…”)");
        spoken.add(0..29).expect("free");
        assert_eq!(spoken.missing_words(), "");

        let mut holes = coverage("a.b.c.d.e.");
        for start in [1, 3, 5, 7, 9] {
            holes.add(start..start + 1).expect("free");
        }
        let expected = "bytes 0..1 (“a”), bytes 2..3 (“b”), bytes 4..5 (“c”), 2 more";
        assert_eq!(holes.missing_words(), expected);
        assert_eq!(coverage(&"你".repeat(1000)).missing_words().chars().filter(|&c| c == '你').count(), QUOTED_CHARS);
    }

    proptest! {
        #[test]
        fn it_agrees_with_a_byte_by_byte_account(spans in prop::collection::vec((0_usize..30, 0_usize..8), 0..30)) {
            let mut coverage = coverage("abcdefghijklmnopqrstuvwxyz0123");
            let mut bytes = [false; 30];
            for (start, len) in spans {
                let span = start..start + len;
                let free = len > 0 && span.end <= 30 && !bytes[span.clone()].contains(&true);
                prop_assert_eq!(coverage.add(span.clone()).is_ok(), free);
                if free {
                    bytes[span].fill(true);
                }
            }
            let missing: Vec<usize> = coverage.missing().into_iter().flatten().collect();
            let expected: Vec<usize> = (0..30).filter(|&i| !bytes[i]).collect();
            prop_assert_eq!(coverage.is_complete(), expected.is_empty());
            prop_assert_eq!(missing, expected);
        }
    }
}
