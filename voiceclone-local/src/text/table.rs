//! A read-only map from words to values with all words in one string: the lexica hold 180 000 words and the
//! tagger 100 000 features, for which a hash map of owned strings would cost several times the memory.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, MapAccess, SeqAccess, Visitor},
};

/// Sorted words and their values.
pub(super) struct Table<V> {
    text: String,
    entries: Vec<(Span, V)>,
}

/// A range of a string of less than 4 GiB.
#[derive(Clone, Copy)]
pub(super) struct Span {
    start: u32,
    end: u32,
}

impl Span {
    fn of(self, text: &str) -> &str {
        text.get(self.start as usize..self.end as usize).unwrap_or_default()
    }
}

impl<V> Table<V> {
    pub(super) fn get(&self, word: &str) -> Option<&V> {
        let at = self.entries.binary_search_by(|(span, _)| span.of(&self.text).cmp(word)).ok()?;
        self.entries.get(at).map(|(_, value)| value)
    }

    pub(super) fn contains(&self, word: &str) -> bool {
        self.get(word).is_some()
    }

    /// The text of a value that was stored with [`Push`].
    pub(super) fn text(&self, span: Span) -> &str {
        span.of(&self.text)
    }

    fn sorted(mut text: String, mut entries: Vec<(Span, V)>) -> Self {
        if !entries.is_sorted_by_key(|(span, _)| span.of(&text)) {
            entries.sort_by(|(a, _), (b, _)| a.of(&text).cmp(b.of(&text)));
        }
        text.shrink_to_fit();
        entries.shrink_to_fit();
        Self { text, entries }
    }

    #[cfg(test)]
    pub(super) fn values(&self) -> impl Iterator<Item = &V> {
        self.entries.iter().map(|(_, value)| value)
    }
}

/// Reads a JSON string to the end of a string.
pub(super) struct Push<'t>(pub &'t mut String);

impl Push<'_> {
    pub(super) fn push<E: serde::de::Error>(self, word: &str) -> Result<Span, E> {
        let start = u32::try_from(self.0.len()).map_err(E::custom)?;
        self.0.push_str(word);
        let end = u32::try_from(self.0.len()).map_err(E::custom)?;
        Ok(Span { start, end })
    }
}

impl<'de> DeserializeSeed<'de> for Push<'_> {
    type Value = Span;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Span, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Push<'_> {
    type Value = Span;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }
    fn visit_str<E: serde::de::Error>(self, word: &str) -> Result<Span, E> {
        self.push(word)
    }
}

/// A value that is read from JSON, with the table's text at hand to store strings in.
pub(super) trait Value<'de>: Sized {
    fn read<A: MapAccess<'de>>(map: &mut A, text: &mut String) -> Result<Self, A::Error>;
}

impl<'de, V: Deserialize<'de>> Value<'de> for V {
    fn read<A: MapAccess<'de>>(map: &mut A, _: &mut String) -> Result<Self, A::Error> {
        map.next_value()
    }
}

impl<'de, V: Value<'de>> Deserialize<'de> for Table<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<V>(PhantomData<V>);
        impl<'de, V: Value<'de>> Visitor<'de> for Entries<V> {
            type Value = Table<V>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Table<V>, A::Error> {
                let (mut text, mut entries) = (String::new(), Vec::new());
                while let Some(word) = map.next_key_seed(Push(&mut text))? {
                    entries.push((word, V::read(&mut map, &mut text)?));
                }
                Ok(Table::sorted(text, entries))
            }
        }
        deserializer.deserialize_map(Entries(PhantomData))
    }
}

/// A set of words, read from a JSON array.
pub(super) struct WordSet(Table<()>);

impl WordSet {
    pub(super) fn contains(&self, word: &str) -> bool {
        self.0.contains(word)
    }
}

impl<'de> Deserialize<'de> for WordSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Words;
        impl<'de> Visitor<'de> for Words {
            type Value = WordSet;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array of strings")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut words: A) -> Result<WordSet, A::Error> {
                let (mut text, mut entries) = (String::new(), Vec::new());
                while let Some(word) = words.next_element_seed(Push(&mut text))? {
                    entries.push((word, ()));
                }
                Ok(WordSet(Table::sorted(text, entries)))
            }
        }
        deserializer.deserialize_seq(Words)
    }
}
