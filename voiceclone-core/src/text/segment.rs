//! Cuts a text into the pieces that are spoken one by one. Knows lengths; where a cut is good is `boundary`'s matter.
use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::boundary::{Boundaries, Rank};
use crate::{Error, Result};

const PREFERRED_CHARS: usize = 250;

/// How long a segment may be, in characters (Unicode scalar values).
///
/// ```
/// use voiceclone_core::text::SegmentLimit;
/// let limit = SegmentLimit::new(4096)?.with_preferred(300)?;
/// assert!(SegmentLimit::new(200)?.with_preferred(300).is_err());
/// # Ok::<(), voiceclone_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentLimit {
    max: usize,
    preferred: usize,
}

impl SegmentLimit {
    /// At most `max` characters, what the synthesizer accepts; sentences are packed together up to 250 of them.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if `max` is 0.
    pub fn new(max: usize) -> Result<Self> {
        if max == 0 {
            return Err(Error::invalid("a segment limit of 0 characters was given; it must be at least 1"));
        }
        Ok(Self { max, preferred: PREFERRED_CHARS.min(max) })
    }

    /// Packs sentences together up to `preferred` characters. With 1, every sentence is a segment of its own.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if `preferred` is 0 or more than the most that is allowed.
    pub fn with_preferred(self, preferred: usize) -> Result<Self> {
        if (1..=self.max).contains(&preferred) {
            return Ok(Self { preferred, ..self });
        }
        let max = self.max;
        Err(Error::invalid(format!("a preferred segment of {preferred} characters was given; it must be 1 to {max}")))
    }
}

/// The silence that belongs between a segment and the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Pause {
    /// The sentence goes on, or the text ends.
    None,
    /// A sentence or a line ended.
    Sentence,
    /// A paragraph ended.
    Paragraph,
}

/// A piece of text that is spoken in one go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// Its bytes in the text, white space after it included.
    pub span: Range<usize>,
    /// The silence after it.
    pub pause: Pause,
}

/// Cuts `text` at sentence ends into segments that together are the whole text, in order and without a gap.
///
/// Short sentences are packed together up to the preferred length, but never across an empty line, whose pause no
/// synthesizer can be trusted with; the first segment is at most one sentence, so that the first audio comes early. A
/// sentence over the limit is cut after clauses, else at white space, else between words. Every segment has a
/// letter or digit to speak. Takes time linear in the length of the text.
///
/// ```
/// use voiceclone_core::text::{Pause, SegmentLimit, segment};
/// let segments = segment("Chapter 1\n\nIt was late. She paid $3.14.", SegmentLimit::new(100)?)?;
/// assert_eq!((segments[0].span.clone(), segments[0].pause), (0..11, Pause::Paragraph));
/// assert_eq!((segments[1].span.clone(), segments[1].pause), (11..39, Pause::None));
/// # Ok::<(), voiceclone_core::Error>(())
/// ```
///
/// # Errors
/// [`InvalidInput`](crate::ErrorKind::InvalidInput) if the text has nothing to speak, or if a single word, or the run of
/// signs and white space around it, is longer than the limit; the message names the length, never the text.
pub fn segment(text: &str, limit: SegmentLimit) -> Result<Vec<Segment>> {
    let units = units(text, limit.max)?;
    let mut segments = Vec::new();
    let mut start = 0;
    let mut rest = units.as_slice();
    while !rest.is_empty() {
        let wanted = if segments.is_empty() { 1 } else { limit.preferred };
        let (taken, left) = rest.split_at(take(rest.iter(), SegmentLimit { preferred: wanted, ..limit }));
        if let Some(last) = taken.last() {
            let pause = if left.is_empty() { Pause::None } else { last.rank.pause() };
            segments.push(Segment { span: start..last.end, pause });
            start = last.end;
        }
        rest = left;
    }
    Ok(segments)
}

impl Rank {
    fn pause(self) -> Pause {
        match self {
            Self::Paragraph => Pause::Paragraph,
            Self::Sentence => Pause::Sentence,
            Self::Clause | Self::Space | Self::Word => Pause::None,
        }
    }
}

/// One word with the signs and white space around it: what no segment can have less of. That every segment is made
/// of whole units is why none is without something to speak.
struct Unit {
    end: usize,
    chars: usize,
    rank: Rank,
}

