//! Cutting a text into sentences, with where each stands. Knows end marks and titles, no pronunciation.
//!
//! A port of `split_sentences` of `hibari/tts.py`.

use std::ops::Range;

use super::{error::TextError, pattern::Pattern};

/// Most characters of a sentence; the work for a sentence grows faster than its length.
const MAX_CHARS: usize = 20_000;

/// The rules, compiled once.
pub(super) struct Sentences {
    end: Pattern,
}

impl Sentences {
    pub(super) fn new() -> Result<Self, TextError> {
        Ok(Self { end: Pattern::new(r#"(?<=[.!?…])["”’)\]]*\s+(?=\S)"#)? })
    }

    /// The byte range of each sentence, without the white space and closing quotes after it.
    pub(super) fn split(&self, text: &str, is_title: impl Fn(&str) -> bool) -> Result<Vec<Range<usize>>, TextError> {
        let mut sentences = Vec::new();
        let mut line_start = 0;
        for line in text.split_inclusive('\n') {
            let start = line_start + line.len() - line.trim_start().len();
            line_start += line.len();
            let line = line.trim();
            let mut cut = 0;
            for found in self.end.find_all(line)? {
                if ends_sentence(line, &found, &is_title) {
                    sentences.push(start + cut..start + found.start);
                    cut = found.end;
                }
            }
            if cut < line.len() {
                sentences.push(start + cut..start + line.len());
            }
        }
        for sentence in &sentences {
            let found = text.get(sentence.clone()).map_or(0, |sentence| sentence.chars().count());
            if found > MAX_CHARS {
                return Err(TextError::SentenceTooLong { found, max: MAX_CHARS });
            }
        }
        Ok(sentences)
    }
}

/// Not after a title or an initial ("Dr. Smith", "J. K. Rowling"), nor before a small letter.
fn ends_sentence(line: &str, found: &Range<usize>, is_title: impl Fn(&str) -> bool) -> bool {
    let (before, after) = (line.get(..found.start).unwrap_or_default(), line.get(found.end..).unwrap_or_default());
    if after.starts_with(char::is_lowercase) {
        return false;
    }
    let Some(before) = before.strip_suffix('.') else {
        return true;
    };
    let word = before.rsplit(' ').next().unwrap_or_default();
    let word = word.trim_start_matches(['(', '"', '“', '\'', '‘']);
    let mut letters = word.chars();
    let is_initial = letters.next().is_some_and(char::is_uppercase) && letters.next().is_none();
    !(is_title(word) || is_initial)
}
