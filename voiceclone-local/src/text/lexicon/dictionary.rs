//! One pronunciation dictionary as misaki stores it. Knows capitalisation, no rule of pronunciation.

use std::{fmt, io::Read as _};

use flate2::read::GzDecoder;
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, MapAccess, Visitor},
};

use super::super::{
    error::TextError,
    table::{Push, Span, Table, Value},
};

/// Words and their pronunciations. A lower-case word also answers to its Capitalised form and the other way round,
/// unless that form has an entry of its own.
#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct Dictionary(Table<Stored>);

/// The pronunciation of a word.
pub(super) enum Entry<'d> {
    Plain(&'d str),
    Senses(&'d Senses),
}

/// Pronunciations by part of speech, `None` where the word is spelled.
pub(super) struct Senses(Vec<(Box<str>, Option<Box<str>>)>);

impl Senses {
    /// The pronunciation for the first of `tags` that has an entry; `None` where the word is spelled.
    pub(super) fn first(&self, tags: &[&str]) -> Option<&str> {
        let entry = |tag: &&str| self.0.iter().find(|(own, _)| **own == **tag);
        tags.iter().find_map(entry)?.1.as_deref()
    }
}

enum Stored {
    Plain(Span),
    Senses(Senses),
}

impl Dictionary {
    /// Reads gzipped JSON, the file `name`.
    pub(super) fn load(name: &'static str, gz: &[u8]) -> Result<Self, TextError> {
        let mut json = String::new();
        let damaged = |source| TextError::Asset { file: name, source };
        GzDecoder::new(gz).read_to_string(&mut json).map_err(|error| damaged(error.into()))?;
        serde_json::from_str(&json).map_err(|error| damaged(error.into()))
    }

    pub(super) fn get(&self, word: &str) -> Option<Entry<'_>> {
        // All keys are ASCII.
        if !word.is_ascii() {
            return None;
        }
        if let Some(entry) = self.exact(word) {
            return Some(entry);
        }
        let (first, rest) = word.split_at_checked(1).filter(|(_, rest)| !rest.is_empty())?;
        if rest.bytes().any(|b| b.is_ascii_uppercase()) {
            return None;
        }
        let lower = first.to_ascii_lowercase();
        if lower == first {
            let capital = first.to_ascii_uppercase();
            if capital == first { None } else { self.exact(&(capital + rest)) }
        } else {
            self.exact(&(lower + rest))
        }
    }

    pub(super) fn contains(&self, word: &str) -> bool {
        self.get(word).is_some()
    }

    /// The pronunciation of a word that has only one.
    pub(super) fn plain(&self, word: &str) -> Option<&str> {
        match self.get(word)? {
            Entry::Plain(phonemes) => Some(phonemes),
            Entry::Senses(_) => None,
        }
    }

    fn exact(&self, word: &str) -> Option<Entry<'_>> {
        Some(match self.0.get(word)? {
            Stored::Plain(span) => Entry::Plain(self.0.text(*span)),
            Stored::Senses(senses) => Entry::Senses(senses),
        })
    }

    /// Every pronunciation.
    #[cfg(test)]
    pub(super) fn pronunciations(&self) -> Vec<&str> {
        let of = |stored| match stored {
            &Stored::Plain(span) => vec![self.0.text(span)],
            Stored::Senses(Senses(senses)) => senses.iter().filter_map(|(_, p)| p.as_deref()).collect(),
        };
        self.0.values().flat_map(of).collect()
    }
}

impl<'de> Value<'de> for Stored {
    fn read<A: MapAccess<'de>>(map: &mut A, text: &mut String) -> Result<Self, A::Error> {
        map.next_value_seed(StoredSeed(text))
    }
}

struct StoredSeed<'t>(&'t mut String);

impl<'de> DeserializeSeed<'de> for StoredSeed<'_> {
    type Value = Stored;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Stored, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for StoredSeed<'_> {
    type Value = Stored;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("phonemes, or phonemes by part of speech")
    }
    fn visit_str<E: serde::de::Error>(self, phonemes: &str) -> Result<Stored, E> {
        Push(self.0).push(phonemes).map(Stored::Plain)
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Stored, A::Error> {
        let mut senses = Vec::new();
        while let Some(sense) = map.next_entry()? {
            senses.push(sense);
        }
        Ok(Stored::Senses(Senses(senses)))
    }
}
