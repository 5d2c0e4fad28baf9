//! Where a text may be cut, and how good each place is: one place between every two words. Knows nothing of lengths.
//!
//! Words, graphemes and possible sentence ends are those of Unicode Standard Annex 29 (<https://unicode.org/reports/tr29/>),
//! from ICU4X: its words come from a dictionary where a script writes none (Chinese, Japanese, Thai and so on), and it
//! takes linear time on every text.
use std::ops::Range;

use icu_segmenter::{
    GraphemeClusterSegmenter, SentenceSegmenter, WordSegmenter,
    options::{SentenceBreakInvariantOptions, WordBreakInvariantOptions},
};

use super::{abbreviation::FullStop, is_speakable};

/// How good a place is for a cut, worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    /// Between words without white space.
    Word,
    /// At white space.
    Space,
    /// At a comma, a dash or a bracket.
    Clause,
    /// After a sentence or a line.
    Sentence,
    /// At an empty line, or at the end of the text.
    Paragraph,
}

/// A word, and the place of the cut between it and the next one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) word: Range<usize>,
    pub(super) cut: usize,
    pub(super) rank: Rank,
}

/// The boundaries of one text.
pub(super) struct Boundaries<'a> {
    text: &'a str,
    // One flag for each byte and one for the end: looked up at random, and never more than the text itself.
    graphemes: Vec<bool>,
    sentences: Vec<bool>,
}

impl<'a> Boundaries<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        let sentences = SentenceSegmenter::new(SentenceBreakInvariantOptions::default());
        Self {
            text,
            graphemes: flags(text, GraphemeClusterSegmenter::new().segment_str(text)),
            sentences: flags(text, sentences.segment_str(text)),
        }
    }

    /// Whether the text may be cut at this byte without cutting what a reader sees as one character.
    pub(super) fn is_grapheme(&self, at: usize) -> bool {
        self.graphemes.get(at).copied().unwrap_or(false)
    }

    /// Every word with its cut. Nothing for a text without anything to speak.
    pub(super) fn places(&self) -> Vec<Place> {
        let words = self.words();
        let mut gap_before = 0..words.first().map_or(0, |word| word.start);
        let mut places = Vec::with_capacity(words.len());
        for (i, word) in words.iter().enumerate() {
            let place = match words.get(i + 1) {
                Some(next) => {
                    let pair =
                        Pair { all: self, word, next, starts_line: i == 0 || has_newline(self.slice(&gap_before)) };
                    gap_before = word.end..next.start;
                    pair.place()
                }
                None => Place { word: word.clone(), cut: self.text.len(), rank: Rank::Paragraph },
            };
            places.push(place);
        }
        places
    }

    fn words(&self) -> Vec<Range<usize>> {
        let mut words = Vec::new();
        let mut start = 0;
        let ends = WordSegmenter::new_dictionary(WordBreakInvariantOptions::default()).segment_str(self.text);
        // The first boundary is the start of the text.
        for end in ends.skip(1).filter(|&end| self.is_grapheme(end)) {
            if is_speakable(self.slice(&(start..end))) {
                words.push(start..end);
            }
            start = end;
        }
        words
    }

    fn slice(&self, range: &Range<usize>) -> &'a str {
        self.text.get(range.clone()).unwrap_or_default()
    }
}

fn flags(text: &str, boundaries: impl Iterator<Item = usize>) -> Vec<bool> {
    let mut flags = vec![false; text.len() + 1];
    for at in boundaries {
        if let Some(flag) = flags.get_mut(at) {
            *flag = true;
        }
    }
    flags
}

/// Two neighbouring words and the gap between them.
struct Pair<'a> {
    all: &'a Boundaries<'a>,
    word: &'a Range<usize>,
    next: &'a Range<usize>,
    starts_line: bool,
}

