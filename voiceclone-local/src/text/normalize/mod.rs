//! Readings the lexicon cannot make by itself: times, dates, units, abbreviations, further currencies, symbols.
//! Plain numbers stay digits; the lexicon reads them. Knows no pronunciation.
//!
//! A port of `hibari/g2p/normalize.py`. It differs in one rule: there a Roman numeral may be empty, which reads
//! "King Charles" as "King the zerothCharles".

mod rewrite;
mod tables;

use rewrite::Rewrite;
use tables::Tables;
use unicode_normalization::UnicodeNormalization as _;

use super::{
    error::TextError,
    pattern::{END, Pattern, START, WORD, alternation, escape},
};

/// The rules, compiled once.
pub(super) struct Normalizer {
    tables: Tables,
    spaces: Pattern,
    rules: Vec<(Pattern, Rewrite)>,
    symbols: Vec<Symbol>,
    space_before_mark: Pattern,
}

struct Symbol {
    sign: String,
    pattern: Pattern,
    words: String,
}

impl Normalizer {
    /// Reads the word tables (`normalize.json`) and compiles the rules.
    pub(super) fn new(json: &str) -> Result<Self, TextError> {
        let tables: Tables = serde_json::from_str(json)
            .map_err(|source| TextError::Asset { file: "normalize.json", source: source.into() })?;
        Ok(Self {
            spaces: Pattern::new(r"\s+")?,
            rules: rules(&tables)?,
            symbols: symbols(&tables)?,
            space_before_mark: Pattern::new(r" +(?=[,.;:!?])")?,
            tables,
        })
    }

    /// Whether `word` is a title such as "Dr", whose point does not end a sentence.
    pub(super) fn is_title(&self, word: &str) -> bool {
        self.tables.titles.get(word).is_some()
    }

    /// One sentence in words, composed (NFC), with single spaces.
    pub(super) fn normalize(&self, sentence: &str) -> Result<String, TextError> {
        let composed: String = sentence.nfc().filter(|c| !is_invisible(*c)).map(plain).collect();
        let mut text = self.single_spaces(composed)?;
        for (pattern, rewrite) in &self.rules {
            text = pattern.replace(text, |found| rewrite(&self.tables, found))?;
        }
        for symbol in &self.symbols {
            if text.contains(&symbol.sign) {
                text = symbol.pattern.replace(text, |_| symbol.words.clone())?;
            }
        }
        let text = self.single_spaces(text)?;
        self.space_before_mark.replace(text, |_| String::new())
    }

    fn single_spaces(&self, text: String) -> Result<String, TextError> {
        let text = self.spaces.replace(text, |_| " ".into())?;
        Ok(text.trim().to_owned())
    }
}

/// Characters that only guide line breaks and encodings: soft hyphen, zero-width space, word joiner, byte order mark.
pub(super) fn is_invisible(c: char) -> bool {
    matches!(c, '\u{AD}' | '\u{200B}' | '\u{2060}' | '\u{FEFF}')
}

/// The form of a character the rules are written for.
fn plain(c: char) -> char {
    match c {
        '’' => '\'',
        '\u{2010}' | '\u{2011}' | '\u{2012}' | '\u{2212}' => '-',
        '\u{2015}' => '—',
        c => c,
    }
}

