//! The word tables of `normalize.json`. Knows no rule.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};

/// Words by what they replace.
#[derive(Deserialize)]
pub(super) struct Tables {
    /// "jan" to "January", in the order of the year.
    pub months: Pairs<String>,
    /// "Prof" to "Professor", before a capitalised word.
    pub titles: Pairs<String>,
    /// "approx." to "approximately".
    pub abbreviations: Pairs<String>,
    /// "km" to its singular and plural.
    pub units: Pairs<[String; 2]>,
    /// "=" to "equals"; an empty word is a mark without a sound.
    pub symbols: Pairs<String>,
    /// "¥" to its singular and plural.
    pub currency: Pairs<[String; 2]>,
    /// Words before a Roman numeral read as a cardinal.
    pub roman_cardinal: Vec<String>,
    /// Words before a Roman numeral read as an ordinal.
    pub roman_ordinal: Vec<String>,
}

impl Tables {
    /// The month whose English name begins with the three letters `name` begins with.
    pub(super) fn month(&self, name: &str) -> &str {
        let key: String = name.chars().take(3).collect::<String>().to_lowercase();
        self.months.get(&key).map_or("", String::as_str)
    }

    /// The name of month `number`, counted from 1.
    pub(super) fn month_by_number(&self, number: u32) -> Option<&str> {
        let index = usize::try_from(number).ok()?.checked_sub(1)?;
        self.months.0.get(index).map(|(_, name)| name.as_str())
    }
}

/// A JSON object in the order of the file: the rules apply symbols one after the other in that order.
pub(super) struct Pairs<V>(Vec<(String, V)>);

impl<V> Pairs<V> {
    pub(super) fn get(&self, key: &str) -> Option<&V> {
        self.0.iter().find(|(k, _)| k == key).map(|(_, value)| value)
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(key, _)| key.as_str())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &V)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value))
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Pairs<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder<V>(PhantomData<V>);
        impl<'de, V: Deserialize<'de>> Visitor<'de> for InOrder<V> {
            type Value = Pairs<V>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs<V>, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(InOrder(PhantomData))
    }
}
