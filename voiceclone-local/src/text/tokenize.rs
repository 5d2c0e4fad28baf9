//! Cutting a normalised sentence into tokens by spaCy's English rules: special cases, then prefixes and suffixes
//! peeled off what white space delimits, then infixes. Knows no tag and no pronunciation.
//!
//! A port of `hibari/g2p/tokenize.py`.

use std::collections::HashMap;

use super::{
    error::TextError,
    pattern::{LETTER, Pattern, escape},
};

const LOWER: &str = "a-zß-öø-ÿ";
const UPPER: &str = "A-ZÀ-ÖØ-Þ";
const QUOTES: &str = "'\"”“`‘´’‚,„»«「」『』（）〔〕【】《》〈〉";
const MARKS: &str = "…,:;!?¿¡()[]{}<>_#*&。？！，、；：～·";
const ICONS: &str = "™®©°§¶†‡•";
const CURRENCY: &str = r"\$|£|€|¥|฿|US\$|C\$|A\$|₽|₹|₩|₪|₺|₴|₦|₫|₱|₲|₵|₸|₼|₾|₿";
const UNITS: &str = "km|km²|km³|m|m²|m³|dm|dm²|dm³|cm|cm²|cm³|mm|mm²|mm³|ha|µm|nm|yd|in|ft|kg|g|mg|µg|t|lb|oz|m/s\
    |km/h|kmh|mph|hPa|Pa|mbar|mb|MB|kb|KB|gb|GB|tb|TB|T|G|M|K|%";
const URL: &str = r"(?i)^(?:(?:https?|ftp)://|www\.)\S+$|^[\p{L}\p{N}_.+-]+@[\p{L}\p{N}_-]+(?:\.[\p{L}\p{N}_-]+)+$|^(?:[\p{L}\p{N}_-]+\.)+(?:com|org|net|edu|gov|io|co|uk|de|fr|info|biz|us|ca|au|tv|me|ly|ai)(?:/\S*)?$";
/// Characters of the longest suffix other than a run of points; only so much of the end is searched.
const LONGEST_SUFFIX: usize = 4;

/// Text cut into tokens, each with whether white space follows.
pub(super) type Pieces = Vec<(String, bool)>;

/// The rules, compiled once.
pub(super) struct Tokenizer {
    special: HashMap<String, Vec<String>>,
    longest_special: usize,
    prefix: Pattern,
    suffix: Pattern,
    infix: Pattern,
    url: Pattern,
}

impl Tokenizer {
    /// Reads the special cases (`tokenizer_exceptions.json`) and compiles the rules.
    pub(super) fn new(json: &str) -> Result<Self, TextError> {
        let special: HashMap<String, Vec<String>> = serde_json::from_str(json)
            .map_err(|source| TextError::Asset { file: "tokenizer_exceptions.json", source: source.into() })?;
        Ok(Self {
            longest_special: special.keys().map(String::len).max().unwrap_or(0),
            special,
            prefix: prefix()?,
            suffix: suffix()?,
            infix: infix()?,
            url: Pattern::new(URL)?,
        })
    }

    pub(super) fn tokenize(&self, text: &str) -> Result<Pieces, TextError> {
        let mut out = Pieces::new();
        let mut chunks = text.split_whitespace().peekable();
        while let Some(chunk) = chunks.next() {
            out.extend(self.split(chunk)?.into_iter().map(|piece| (piece, false)));
            if let Some((_, space)) = out.last_mut() {
                *space = chunks.peek().is_some();
            }
        }
        Ok(out)
    }

    fn special(&self, piece: &str) -> Option<&Vec<String>> {
        // Long input is not hashed over and over while it is peeled.
        if piece.len() > self.longest_special { None } else { self.special.get(piece) }
    }

    fn split(&self, chunk: &str) -> Result<Vec<String>, TextError> {
        if let Some(tokens) = self.special(chunk) {
            return Ok(tokens.clone());
        }
        let (before, middle, after) = self.peel(chunk)?;
        let mut tokens: Vec<String> = before.into_iter().map(str::to_owned).collect();
        if let Some(special) = self.special(middle) {
            tokens.extend_from_slice(special);
        } else if !middle.is_empty() {
            if self.url.find(middle, 0)?.is_some() {
                tokens.push(middle.to_owned());
            } else {
                self.split_infixes(middle, &mut tokens)?;
            }
        }
        tokens.extend(after.into_iter().rev().map(str::to_owned));
        Ok(self.rejoin(&tokens))
    }