fn units(text: &str, max: usize) -> Result<Vec<Unit>> {
    let boundaries = Boundaries::of(text);
    let places = boundaries.places();
    if places.is_empty() {
        return Err(Error::invalid("the text has nothing to speak; at least one letter or digit is needed"));
    }
    let cutter = Cutter { text, boundaries, max };
    let mut units = Vec::with_capacity(places.len());
    let mut start = 0;
    for (i, place) in places.iter().enumerate() {
        let next = places.get(i + 1).map(|next| &next.word);
        let end = cutter.fit(start, &place.word, place.cut, next)?;
        units.push(Unit { end, chars: cutter.chars(start, end), rank: place.rank });
        start = end;
    }
    Ok(units)
}

/// Moves a cut where a long run of signs or white space does not fit beside one word.
struct Cutter<'a> {
    text: &'a str,
    boundaries: Boundaries<'a>,
    max: usize,
}

impl Cutter<'_> {
    fn fit(&self, start: usize, word: &Range<usize>, cut: usize, next: Option<&Range<usize>>) -> Result<usize> {
        let Some(next) = next else {
            return if self.chars(start, cut) <= self.max { Ok(cut) } else { Err(self.refuse(start, word, cut)) };
        };
        let latest = self.latest(start, word, next.start).ok_or_else(|| self.refuse(start, word, word.end))?;
        let earliest = self.earliest(word.end, next).ok_or_else(|| self.refuse(next.start, next, next.end))?;
        if earliest > latest { Err(self.refuse(word.end, word, next.start)) } else { Ok(cut.clamp(earliest, latest)) }
    }

    /// The last place after `word` to which a segment from `start` can reach.
    fn latest(&self, start: usize, word: &Range<usize>, next_start: usize) -> Option<usize> {
        let room = self.max.checked_sub(self.chars(start, word.end))?;
        let gap = self.text.get(word.end..next_start)?;
        let reach = gap.char_indices().nth(room).map_or(next_start, |(i, _)| word.end + i);
        (word.end..=reach).rev().find(|&at| self.boundaries.is_grapheme(at))
    }

    /// The first place after `word_end` from which a segment can reach the end of `next`.
    fn earliest(&self, word_end: usize, next: &Range<usize>) -> Option<usize> {
        let room = self.max.checked_sub(self.chars(next.start, next.end))?;
        let gap = self.text.get(word_end..next.start)?;
        let reach = if room == 0 {
            next.start
        } else {
            gap.char_indices().rev().nth(room - 1).map_or(word_end, |(i, _)| word_end + i)
        };
        (reach..=next.start).find(|&at| self.boundaries.is_grapheme(at))
    }

    fn chars(&self, start: usize, end: usize) -> usize {
        self.text.get(start..end).map_or(0, |piece| piece.chars().count())
    }

    fn refuse(&self, start: usize, word: &Range<usize>, end: usize) -> Error {
        let (word, all, max) = (self.chars(word.start, word.end), self.chars(start, end), self.max);
        let found = if word > max {
            format!("one word has {word} characters")
        } else {
            format!("{all} characters are one word or signs without a letter or digit")
        };
        Error::invalid(format!("{found}; a text is spoken in pieces of at most {max} characters"))
            .with("at_byte", start)
    }
}

/// How many units make the next segment.
///
/// It looks no further than `max` characters, and then takes the last unit of the best rank: a place it passed over
/// had a lower rank than the one it took. So a unit is looked at no more than about once for each rank, however
/// hostile the text.
fn take<'a>(units: impl Iterator<Item = &'a Unit>, limit: SegmentLimit) -> usize {
    // A unit fits the limit by itself, so one can always be taken.
    let mut best = (Rank::Word, 1);
    let mut chars = 0;
    for (unit, count) in units.zip(1_usize..) {
        chars += unit.chars;
        let has_sentence = best.0 == Rank::Sentence;
        if chars > limit.max || (chars > limit.preferred && has_sentence) {
            break;
        }
        if unit.rank >= best.0 {
            best = (unit.rank, count);
        }
        if unit.rank == Rank::Paragraph {
            break;
        }
    }
    best.1
}

#[cfg(test)]
#[path = "segment_tests.rs"]
mod tests;
