//! The token that tokenizer, tagger and lexicon hand on, and the joining of tokens. Knows no rule of pronunciation.

use super::tagger::Tag;

/// A currency sign the lexicon reads together with its number. Ordered by the sign's code point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Currency {
    Dollar,
    Pound,
    Euro,
}

impl Currency {
    pub(super) fn from_sign(sign: &str) -> Option<Self> {
        match sign {
            "$" => Some(Self::Dollar),
            "£" => Some(Self::Pound),
            "€" => Some(Self::Euro),
            _ => None,
        }
    }

    /// Names of the unit and of its hundredth.
    pub(super) fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Dollar => ("dollar", "cent"),
            Self::Pound => ("pound", "pence"),
            Self::Euro => ("euro", "cent"),
        }
    }

    /// Several of the unit.
    pub(super) fn plural(self) -> &'static str {
        match self {
            Self::Dollar => "dollars",
            Self::Pound => "pounds",
            Self::Euro => "euros",
        }
    }
}

/// A word or mark.
#[derive(Clone, Debug)]
pub(super) struct Token {
    pub text: String,
    pub tag: Tag,
    /// Whether white space follows.
    pub space: bool,
    /// The pronunciation once it is known; empty for a mark without a sound.
    pub phonemes: Option<String>,
    /// Whether it begins what white space delimits.
    pub is_head: bool,
    /// What to pronounce in the place of the text.
    pub alias: Option<&'static str>,
    pub currency: Option<Currency>,
    /// Whether its phonemes stand apart from those of the token before in the same word.
    pub prespace: bool,
}

impl Token {
    pub(super) fn new(text: String, tag: Tag, space: bool) -> Self {
        Self { text, tag, space, phonemes: None, is_head: true, alias: None, currency: None, prespace: false }
    }

    /// Whether what it says is settled without the lexicon.
    pub(super) fn is_settled(&self) -> bool {
        self.alias.is_some() || self.phonemes.is_some()
    }
}

/// The tokens as one without phonemes; it has the tag of the longest, where a capital counts twice.
pub(super) fn merge(tokens: &[Token]) -> Option<Token> {
    let (first, last) = (tokens.first()?, tokens.last()?);
    let mut tag = first.tag;
    let mut most = 0;
    let mut text = String::new();
    for token in tokens {
        let weight = token.text.chars().map(|c| if c.to_lowercase().eq([c]) { 1 } else { 2 }).sum();
        if weight > most {
            (most, tag) = (weight, token.tag);
        }
        text += &token.text;
        if token.space {
            text.push(' ');
        }
    }
    if last.space {
        text.pop();
    }
    let mut merged = Token::new(text, tag, last.space);
    merged.is_head = first.is_head;
    merged.prespace = first.prespace;
    merged.currency = tokens.iter().filter_map(|token| token.currency).max();
    Some(merged)
}

/// The phonemes of the tokens of one word, with spaces where a token asks for one.
pub(super) fn join_phonemes(tokens: &[Token]) -> String {
    let mut phonemes = String::new();
    for token in tokens {
        let own = token.phonemes.as_deref().unwrap_or_default();
        if token.prespace && !own.is_empty() && !phonemes.is_empty() && !phonemes.ends_with(' ') {
            phonemes.push(' ');
        }
        phonemes += own;
    }
    phonemes
}
