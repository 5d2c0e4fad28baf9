//! misaki's American English lexicon: dictionaries, function words that depend on what follows, stress by
//! capitals, endings. Knows tokens and tags, not how they were found.
//!
//! A port of `hibari/g2p/lexicon.py` without its British branch.

mod dictionary;
mod numerals;
mod stems;
pub(super) mod stress;

use unicode_normalization::UnicodeNormalization as _;

use self::{
    dictionary::{Dictionary, Entry, Senses},
    numerals::is_number,
    stems::Reading,
    stress::{PRIMARY, SECONDARY, Stress},
};
use super::{error::TextError, token::Token};

/// What follows a word, for "the", "to", "a" and "used".
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Context {
    /// Whether the next sound is a vowel; `None` before a pause.
    pub future_vowel: Option<bool>,
    /// Whether the next word is "to".
    pub future_to: bool,
}

/// Two dictionaries: gold was checked by people, silver was not.
pub(super) struct Lexicon {
    gold: Dictionary,
    silver: Dictionary,
}

impl Lexicon {
    /// Reads the two gzipped dictionaries.
    pub(super) fn new(gold: &[u8], silver: &[u8]) -> Result<Self, TextError> {
        Ok(Self {
            gold: Dictionary::load("lexicon_us_gold.json.gz", gold)?,
            silver: Dictionary::load("lexicon_us_silver.json.gz", silver)?,
        })
    }

    /// The pronunciation of a token, `None` if the lexicon does not know it.
    pub(super) fn token(&self, token: &Token, context: Context) -> Option<String> {
        let text = token.alias.unwrap_or(&token.text);
        let word: String = text.replace(['‘', '’'], "'").nfkc().collect();
        let stress = if is_lower(&word) {
            None
        } else if is_upper(&word) {
            Some(Stress::Full)
        } else {
            Some(Stress::Light)
        };
        let reading = Reading { tag: token.tag.name(), stress, context: Some(context) };
        if let Some(phonemes) = self.word(&word, reading) {
            return Some(self.with_currency(phonemes, token.currency));
        }
        if is_number(&word, token.is_head) { self.number(&word, token.currency, token.is_head) } else { None }
    }

    #[cfg(test)]
    pub(super) fn pronunciations(&self) -> Vec<&str> {
        [&self.gold, &self.silver].into_iter().flat_map(Dictionary::pronunciations).collect()
    }

    /// A word in lower case for itself, such as the name of a symbol.
    pub(super) fn name(&self, word: &str) -> Option<String> {
        self.word(word, Reading::ALONE)
    }

    /// The letters of a word by name; `None` if it has none or one of them has no name.
    pub(super) fn spell(&self, word: &str) -> Option<String> {
        let letters = word.chars().filter(|c| c.is_alphabetic());
        let names: Option<String> = letters.map(|c| self.gold.plain(&c.to_uppercase().collect::<String>())).collect();
        let even = stress::apply(&names.filter(|names| !names.is_empty())?, Some(Stress::Even));
        Some(match even.rsplit_once(SECONDARY) {
            Some((before, after)) => format!("{before}{PRIMARY}{after}"),
            None => even,
        })
    }

    fn word(&self, word: &str, reading: Reading<'_>) -> Option<String> {
        if let Some(phonemes) = self.special_case(word, reading) {
            return Some(phonemes);
        }
        let lower = word.to_lowercase();
        let word = if self.reads_in_lower_case(word, &lower, reading) { &lower } else { word };
        if self.is_known(word) {
            return self.lookup(word, reading);
        }
        if let Some(bare) = word.strip_suffix('\'') {
            let possessive = bare.strip_suffix('s').map(|stem| format!("{stem}'s"));
            if let Some(possessive) = possessive.filter(|p| self.is_known(p)) {
                return self.lookup(&possessive, reading);
            }
            if self.is_known(bare) {
                return self.lookup(bare, reading);
            }
        }
        let light = Reading { stress: reading.stress.or(Some(Stress::Light)), ..reading };
        self.stem_s(word, reading).or_else(|| self.stem_ed(word, reading)).or_else(|| self.stem_ing(word, light))
    }

    /// Whether a capitalised word is only the capitalised form of a known one.
    fn reads_in_lower_case(&self, word: &str, lower: &str, reading: Reading<'_>) -> bool {
        let length = word.chars().count();
        let tail = word.get(word.chars().next().map_or(0, char::len_utf8)..).unwrap_or_default();
        length > 1
            && is_alphabetic(&word.replace('\'', ""))
            && word != lower
            && (reading.tag != "NNP" || length > 7)
            && !self.gold.contains(word)
            && !self.silver.contains(word)
            && (is_upper(word) || is_lower(tail))
            && (self.gold.contains(lower) || self.silver.contains(lower) || self.stem(lower, reading).is_some())
    }