    /// Prefixes, what is left, and suffixes from the outside in.
    fn peel<'c>(&self, chunk: &'c str) -> Result<(Vec<&'c str>, &'c str, Vec<&'c str>), TextError> {
        let (mut before, mut rest, mut after) = (Vec::new(), chunk, Vec::new());
        while !rest.is_empty() && self.special(rest).is_none() {
            let prefix = self.prefix.find(rest, 0)?.map_or(0, |found| found.end);
            let (head, without_head) = rest.split_at(prefix);
            if prefix > 0 && self.special(without_head).is_some() {
                before.push(head);
                rest = without_head;
                break;
            }
            let suffix = self.suffix_start(without_head)?.map_or(0, |at| without_head.len() - at);
            let (without_tail, tail) = rest.split_at(rest.len() - suffix);
            if suffix > 0 && self.special(without_tail).is_some() {
                after.push(tail);
                rest = without_tail;
                break;
            }
            if prefix == 0 && suffix == 0 {
                break;
            }
            if prefix > 0 {
                before.push(head);
            }
            if suffix > 0 {
                after.push(tail);
            }
            rest = rest.get(prefix..rest.len() - suffix).unwrap_or_default();
        }
        Ok((before, rest, after))
    }

    /// Where the suffix of `text` begins.
    fn suffix_start(&self, text: &str) -> Result<Option<usize>, TextError> {
        let points = text.trim_end_matches('.').len();
        let tail = text.char_indices().rev().nth(LONGEST_SUFFIX - 1).map_or(0, |(at, _)| at);
        Ok(self.suffix.find(text, points.min(tail))?.map(|found| found.start))
    }

    fn split_infixes(&self, text: &str, tokens: &mut Vec<String>) -> Result<(), TextError> {
        let mut start = 0;
        for found in self.infix.find_all(text)?.into_iter().filter(|found| found.start > 0) {
            if found.start > start {
                tokens.extend(text.get(start..found.start).map(str::to_owned));
            }
            start = found.end;
            tokens.extend(text.get(found).map(str::to_owned));
        }
        if start < text.len() {
            tokens.extend(text.get(start..).map(str::to_owned));
        }
        Ok(())
    }

    /// Joins neighbours that spell a special case: "Sept" and "." are "Sept.".
    fn rejoin(&self, tokens: &[String]) -> Vec<String> {
        let mut out = Vec::with_capacity(tokens.len());
        let mut rest = tokens;
        'next: while let Some((first, others)) = rest.split_first() {
            for count in [3, 2] {
                if let Some((group, after)) = rest.split_at_checked(count)
                    && let Some(special) = self.special(&group.concat())
                {
                    out.extend_from_slice(special);
                    rest = after;
                    continue 'next;
                }
            }
            out.push(first.clone());
            rest = others;
        }
        out
    }
}

fn one_of(characters: &str) -> impl Iterator<Item = String> {
    characters.chars().map(|c| escape(&c.to_string()))
}

fn prefix() -> Result<Pattern, TextError> {
    let mut patterns: Vec<String> = ["§", "%", "=", "—", "–", r"\+(?![0-9])", "…"].map(str::to_owned).into();
    patterns.extend(one_of(MARKS));
    patterns.push(r"\.\.+".into());
    patterns.extend(one_of(QUOTES));
    patterns.push(CURRENCY.into());
    patterns.push(format!("[{ICONS}]"));
    Pattern::new(&format!("^(?:{})", patterns.join("|")))
}

fn suffix() -> Result<Pattern, TextError> {
    let mut patterns = vec!["…".to_owned()];
    patterns.extend(one_of(MARKS));
    patterns.push(r"\.\.+".into());
    patterns.extend(one_of(QUOTES));
    patterns.push(format!("[{ICONS}]"));
    patterns.extend(["'s", "'S", "’s", "’S", "—", "–", r"(?<=[0-9])\+", r"(?<=°[FfCcKk])\."].map(str::to_owned));
    patterns.push(format!("(?<=[0-9])(?:{CURRENCY})"));
    patterns.push(format!("(?<=[0-9])(?:{UNITS})"));
    patterns.push(format!(r"(?<=[0-9{LOWER}%²\-+{}{}])\.", escape(MARKS), escape(QUOTES)));
    patterns.push(format!(r"(?<=[{UPPER}][{UPPER}])\."));
    Pattern::new(&format!("(?:{})$", patterns.join("|")))
}

fn infix() -> Result<Pattern, TextError> {
    let quotes = escape(QUOTES);
    let inside = r"(?<=[\p{L}\p{N}])";
    let patterns = [
        r"\.\.+".to_owned(),
        "…".to_owned(),
        format!("[{ICONS}]"),
        r"(?<=[0-9])[+\-*^](?=[0-9\-])".to_owned(),
        format!(r"(?<=[{LOWER}{quotes}])\.(?=[{UPPER}{quotes}])"),
        format!("(?<={LETTER}),(?={LETTER})"),
        format!("{inside}(?:-|–|—|--|---|——|~)(?={LETTER})"),
        format!("{inside}[:<>=/](?={LETTER})"),
    ];
    Pattern::new(&patterns.join("|"))
}
