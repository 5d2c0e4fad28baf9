//! Reading digits: which number words a numeral stands for, by where it stands. Knows misaki's rules for it.

use super::{
    super::{numbers, token::Currency},
    Lexicon,
    stems::{Reading, with_ed, with_ing, with_s},
    stress::Stress,
};

const ORDINALS: [&str; 4] = ["st", "nd", "rd", "th"];

/// Whether the reader below reads `word`: digits with separators, a sign at the head, an ending.
pub(super) fn is_number(word: &str, is_head: bool) -> bool {
    let endings = ["ing", "'d", "ed", "'s", "st", "nd", "rd", "th", "s"];
    let stem = endings.iter().find_map(|ending| word.strip_suffix(ending)).unwrap_or(word);
    let digits = stem.strip_prefix('-').filter(|_| is_head).unwrap_or(stem);
    word.contains(|c: char| c.is_ascii_digit()) && digits.chars().all(|c| c.is_ascii_digit() || ",.".contains(c))
}

/// The words of a numeral as they are found.
struct Words<'l> {
    lexicon: &'l Lexicon,
    phonemes: Vec<String>,
    /// A word the lexicon lacks; the whole numeral is then unread.
    missing: bool,
}

impl Words<'_> {
    fn push(&mut self, phonemes: Option<String>) {
        match phonemes {
            Some(phonemes) => self.phonemes.push(phonemes),
            None => self.missing = true,
        }
    }

    fn word(&mut self, word: &str) {
        self.push(self.lexicon.lookup(word, Reading::ALONE));
    }

    fn unstressed(&mut self, word: &str) {
        let stress = Some(Stress::Strip);
        self.push(self.lexicon.lookup(word, Reading { stress, ..Reading::ALONE }));
    }

    /// Number words without their "and".
    fn all(&mut self, words: &str) {
        for word in words.split(|c: char| !c.is_ascii_lowercase()) {
            match word {
                "" | "and" => {}
                "point" => self.unstressed(word),
                _ => self.word(word),
            }
        }
    }

    fn cardinal(&mut self, digits: &str) {
        self.all(&numbers::cardinal(digits));
    }

    fn each_digit(&mut self, digits: &str) {
        self.all(&numbers::digit_by_digit(digits));
    }
}

impl Lexicon {
    /// The phonemes of a numeral; `is_head` is false inside a compound such as "B52".
    pub(in crate::text) fn number(&self, word: &str, currency: Option<Currency>, is_head: bool) -> Option<String> {
        let stem = word.trim_end_matches(|c: char| c.is_ascii_lowercase() || c == '\'');
        let ending = word.get(stem.len()..).unwrap_or_default();
        let mut words = Words { lexicon: self, phonemes: Vec::new(), missing: false };
        let unsigned = stem.strip_prefix('-');
        if unsigned.is_some() {
            words.word("minus");
        }
        let digits = unsigned.unwrap_or(stem);
        let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        let ordinal = ORDINALS.contains(&ending);
        let mut priced = false;
        if plain && ordinal {
            words.all(&numbers::ordinal(digits));
        } else if plain && digits.len() == 4 && unsigned.is_none() && currency.is_none() {
            words.all(&numbers::year(digits));
        } else if !is_head && !digits.contains('.') {
            inside_compound(&mut words, &digits.replace(',', ""));
        } else if !is_head || digits.matches('.').count() > 1 {
            parts(&mut words, &digits.replace(',', ""));
        } else if let Some(currency) = currency.filter(|_| is_price(digits)) {
            priced = true;
            price(&mut words, &digits.replace(',', ""), currency);
        } else {
            quantity(&mut words, &digits.replace(',', ""), ordinal);
        }
        if words.missing || words.phonemes.is_empty() {
            return None;
        }
        let phonemes = words.phonemes.join(" ");
        let phonemes = match ending {
            "s" | "'s" => with_s(phonemes),
            "ed" | "'d" => with_ed(phonemes),
            "ing" => with_ing(phonemes),
            _ => Some(phonemes),
        }?;
        // The sign of an amount that is not read as a price ("$1.234") is said all the same.
        Some(if priced { phonemes } else { self.with_currency(phonemes, currency) })
    }

    /// `phonemes` with the currency's name after them.
    pub(super) fn with_currency(&self, phonemes: String, currency: Option<Currency>) -> String {
        match currency.and_then(|currency| self.stem_s(currency.plural(), Reading::ALONE)) {
            Some(name) => phonemes + " " + &name,
            None => phonemes,
        }
    }
}

fn is_price(digits: &str) -> bool {
    digits.split_once('.').is_none_or(|(_, cents)| cents.len() < 3)
}

/// "B52", "x100", "R2005": pairs and single digits rather than a quantity.
fn inside_compound(words: &mut Words<'_>, digits: &str) {
    if digits.starts_with('0') || digits.len() > 3 {
        words.each_digit(digits);
    } else if digits.len() == 3 && !digits.ends_with("00") {
        let (hundreds, rest) = digits.split_at(1);
        words.cardinal(hundreds);
        match rest.strip_prefix('0') {
            Some(ones) => {
                words.unstressed("O");
                words.cardinal(ones);
            }
            None => words.cardinal(rest),
        }
    } else {
        words.cardinal(digits);
    }
}

/// "10.4.1": each part for itself.
fn parts(words: &mut Words<'_>, digits: &str) {
    for part in digits.split('.').filter(|part| !part.is_empty()) {
        let round = part.len() == 2 || part.bytes().skip(1).all(|b| b == b'0');
        if part.starts_with('0') || !round {
            words.each_digit(part);
        } else {
            words.cardinal(part);
        }
    }
}

/// "five dollars and twenty cents".
fn price(words: &mut Words<'_>, digits: &str, currency: Currency) {
    let (whole, cents) = digits.split_once('.').unwrap_or((digits, ""));
    let is_zero = |digits: &str| digits.bytes().all(|b| b == b'0');
    let (unit, hundredth) = currency.names();
    let both = [(whole, unit), (cents, hundredth)];
    let amounts = match both.as_slice() {
        [first, _] if is_zero(cents) => vec![*first],
        [_, second] if is_zero(whole) => vec![*second],
        all => all.to_vec(),
    };
    for (index, (amount, unit)) in amounts.into_iter().enumerate() {
        if index > 0 {
            words.word("and");
        }
        words.cardinal(amount);
        if amount.trim_start_matches('0') == "1" || unit == "pence" {
            words.word(unit);
        } else {
            words.push(words.lexicon.stem_s(&format!("{unit}s"), Reading::ALONE));
        }
    }
}

fn quantity(words: &mut Words<'_>, digits: &str, ordinal: bool) {
    if let Some(fraction) = digits.strip_prefix('.') {
        words.all("point");
        words.each_digit(fraction);
    } else if digits.contains('.') {
        words.all(&numbers::decimal(digits));
    } else if ordinal {
        words.all(&numbers::ordinal(digits));
    } else {
        words.cardinal(digits);
    }
}