    fn special_case(&self, word: &str, reading: Reading<'_>) -> Option<String> {
        let Reading { tag, stress, .. } = reading;
        let context = reading.context.unwrap_or_default();
        let fixed = |phonemes: &str| Some(phonemes.to_owned());
        if let ("ADD", "." | "/") = (tag, word) {
            let name = if word == "." { "dot" } else { "slash" };
            return self.lookup(name, Reading { stress: Some(Stress::Demote), tag: "", ..reading });
        }
        if let Some(name) = symbol(word) {
            return self.lookup(name, Reading { stress: None, tag: "", ..reading });
        }
        if is_dotted(word) {
            return self.spell(word);
        }
        match word {
            "a" | "A" => fixed(if tag == "DT" { "ɐ" } else { "ˈA" }),
            "am" | "Am" | "AM" | "AN" if tag.starts_with("NN") => self.spell(word),
            "am" | "Am" | "AM" => {
                let full = context.future_vowel.is_none() || word != "am" || stress.is_some_and(Stress::raises);
                fixed(if full { self.gold.plain("am")? } else { "ɐm" })
            }
            "an" | "An" | "AN" => fixed("ɐn"),
            "I" if tag == "PRP" => fixed("ˌI"),
            "by" | "By" | "BY" if parent(tag) == "ADV" => fixed("bˈI"),
            "to" | "To" => self.to(context),
            "TO" if matches!(tag, "TO" | "IN") => self.to(context),
            "in" | "In" => fixed(unstressed_in(tag, context)),
            "IN" if tag != "NNP" => fixed(unstressed_in(tag, context)),
            "the" | "The" => fixed(the(context)),
            "THE" if tag == "DT" => fixed(the(context)),
            _ if tag == "IN" && matches!(word.to_ascii_lowercase().as_str(), "vs" | "vs.") => {
                self.lookup("versus", Reading { stress: None, tag: "", ..reading })
            }
            "used" | "Used" | "USED" => {
                let sense = if matches!(tag, "VBD" | "JJ") && context.future_to { "VBD" } else { "DEFAULT" };
                match self.gold.get("used")? {
                    Entry::Senses(senses) => senses.first(&[sense]).map(str::to_owned),
                    Entry::Plain(phonemes) => fixed(phonemes),
                }
            }
            _ => None,
        }
    }

    fn to(&self, context: Context) -> Option<String> {
        let phonemes = match context.future_vowel {
            None => self.gold.plain("to")?,
            Some(false) => "tə",
            Some(true) => "tʊ",
        };
        Some(phonemes.to_owned())
    }

    fn is_known(&self, word: &str) -> bool {
        if self.gold.contains(word) || symbol(word).is_some() || self.silver.contains(word) {
            return true;
        }
        if word.is_empty() || !word.bytes().all(|b| b.is_ascii_alphabetic()) {
            return false;
        }
        let tail_is_upper = !word.bytes().skip(1).any(|b| b.is_ascii_lowercase());
        word.len() == 1 || tail_is_upper
    }

    fn lookup(&self, word: &str, reading: Reading<'_>) -> Option<String> {
        let lower;
        let (mut word, mut is_name) = (word, false);
        if is_upper(word) && !self.gold.contains(word) {
            lower = word.to_lowercase();
            (word, is_name) = (&lower, reading.tag == "NNP");
        }
        let entry = self.gold.get(word).or_else(|| if is_name { None } else { self.silver.get(word) });
        let phonemes = entry.and_then(|entry| match entry {
            Entry::Plain(phonemes) => Some(phonemes),
            Entry::Senses(senses) => sense(senses, reading),
        });
        match phonemes {
            Some(phonemes) if !is_name || phonemes.contains(PRIMARY) => Some(stress::apply(phonemes, reading.stress)),
            _ => self.spell(word),
        }
    }
}

/// The pronunciation for the part of speech, or the one before a pause; `None` where the word is spelled.
fn sense<'s>(senses: &'s Senses, reading: Reading<'_>) -> Option<&'s str> {
    let pause = reading.context.is_some_and(|context| context.future_vowel.is_none());
    let own = [reading.tag, parent(reading.tag), "DEFAULT"];
    if pause { senses.first(&[&["None"], &own[..]].concat()) } else { senses.first(&own) }
}

fn unstressed_in(tag: &str, context: Context) -> &'static str {
    if context.future_vowel.is_none() || tag != "IN" { "ˈɪn" } else { "ɪn" }
}

fn the(context: Context) -> &'static str {
    if context.future_vowel == Some(true) { "ði" } else { "ðə" }
}

/// Symbols that are read like words.
fn symbol(word: &str) -> Option<&'static str> {
    match word {
        "%" => Some("percent"),
        "&" => Some("and"),
        "+" => Some("plus"),
        "@" => Some("at"),
        _ => None,
    }
}

/// "U.S.A.": letters with points, at most two letters between points.
fn is_dotted(word: &str) -> bool {
    word.trim_matches('.').contains('.')
        && is_alphabetic(&word.replace('.', ""))
        && word.split('.').all(|part| part.chars().count() < 3)
}

/// The part of speech a tag belongs to.
fn parent(tag: &str) -> &str {
    match tag {
        _ if tag.starts_with("VB") => "VERB",
        _ if tag.starts_with("NN") => "NOUN",
        _ if tag.starts_with("ADV") || tag.starts_with("RB") => "ADV",
        _ if tag.starts_with("ADJ") || tag.starts_with("JJ") => "ADJ",
        _ => tag,
    }
}

fn is_alphabetic(word: &str) -> bool {
    !word.is_empty() && word.chars().all(char::is_alphabetic)
}

fn is_lower(word: &str) -> bool {
    word == word.to_lowercase()
}

fn is_upper(word: &str) -> bool {
    word == word.to_uppercase()
}