fn rules(tables: &Tables) -> Result<Vec<(Pattern, Rewrite)>, TextError> {
    let months = month_names(tables);
    let units = alternation(tables.units.keys());
    let titles = alternation(tables.titles.keys());
    let abbreviations = alternation(tables.abbreviations.keys());
    let cardinals = alternation(tables.roman_cardinal.iter().map(String::as_str));
    let ordinals = alternation(tables.roman_ordinal.iter().map(String::as_str));
    let number = r"[0-9]+(?:,[0-9]{3})*(?:\.[0-9]+)?";
    let scale = format!("(hundred|thousand|million|billion|trillion|[kKmMbB]{END})");
    let roman = r"((?=[IVXLC])M{0,3}(?:CM|CD|D?C{0,3})(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3}))";
    let rules: Vec<(String, Rewrite)> = vec![
        (
            format!(
                r"{START}([0-9]{{1,2}}):([0-9]{{2}})(?::([0-9]{{2}}))?(?:\s?([AaPp])\.?[Mm]\.?(?![A-Za-z]))?(?![0-9])"
            ),
            rewrite::time,
        ),
        (format!("{START}([0-9]{{4}})-([0-9]{{2}})-([0-9]{{2}}){END}"), rewrite::date_iso),
        (format!("{START}([0-9]{{1,2}})/([0-9]{{1,2}})/([0-9]{{4}}|[0-9]{{2}}){END}"), rewrite::date_us),
        (format!(r"([$£€])({number})\s?{scale}"), rewrite::big_money),
        (format!(r"(?<!{WORD}|\.)({number})\s?¢"), rewrite::cents),
        (format!(r"(?<!{WORD})([¥₹₩]|Rs\.?|USD|EUR|GBP)\s?({number})(?:\s?{scale})?"), rewrite::currency),
        (format!(r"(?<!{WORD}|\.)(-?{number})\s?°\s?([CF])?{END}"), rewrite::degrees),
        (format!(r"(?<!{WORD}|\.)(-?{number})\s?({units}){END}"), rewrite::unit),
        (
            format!(r"{START}({months})\.? ([0-9]{{1,2}})(?:st|nd|rd|th)?{END}(?![0-9:%])(,? [0-9]{{4}}{END})?"),
            rewrite::month_day,
        ),
        (format!(r"{START}(the )?([0-9]{{1,2}}) (?:of )?({months}){END}\.?"), rewrite::day_month),
        (format!(r"{START}({titles})\.? (?=[A-Z])"), rewrite::title),
        (format!(r"(?<!{WORD}|\.)({abbreviations}){END}"), rewrite::abbreviation),
        (format!(r"{START}(No|Nos)\. ?(?=[0-9])"), rewrite::number_sign),
        (format!("(?<!{WORD}|&)#(?=[0-9])"), rewrite::hash),
        (format!(r"{START}({cardinals}) {roman}{END}(?![.'’]{WORD})"), rewrite::roman_cardinal),
        (format!(r"{START}({ordinals}) {roman}{END}(?![.'’]{WORD})"), rewrite::roman_ordinal),
        (format!(r"(?<!{WORD}|[.\-])(?:[0-9]{{3}}-)?[0-9]{{3}}-[0-9]{{4}}(?!{WORD}|[.\-])"), rewrite::phone),
        (format!(r"(?<!{WORD}|[./])([0-9]{{1,2}})/([0-9]{{1,2}})(?!{WORD}|[./])"), rewrite::fraction),
        (format!(r"(?<!{WORD}|[.\-])([0-9]{{1,4}})\s?[-–]\s?([0-9]{{1,4}})(?!{WORD}|[.\-%])"), rewrite::range),
        (format!(r"(?<!{WORD}|\+)\+(?=[0-9])"), rewrite::plus),
    ];
    rules.into_iter().map(|(pattern, rewrite)| Ok((Pattern::new(&pattern)?, rewrite))).collect()
}

fn month_names(tables: &Tables) -> String {
    let short = tables.months.iter().map(|(_, name)| name.get(..3).unwrap_or(name));
    let long = tables.months.iter().map(|(_, name)| name.as_str());
    alternation(long.chain(short).chain(["Sept"]))
}

fn symbols(tables: &Tables) -> Result<Vec<Symbol>, TextError> {
    let symbol = |(sign, word): (&str, &String)| {
        let literal = escape(sign);
        let pattern = if "=<>~".contains(sign) { format!(r"(?<=\S) ?{literal} ?(?=\S)") } else { literal };
        let words = if word.is_empty() { " ".into() } else { format!(" {word} ") };
        Ok(Symbol { sign: sign.into(), pattern: Pattern::new(&pattern)?, words })
    };
    tables.symbols.iter().map(symbol).collect()
}
