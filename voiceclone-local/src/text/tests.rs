//! The front end against readings recorded from the Python original (`tests/data/README.md`), and its promise that
//! nothing is passed over in silence.

use std::{fmt::Write as _, sync::LazyLock};

use proptest::prelude::*;

use super::*;

static FRONT_END: LazyLock<FrontEnd> = LazyLock::new(|| FrontEnd::load().unwrap());

/// Readings that differ from the original on purpose: text, reading, reason.
const DIFFERENT: &[(&str, &str, &str)] =
    &[("$20s and $50s.", "dˈɑləɹz twˈɛntiz ænd dˈɑləɹz fˈɪftiz.", "the original says no dollars")];

#[test]
fn sentences_are_read_as_by_the_original() {
    let recorded = include_str!("../../tests/data/g2p_hibari.tsv");
    let mut wrong = String::new();
    for line in recorded.lines() {
        let (text, original) = line.split_once('\t').unwrap();
        let expected = DIFFERENT.iter().find(|(t, ..)| *t == text).map_or(original, |(_, reading, _)| reading);
        let read = FRONT_END.phonemize(text).unwrap_or_else(|error| format!("error: {error}"));
        if read != expected {
            writeln!(wrong, "{text}\n  expected {expected}\n  read     {read}").unwrap();
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn texts_are_cut_into_the_phrases_of_the_original() {
    for line in include_str!("../../tests/data/phrases_hibari.tsv").lines() {
        let (text, original) = line.split_once('\t').unwrap();
        let text = text.replace("\\n", "\n");
        let phrases = FRONT_END.phrases(&text).unwrap();
        let read: Vec<&str> = phrases.iter().map(|phrase| phrase.phonemes.as_str()).collect();
        assert_eq!(read, original.split('\t').collect::<Vec<_>>(), "{text}");
        assert_spans_cover(&text, &phrases);
    }
}

#[test]
fn ids_are_the_models_between_pads() {
    let phrases = FRONT_END.phrases("Hello there.").unwrap();
    // Recorded from `Hibari.ids`.
    assert_eq!(phrases[0].ids, [0, 50, 83, 54, 156, 31, 16, 81, 156, 86, 123, 4, 0]);
}

#[test]
fn every_phoneme_of_the_dictionaries_has_an_id() {
    for phonemes in FRONT_END.phonemizer.lexicon_pronunciations() {
        let spoken = phonemes.replace('ɾ', "T").replace('ʔ', "t");
        assert!(spoken.chars().all(|c| FRONT_END.vocabulary.has(c)), "{phonemes}");
    }
}

#[test]
fn spans_begin_where_sentences_begin() {
    let text = "  One here. \n\n Two there? 'Three.'  ";
    let covered: Vec<&str> = FRONT_END.phrases(text).unwrap().iter().map(|p| &text[p.span.clone()]).collect();
    assert_eq!(covered, ["  One here. \n\n ", "Two there? ", "'Three.'  "]);
}

#[test]
fn characters_without_a_reading_are_refused_by_name() {
    for (text, named) in [
        ("I said 日本 twice.", "日本"),
        ("Nice 😀!", "😀"),
        ("Привет", "Привет"),
        ("The αβγ of it", "αβγ"),
        ("bell \u{7}", "\u{7}"),
        ("mark\u{301}\u{323} \u{34F}", "\u{301}\u{34F}"),
        ("٣ apples", "٣"),
    ] {
        let error = FRONT_END.phrases(text).unwrap_err();
        let TextError::Characters(found) = &error else { panic!("{text}: {error}") };
        for c in named.chars() {
            assert!(found.contains(&c), "{text}: {found:?}");
            assert!(error.to_string().contains(&format!("U+{:04X}", u32::from(c))), "{error}");
        }
    }
}

#[test]
fn a_text_without_sound_is_refused() {
    for text in ["", "   \n", "***", "()", "?!…", "™ • ®", "\u{FEFF}"] {
        assert!(matches!(FRONT_END.phrases(text), Err(TextError::NothingToSay)), "{text:?}");
    }
}

#[test]
fn what_the_original_drops_is_spoken() {
    for (text, reading) in [
        ("I love $.", "ˌI lˈʌv dˈɑləɹz."),
        ("@’", "æt”"),
        ("5€", "fˈIv jˈʊɹOz"),
        ("100¥", "wˈʌn hˈʌndɹəd jˈɛn"),
        ("$1.234", "wˈʌn pYnt tˈu θɹˈi fˈɔɹ dˈɑləɹz"),
        ("King Charles", "kˈɪŋ ʧˈɑɹlz"),
        ("cafe\u{301}", "kæfˈA"),
        ("soft\u{AD}ware", "sˈɔftwˌɛɹ"),
        ("minus \u{2212}5", "mˈInəs mˈInəs fˈIv"),
        ("ÈVE", "ˈiv"),
    ] {
        assert_eq!(FRONT_END.phonemize(text).unwrap(), reading, "{text}");
    }
}

#[test]
fn a_long_unknown_word_is_read_to_its_end() {
    let start = FRONT_END.phonemize("Llanfairpwllgwyngyllgogerych").unwrap();
    let whole = FRONT_END.phonemize("Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch").unwrap();
    assert!(whole.len() > start.len() + 20, "{start} / {whole}");
}

#[test]
fn ten_thousand_digits_are_read_one_by_one() {
    let text = "9".repeat(10_000);
    let phrases = FRONT_END.phrases(&text).unwrap();
    let nines: usize = phrases.iter().map(|phrase| phrase.phonemes.matches("nˈIn").count()).sum();
    assert_eq!(nines, 10_000);
    assert_spans_cover(&text, &phrases);
}

#[test]
fn long_hostile_texts_end_in_phrases_or_in_an_error() {
    for unit in [
        "1,", "1.", "a-", "a'", "aB", "$1", "((", "!", ".", "a@b.", "http://", "1:1", "A.", "x1", "…\"", "é", "'", "-",
        "/",
    ] {
        let text = unit.repeat(3_000 / unit.len());
        match FRONT_END.phrases(&text) {
            Ok(phrases) => assert_spans_cover(&text, &phrases),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
}

#[test]
fn a_sentence_without_end_is_refused() {
    let error = FRONT_END.phrases(&"word ".repeat(5_000)).unwrap_err();
    assert!(matches!(error, TextError::SentenceTooLong { found: 24_999, max: 20_000 }), "{error}");
}

#[test]
fn a_damaged_asset_is_named() {
    let error = Normalizer::new("{}").err().unwrap();
    assert!(error.to_string().contains("normalize.json"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn spans_cover_whatever_is_spoken(text in "[ -~“”’—…é€\n]{0,80}") {
        match FRONT_END.phrases(&text) {
            Ok(phrases) => assert_spans_cover(&text, &phrases),
            Err(error) => prop_assert!(matches!(error, TextError::NothingToSay), "{text:?}: {error}"),
        }
    }

    #[test]
    fn no_text_panics(text in "\\PC{0,60}") {
        if let Ok(phrases) = FRONT_END.phrases(&text) {
            assert_spans_cover(&text, &phrases);
        }
    }

    #[test]
    fn texts_of_words_and_numbers_are_spoken(words in prop::collection::vec("[a-zA-Z']{1,12}|[$£]?[0-9,.]{1,9}[a-z]{0,2}", 1..12)) {
        let text = words.join(" ");
        if text.contains(char::is_alphanumeric) {
            let phrases = FRONT_END.phrases(&text).unwrap();
            assert_spans_cover(&text, &phrases);
        }
    }
}

fn assert_spans_cover(text: &str, phrases: &[Phrase]) {
    let mut end = 0;
    for phrase in phrases {
        assert_eq!(phrase.span.start, end, "{text:?}");
        assert!(text.get(phrase.span.clone()).is_some(), "{text:?}: {:?}", phrase.span);
        assert!(phrase.phonemes.chars().count() <= 400, "{text:?}");
        end = phrase.span.end;
    }
    assert_eq!(end, text.len(), "{text:?}");
}