impl Pair<'_> {
    fn place(&self) -> Place {
        let gap = self.gap();
        let (rank, cut) = if newlines(gap) > 1 {
            (Rank::Paragraph, self.after_last_newline())
        } else if let Some(end) = self.sentence_end() {
            (Rank::Sentence, end)
        } else if gap.contains(char::is_whitespace) {
            (if self.is_clause() { Rank::Clause } else { Rank::Space }, self.after_last_white_space())
        } else {
            (if self.is_clause() { Rank::Clause } else { Rank::Word }, self.before_openers(self.next.start))
        };
        Place { word: self.word.clone(), cut: self.on_grapheme(cut), rank }
    }

    fn gap(&self) -> &str {
        self.all.slice(&(self.word.end..self.next.start))
    }

    fn sentence_end(&self) -> Option<usize> {
        let end = (self.word.end + 1..=self.next.start)
            .rev()
            .find(|&at| self.all.sentences.get(at).copied().unwrap_or(false))?;
        if self.sentence_continues() {
            return None;
        }
        let before_end = self.all.slice(&(self.word.end..end));
        if before_end.contains(char::is_whitespace) {
            Some(self.skip_white_space(end))
        } else {
            Some(self.before_openers(end))
        }
    }

    fn sentence_continues(&self) -> bool {
        let small = self.all.slice(self.next).starts_with(is_small);
        (small && !starts_list_item(self.gap())) || self.abbreviates() == Some(true)
    }

    /// A full stop before a small letter ends no sentence, but whoever writes no capitals pauses there.
    fn is_clause(&self) -> bool {
        has_clause_mark(self.gap()) || self.abbreviates() == Some(false)
    }

    /// Whether the full stop belongs to the word, if a full stop and white space follow it.
    fn abbreviates(&self) -> Option<bool> {
        let (before, after) = (self.all.slice(self.word), self.all.slice(self.next));
        let lone = self.gap().strip_prefix('.')?.starts_with(char::is_whitespace);
        lone.then(|| FullStop { before, after, starts_line: self.starts_line }.continues())
    }

    fn after_last_newline(&self) -> usize {
        let at = self.gap().rfind(is_newline).unwrap_or(0);
        self.skip_white_space(self.word.end + at)
    }

    fn after_last_white_space(&self) -> usize {
        let at = self.gap().rfind(char::is_whitespace).unwrap_or(0);
        self.skip_white_space(self.word.end + at)
    }

    /// White space belongs to what it follows.
    fn skip_white_space(&self, at: usize) -> usize {
        let rest = self.all.slice(&(at..self.next.start));
        self.next.start - rest.trim_start().len()
    }

    /// An opening quote or bracket, or a sign such as that of a currency, belongs to the word after it.
    fn before_openers(&self, at: usize) -> usize {
        let gap = self.all.slice(&(self.word.end..at));
        self.word.end + gap.trim_end_matches(OPENERS).len()
    }

    fn on_grapheme(&self, at: usize) -> usize {
        // Both ends of a gap are boundaries, so there is one on the way.
        (at..=self.next.start).find(|&at| self.all.is_grapheme(at)).unwrap_or(self.next.start)
    }
}

const OPENERS: &[char] = &[
    '(', '[', '{', '“', '‘', '«', '‹', '„', '¿', '¡', '「', '『', '【', '《', '〈', '\u{ff08}', '\u{ff3b}', '$', '€',
    '£', '¥', '#', '@', '+', '<',
];

/// A small letter of a script that begins sentences with a capital. Georgian letters count as small in Unicode, but
/// nobody writes their capitals there.
fn is_small(c: char) -> bool {
    c.is_lowercase() && !('\u{10d0}'..='\u{10ff}').contains(&c)
}

fn is_newline(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Whether a new line and a bullet come before the next word.
fn starts_list_item(gap: &str) -> bool {
    gap.rsplit_once(is_newline)
        .is_some_and(|(_, line)| line.trim_start().starts_with(['-', '*', '+', '•', '·', '–', '—']))
}

fn has_newline(gap: &str) -> bool {
    gap.contains(is_newline)
}

/// Lines that end in this gap; a carriage return with its line feed is one.
fn newlines(gap: &str) -> usize {
    gap.chars().filter(|&c| is_newline(c)).count() - gap.matches("\r\n").count()
}

/// Whether a speaker would pause here within a sentence. A comma or colon needs white space beside it ("12:30"), a dash
/// on both sides ("well-known"); the marks of scripts without spaces need none.
fn has_clause_mark(gap: &str) -> bool {
    let spaced = gap.contains(char::is_whitespace);
    let apart = gap.starts_with(char::is_whitespace) && gap.ends_with(char::is_whitespace);
    gap.contains(CLAUSE_MARKS)
        || (spaced && gap.contains(CLAUSE_MARKS_WITH_SPACE))
        || (apart && gap.contains(['-', '–']))
}

const CLAUSE_MARKS: &[char] = &[
    '—', '…', '、', '。', '،', '؛', '፣', '\u{ff0c}', '\u{ff1b}', '\u{ff1a}', '\u{ff1f}', '\u{ff01}', '\u{ff08}',
    '\u{ff09}',
];

const CLAUSE_MARKS_WITH_SPACE: &[char] = &[',', ';', ':', '?', '!', '(', ')', '[', ']'];
