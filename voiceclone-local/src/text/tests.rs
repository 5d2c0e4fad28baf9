//! The front end against readings recorded from the Python original (`tests/data/README.md`), and its promise that
//! nothing is passed over in silence.

use std::sync::LazyLock;

use super::*;

static FRONT_END: LazyLock<FrontEnd> = LazyLock::new(|| FrontEnd::load().unwrap());

/// Readings that differ from the original on purpose: text, reading, reason.
const DIFFERENT: &[(&str, &str, &str)] = &[];

#[test]
fn sentences_are_read_as_by_the_original() {
    let recorded = include_str!("../../tests/data/g2p_hibari.tsv");
    let mut wrong = String::new();
    for line in recorded.lines() {
        let (text, original) = line.split_once('\t').unwrap();
        let expected = DIFFERENT.iter().find(|(t, ..)| *t == text).map_or(original, |(_, reading, _)| reading);
        let read = FRONT_END.phonemize(text).unwrap_or_else(|error| format!("error: {error}"));
        if read != expected {
            wrong += &format!("{text}\n  expected {expected}\n  read     {read}\n");
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}
