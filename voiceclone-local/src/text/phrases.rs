//! Cutting a sentence's phonemes to what the acoustic model takes at once, and the text each cut covers. Knows
//! phonemes and byte ranges, no pronunciation.

use std::ops::Range;

/// Most phonemes given to the model at once.
const MAX_PHONEMES: usize = 400;

/// `phonemes` in pieces of at most [`MAX_PHONEMES`]: at clause marks as in `hibari/tts.py`, and where a clause is
/// longer still, at spaces and at last anywhere.
pub(super) fn cut(phonemes: &str) -> Vec<String> {
    if length(phonemes) <= MAX_PHONEMES {
        return vec![phonemes.to_owned()];
    }
    let clauses = clauses(phonemes)
        .into_iter()
        .flat_map(|clause| if length(clause) <= MAX_PHONEMES { vec![clause.to_owned()] } else { cut_words(clause) });
    join(clauses)
}

fn length(phonemes: &str) -> usize {
    phonemes.chars().count()
}

fn clauses(phonemes: &str) -> Vec<&str> {
    let mut clauses = Vec::new();
    let mut start = 0;
    for (space, _) in phonemes.match_indices(' ') {
        let clause = phonemes.get(start..space).unwrap_or_default();
        if clause.ends_with([',', ';', ':', '—']) {
            clauses.push(clause);
            start = space + 1;
        }
    }
    clauses.extend(phonemes.get(start..));
    clauses
}

fn cut_words(clause: &str) -> Vec<String> {
    join(clause.split(' ').flat_map(|word| {
        let sounds: Vec<char> = word.chars().collect();
        sounds.chunks(MAX_PHONEMES).map(String::from_iter).collect::<Vec<_>>()
    }))
}

/// Fills pieces up to the limit.
fn join(parts: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut pieces: Vec<String> = Vec::new();
    for part in parts {
        match pieces.last_mut() {
            Some(piece) if length(piece) + length(&part) < MAX_PHONEMES => {
                piece.push(' ');
                piece.push_str(&part);
            }
            _ => pieces.push(part),
        }
    }
    pieces
}

/// Divides `span` of `text` among pieces of the given lengths. The borders inside a sentence are estimates: each
/// piece gets its share of the bytes, up to the end of the word reached.
pub(super) fn divide(text: &str, span: Range<usize>, lengths: &[usize]) -> Vec<Range<usize>> {
    let total: usize = lengths.iter().sum::<usize>().max(1);
    let mut spans = Vec::with_capacity(lengths.len());
    let (mut start, mut spoken) = (span.start, 0);
    for (index, length) in lengths.iter().enumerate() {
        spoken += length;
        let end = if index + 1 == lengths.len() {
            span.end
        } else {
            next_word(text, span.start + span.len() * spoken / total).clamp(start, span.end)
        };
        spans.push(start..end);
        start = end;
    }
    spans
}

/// The first byte after the next white space at or after byte `at`.
fn next_word(text: &str, at: usize) -> usize {
    let from = text.ceil_char_boundary(at);
    let rest = text.get(from..).unwrap_or_default();
    rest.char_indices().find(|(_, c)| c.is_whitespace()).map_or(text.len(), |(space, c)| from + space + c.len_utf8())
}
