//! Part-of-speech tags (Penn Treebank) by an averaged perceptron: a word with one dominant tag is answered from a
//! dictionary, the others from weights. Knows no pronunciation.
//!
//! A port of `hibari/g2p/tagger.py`.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error as _, MapAccess, Visitor},
};

use super::table::{Table, WordSet};

/// All tags, in the order that decides between equal scores: the last wins.
const TAGS: [&str; 50] = [
    "$", "''", ",", "-LRB-", "-RRB-", ".", ":", "ADD", "AFX", "CC", "CD", "DT", "EX", "FW", "HYPH", "IN", "JJ", "JJR",
    "JJS", "LS", "MD", "NFP", "NN", "NNP", "NNPS", "NNS", "PDT", "POS", "PRP", "PRP$", "RB", "RBR", "RBS", "RP", "SYM",
    "TO", "UH", "VB", "VBD", "VBG", "VBN", "VBP", "VBZ", "WDT", "WP", "WP$", "WRB", "XX", "_SP", "``",
];
const BEFORE: [&str; 2] = ["-START2-", "-START-"];
const AFTER: [&str; 2] = ["-END-", "-END2-"];

/// An index into [`TAGS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Tag(u8);

impl Tag {
    /// The tag called `name`.
    pub(super) fn named(name: &str) -> Option<Self> {
        let index = TAGS.iter().position(|tag| *tag == name)?;
        u8::try_from(index).ok().map(Self)
    }

    pub(super) fn name(self) -> &'static str {
        TAGS.get(usize::from(self.0)).copied().unwrap_or("NN")
    }
}

impl<'de> Deserialize<'de> for Tag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Name;
        impl Visitor<'_> for Name {
            type Value = Tag;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a Penn Treebank tag")
            }
            fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Tag, E> {
                Tag::named(name).ok_or_else(|| E::custom(format_args!("unknown tag {name}")))
            }
        }
        deserializer.deserialize_str(Name)
    }
}

/// Weights of one feature in tenths, the precision of the file.
struct Weights(Box<[(Tag, i16)]>);

impl<'de> Deserialize<'de> for Weights {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ByTag;
        impl<'de> Visitor<'de> for ByTag {
            type Value = Weights;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of weights with one decimal")
            }
            #[expect(clippy::cast_possible_truncation, reason = "checked to be a whole number of tenths in range")]
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Weights, A::Error> {
                let mut weights = Vec::new();
                while let Some((tag, weight)) = map.next_entry::<Tag, f64>()? {
                    let tenths = (weight * 10.0).round() as i16;
                    if (f64::from(tenths) / 10.0 - weight).abs() > f64::EPSILON {
                        return Err(A::Error::custom(format_args!("weight {weight} is not in tenths")));
                    }
                    weights.push((tag, tenths));
                }
                Ok(Weights(weights.into()))
            }
        }
        deserializer.deserialize_map(ByTag)
    }
}

/// The model of `tagger.json`.
#[derive(Deserialize)]
pub(super) struct Tagger {
    tagdict: Table<Tag>,
    vocab: WordSet,
    weights: Table<Weights>,
}

impl Tagger {
    pub(super) fn tag(&self, words: &[&str]) -> Vec<Tag> {
        let window = self.window(words);
        let mut tags: Vec<Tag> = Vec::with_capacity(words.len());
        let (mut previous, mut before) = (BEFORE[1], BEFORE[0]);
        for (index, (word, around)) in words.iter().zip(window.windows(5)).enumerate() {
            let known = self.tagdict.get(word).copied();
            let tag = known.unwrap_or_else(|| self.predict(&features(index, word, around, previous, before)));
            tags.push(tag);
            (before, previous) = (previous, tag.name());
        }
        tags
    }

    /// Normalised words with two marks before and after; a word outside the vocabulary stands as its shape.
    fn window(&self, words: &[&str]) -> Vec<String> {
        let inner = words.iter().map(|word| {
            let norm = norm(word);
            if self.vocab.contains(&norm) { norm } else { format!("<{}>", shape(word)) }
        });
        let before = BEFORE.into_iter().map(str::to_owned);
        before.chain(inner).chain(AFTER.into_iter().map(str::to_owned)).collect()
    }

    fn predict(&self, features: &[String]) -> Tag {
        // Sums of f64 in the order of the features, as in the original: rounding decides some ties.
        // The feature "b" is always known, so there is always a score.
        let mut scores = [0.0; TAGS.len()];
        for weights in features.iter().filter_map(|feature| self.weights.get(feature)) {
            for (tag, tenths) in &weights.0 {
                if let Some(score) = scores.get_mut(usize::from(tag.0)) {
                    *score += f64::from(*tenths) / 10.0;
                }
            }
        }
        let by_tag = scores.iter().zip((0..).map(Tag));
        by_tag.max_by(|(a, _), (b, _)| f64::total_cmp(a, b)).map_or(Tag(0), |(_, tag)| tag)
    }
}

fn norm(word: &str) -> String {
    if word.contains('-') && !word.starts_with('-') {
        "!HYPHEN".into()
    } else if is_digits(word) && word.len() == 4 {
        "!YEAR".into()
    } else if word.starts_with(is_digit) {
        "!DIGITS".into()
    } else {
        word.to_lowercase()
    }
}

fn shape(word: &str) -> String {
    if is_digits(word) {
        return "d".into();
    }
    if !word.chars().all(char::is_alphabetic) {
        let class = |c: char| {
            if is_digit(c) {
                'd'
            } else if c.is_alphabetic() {
                'x'
            } else {
                c
            }
        };
        return word.chars().take(4).map(class).collect();
    }
    let (upper, lower) = (word.chars().any(char::is_uppercase), word.chars().any(char::is_lowercase));
    let mut rest = word.chars();
    let capital = rest.next().is_some_and(char::is_uppercase);
    match (upper, lower) {
        (false, true) => "x",
        (true, false) if rest.next().is_some() => "XX",
        (true, false) => "X1",
        _ if capital && !rest.any(char::is_uppercase) => "Xx",
        _ => "xX",
    }
    .into()
}

fn is_digits(word: &str) -> bool {
    !word.is_empty() && word.chars().all(is_digit)
}

/// Python's `str.isdigit` for the accepted alphabet.
fn is_digit(c: char) -> bool {
    c.is_ascii_digit() || matches!(c, '²' | '³')
}

/// The last three characters.
fn ending(word: &str) -> &str {
    let start = word.char_indices().rev().nth(2).map_or(0, |(at, _)| at);
    word.get(start..).unwrap_or_default()
}

/// `around` is the window of five with the word in the middle.
fn features(index: usize, word: &str, around: &[String], previous: &str, before: &str) -> Vec<String> {
    let at = |place: usize| around.get(place).map_or("", String::as_str);
    let first = word.chars().next().map(String::from).unwrap_or_default();
    vec![
        "b".into(),
        format!("s3={}", ending(word)),
        format!("p1={first}"),
        format!("w={}", at(2)),
        format!("sh={}", shape(word)),
        (if index == 0 { "i0" } else { "i+" }).into(),
        format!("t-1={previous}"),
        format!("t-2={before}"),
        format!("t-12={previous},{before}"),
        format!("w-1={}", at(1)),
        format!("s3-1={}", ending(at(1))),
        format!("w-2={}", at(0)),
        format!("w+1={}", at(3)),
        format!("s3+1={}", ending(at(3))),
        format!("w+2={}", at(4)),
    ]
}
