//! Cutting tokens into subtokens and gathering these into words, with what is settled before the lexicon is asked:
//! punctuation, currency signs, the 2 of "p2p". Knows tags and signs, no dictionary.
//!
//! A port of `retokenize` of `hibari/g2p/__init__.py`.

use super::{
    error::TextError,
    pattern::{LETTER, Pattern},
    token::{Currency, Token},
};

/// A piece between white space, or a subtoken that speaks for itself.
pub(super) enum Word {
    One(Token),
    /// Subtokens that are read together where the lexicon knows them together.
    Compound(Vec<Token>),
}

impl Word {
    /// A compound of one subtoken as that token.
    fn unwrapped(self) -> Self {
        match self {
            Self::Compound(tokens) => match <[Token; 1]>::try_from(tokens) {
                Ok([token]) => Self::One(token),
                Err(tokens) => Self::Compound(tokens),
            },
            Self::One(token) => Self::One(token),
        }
    }
}

/// Characters without a sound inside a word.
pub(super) fn is_junk(c: char) -> bool {
    "',-._‘’/".contains(c)
}

/// Marks that have a phoneme of their own.
pub(super) fn is_punctuation(c: char) -> bool {
    ";:,.!?—…\"“”".contains(c)
}

/// Characters that carry meaning: a word with one of them may not end up silent.
pub(super) fn must_sound(c: char) -> bool {
    c.is_alphanumeric() || "$£€¥₹₩%&+@=#".contains(c)
}

/// The pattern of subtokens.
pub(super) struct Cutter {
    subtoken: Pattern,
}

impl Cutter {
    pub(super) fn new() -> Result<Self, TextError> {
        let (upper, lower) = ("[A-ZÀ-ÖØ-Þ]", "[a-zß-öø-ÿ]");
        let subtoken = [
            "^['‘’]+".to_owned(),
            format!("{upper}(?={upper}{lower})"),
            r"(?:^-)?(?:[0-9]?[,.]?[0-9])+".into(),
            "[-_]+".into(),
            "['‘’]{2,}".into(),
            format!("{LETTER}*?(?:['‘’]{LETTER})*?{lower}(?={upper})"),
            format!("{LETTER}+(?:['‘’]{LETTER})*"),
            r"[^\p{L}\p{N}_\-'‘’]".into(),
            "['‘’]+$".into(),
        ];
        Ok(Self { subtoken: Pattern::new(&subtoken.join("|"))? })
    }

    /// The words of a sentence's tokens.
    pub(super) fn words(&self, tokens: &[Token]) -> Result<Vec<Word>, TextError> {
        let mut gathering = Gathering::default();
        let mut rest = tokens;
        while let Some((token, after)) = rest.split_first() {
            rest = after;
            let number_follows = after.first().is_some_and(|next| next.tag.name() == "CD");
            let mut before = None;
            let mut subtokens = self.subtokens(token)?.into_iter().peekable();
            while let Some(mut subtoken) = subtokens.next() {
                let after = subtokens.peek().and_then(|next| next.text.chars().next());
                let ends_number = after.is_none() && !number_follows;
                let between_letters = before.is_some_and(char::is_alphabetic) && after.is_some_and(char::is_alphabetic);
                before = subtoken.text.chars().next_back();
                gathering.settle(&mut subtoken, ends_number, between_letters);
                gathering.push(subtoken);
            }
        }
        gathering.name_waiting_sign();
        Ok(gathering.words.into_iter().map(Word::unwrapped).collect())
    }

    fn subtokens(&self, token: &Token) -> Result<Vec<Token>, TextError> {
        let mut subtokens = Vec::new();
        for found in self.subtoken.find_all(&token.text)? {
            let text = token.text.get(found).unwrap_or_default().to_owned();
            subtokens.push(Token::new(text, token.tag, false));
        }
        if subtokens.is_empty() {
            subtokens.push(token.clone());
        }
        if let Some(last) = subtokens.last_mut() {
            last.space = token.space;
        }
        Ok(subtokens)
    }
}

#[derive(Default)]
struct Gathering {
    words: Vec<Word>,
    /// The currency that numbers are amounts of.
    currency: Option<Currency>,
    /// The word that is its sign, until its number has come.
    waiting: Option<usize>,
}

impl Gathering {
    /// Gives a subtoken the sound, alias or currency it has by its tag alone.
    fn settle(&mut self, subtoken: &mut Token, ends_number: bool, between_letters: bool) {
        let tag = subtoken.tag.name();
        let sign = Currency::from_sign(&subtoken.text).filter(|_| tag == "$");
        if sign.is_some() {
            self.name_waiting_sign();
            (self.currency, self.waiting) = (sign, Some(self.words.len()));
            subtoken.phonemes = Some(String::new());
        } else if tag == ":" && matches!(subtoken.text.as_str(), "-" | "–") {
            subtoken.phonemes = Some("—".into());
        } else if let Some(mark) = punctuation(subtoken) {
            subtoken.phonemes = Some(mark);
        } else if self.currency.is_some() {
            let is_number = tag == "CD" || subtoken.text.starts_with(|c: char| c.is_ascii_digit());
            if !is_number {
                self.name_waiting_sign();
                self.currency = None;
            } else if ends_number {
                subtoken.currency = self.currency;
                self.waiting = None;
            }
        } else if subtoken.text == "2" && between_letters {
            subtoken.alias = Some("to");
        }
    }

    /// Puts a subtoken to the word it continues, or begins a new one.
    fn push(&mut self, mut token: Token) {
        let word = match self.words.last_mut() {
            _ if token.is_settled() => Word::One(token),
            Some(Word::Compound(open)) if open.last().is_some_and(|last| !last.space) => {
                token.is_head = false;
                open.push(token);
                return;
            }
            _ if token.space => Word::One(token),
            _ => Word::Compound(vec![token]),
        };
        self.words.push(word);
    }

    /// Names a currency sign that no number followed.
    fn name_waiting_sign(&mut self) {
        let (Some(index), Some(currency)) = (self.waiting.take(), self.currency) else { return };
        let mark_follows = matches!(self.words.get(index + 1), Some(Word::One(next)) if next.is_settled());
        if let Some(Word::One(sign)) = self.words.get_mut(index) {
            sign.phonemes = None;
            sign.alias = Some(currency.plural());
            // "$x" has no space of its own between the two words it becomes.
            sign.space |= !mark_follows;
        }
    }
}

/// The phonemes of a token the tagger took for punctuation.
fn punctuation(token: &Token) -> Option<String> {
    let tag = token.tag.name();
    let tagged = matches!(tag, "." | "," | "-LRB-" | "-RRB-" | "``" | "''" | ":" | "$" | "#" | "NFP");
    if !tagged || token.text.contains(must_sound) {
        return None;
    }
    Some(match tag {
        "-LRB-" => "(".into(),
        "-RRB-" => ")".into(),
        "``" => "“".into(),
        "''" => "”".into(),
        _ => token.text.chars().filter(|c| is_punctuation(*c)).collect(),
    })
}
