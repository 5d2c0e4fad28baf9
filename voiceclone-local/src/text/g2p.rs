//! From a normalised sentence to phonemes: words are cut into subtokens, read by the lexicon from the last to the
//! first (a reading can depend on the sound that follows), and handed to the network where the lexicon has none.
//!
//! A port of `hibari/g2p/__init__.py`. It differs where that drops something in silence: a currency sign without a
//! number and a symbol the tagger took for punctuation are named, and a word without any sound is refused. The
//! `[text](/phonemes/)` markup is not read: whoever writes the text must not reach past the front end.

use super::{
    error::TextError,
    lexicon::{
        Context, Lexicon,
        stress::{self, Stress},
    },
    oov::Network,
    pattern::{LETTER, Pattern},
    tagger::Tagger,
    token::{Currency, Token, join_phonemes, merge},
    tokenize::Tokenizer,
};

const JUNK: &str = "',-._‘’/";
const PUNCTUATION: &str = ";:,.!?—…\"“”";
/// Most bytes of neighbouring subtokens tried as one dictionary word, so that long chains stay cheap.
const LONGEST_WORD: usize = 96;

/// A piece between white space, or a subtoken that speaks for itself.
enum Word {
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
            one => one,
        }
    }
}

/// The models and patterns.
pub(super) struct Phonemizer {
    lexicon: Lexicon,
    tokenizer: Tokenizer,
    tagger: Tagger,
    network: Network,
    subtoken: Pattern,
    piece: Pattern,
}

impl Phonemizer {
    pub(super) fn new(
        lexicon: Lexicon,
        tokenizer: Tokenizer,
        tagger: Tagger,
        network: Network,
    ) -> Result<Self, TextError> {
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
        let piece = format!(r"{LETTER}+(?:['’]{LETTER}+)*|[0-9]+(?:[,.][0-9]+)*|[^\p{{L}}\p{{N}}_\s]+");
        Ok(Self {
            lexicon,
            tokenizer,
            tagger,
            network,
            subtoken: Pattern::new(&subtoken.join("|"))?,
            piece: Pattern::new(&piece)?,
        })
    }

    /// Whether a letter has a reading in a word no dictionary has.
    pub(super) fn reads(&self, letter: char) -> bool {
        self.network.reads(letter)
    }

    /// The phonemes of a normalised sentence; empty if it is made of silent marks only.
    pub(super) fn phonemize(&self, sentence: &str) -> Result<String, TextError> {
        let mut words = self.words(self.tokens(sentence)?)?;
        let mut context = Context::default();
        for word in words.iter_mut().rev() {
            context = match word {
                Word::One(token) => self.speak(token, context)?,
                Word::Compound(tokens) => self.speak_compound(tokens, context)?,
            };
        }
        let mut out = String::new();
        for word in &words {
            let (text, phonemes, space) = match word {
                Word::One(token) => (token.text.clone(), token.phonemes.clone().unwrap_or_default(), token.space),
                Word::Compound(tokens) => {
                    let Some(whole) = merge(tokens) else { continue };
                    (whole.text, join_phonemes(tokens), whole.space)
                }
            };
            // A currency sign sounds in its number, or was named where it has none.
            let silent = !phonemes.contains(char::is_alphabetic) && Currency::from_sign(&text).is_none();
            if silent && text.contains(must_sound) {
                return Err(TextError::Unpronounceable(text));
            }
            out += &phonemes.replace('ɾ', "T").replace('ʔ', "t");
            if space {
                out.push(' ');
            }
        }
        Ok(out.trim().to_owned())
    }

    #[cfg(test)]
    pub(super) fn lexicon_pronunciations(&self) -> Vec<&str> {
        self.lexicon.pronunciations()
    }

    fn tokens(&self, sentence: &str) -> Result<Vec<Token>, TextError> {
        let pieces = self.tokenizer.tokenize(sentence)?;
        let texts: Vec<&str> = pieces.iter().map(|(text, _)| text.as_str()).collect();
        let tags = self.tagger.tag(&texts);
        Ok(pieces.into_iter().zip(tags).map(|((text, space), tag)| Token::new(text, tag, space)).collect())
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

    /// misaki's `retokenize`: subtokens, gathered into words, with what is settled before the lexicon is asked.
    fn words(&self, tokens: Vec<Token>) -> Result<Vec<Word>, TextError> {
        let mut words: Vec<Word> = Vec::new();
        let mut currency: Option<Currency> = None;
        // The sign whose number has not come yet.
        let mut waiting: Option<usize> = None;
        let mut rest = tokens.as_slice();
        while let Some((token, after)) = rest.split_first() {
            rest = after;
            let number_follows = after.first().is_some_and(|next| next.tag.name() == "CD");
            let subtokens = self.subtokens(token)?;
            let texts: Vec<String> = subtokens.iter().map(|subtoken| subtoken.text.clone()).collect();
            let count = subtokens.len();
            for (index, mut subtoken) in subtokens.into_iter().enumerate() {
                let tag = subtoken.tag.name();
                let sign = Currency::from_sign(&subtoken.text).filter(|_| tag == "$");
                if sign.is_some() {
                    name_waiting(&mut words, waiting, currency);
                    (currency, waiting) = (sign, Some(words.len()));
                    subtoken.phonemes = Some(String::new());
                } else if tag == ":" && matches!(subtoken.text.as_str(), "-" | "–") {
                    subtoken.phonemes = Some("—".into());
                } else if let Some(mark) = punctuation(&subtoken) {
                    subtoken.phonemes = Some(mark);
                } else if currency.is_some() {
                    let is_number = tag == "CD" || subtoken.text.starts_with(|c: char| c.is_ascii_digit());
                    if !is_number {
                        name_waiting(&mut words, waiting, currency);
                        (currency, waiting) = (None, None);
                    } else if index + 1 == count && !number_follows {
                        subtoken.currency = currency;
                        waiting = None;
                    }
                } else if subtoken.text == "2" && between_letters(&texts, index) {
                    subtoken.alias = Some("to");
                }
                gather(&mut words, subtoken);
            }
        }
        name_waiting(&mut words, waiting, currency);
        Ok(words.into_iter().map(Word::unwrapped).collect())
    }

    fn speak(&self, token: &mut Token, context: Context) -> Result<Context, TextError> {
        if token.phonemes.is_none() {
            token.phonemes = self.lexicon.token(token, &context);
        }
        if token.phonemes.is_none() {
            token.phonemes = Some(self.fallback(&token.text)?);
        }
        Ok(context_before(context, token.phonemes.as_deref().unwrap_or_default(), token))
    }

    /// Reads the longest known run of subtokens at the end, then goes on before it.
    fn speak_compound(&self, tokens: &mut [Token], mut context: Context) -> Result<Context, TextError> {
        let mut right = tokens.len();
        while right > 0 {
            if let Some(left) = self.speak_run(tokens, right, &mut context) {
                right = left;
                continue;
            }
            right -= 1;
            let Some(last) = tokens.get_mut(right).filter(|token| token.phonemes.is_none()) else { continue };
            if last.text.chars().all(|c| JUNK.contains(c)) {
                last.phonemes = Some(String::new());
                continue;
            }
            let Some(whole) = merge(tokens) else { break };
            let mut phonemes = Some(self.fallback(&whole.text)?);
            for token in tokens.iter_mut() {
                token.phonemes = Some(phonemes.take().unwrap_or_default());
            }
            return Ok(context);
        }
        resolve(tokens);
        Ok(context)
    }

    /// Reads the longest run of subtokens that ends at `right` and that the lexicon knows; gives where it begins.
    fn speak_run(&self, tokens: &mut [Token], right: usize, context: &mut Context) -> Option<usize> {
        for left in longest_start(tokens, right)..right {
            let run = tokens.get_mut(left..right)?;
            if run.iter().any(Token::is_settled) {
                continue;
            }
            let whole = merge(run)?;
            if let Some(phonemes) = self.lexicon.token(&whole, context) {
                *context = context_before(*context, &phonemes, &whole);
                let mut phonemes = Some(phonemes);
                for token in run {
                    token.phonemes = Some(phonemes.take().unwrap_or_default());
                }
                return Some(left);
            }
        }
        None
    }

    /// A word the lexicon does not know: letters go to the network, digits to the number reader, symbols by name.
    fn fallback(&self, text: &str) -> Result<String, TextError> {
        let mut out = Vec::new();
        for found in self.piece.find_all(text)? {
            let piece = text.get(found).unwrap_or_default();
            let spoken = if piece.starts_with(|c: char| c.is_ascii_digit()) {
                self.lexicon.number(piece, None, false)
            } else if piece.starts_with(char::is_alphabetic) {
                self.unknown_word(piece)?
            } else {
                Some(piece.chars().map(|c| self.symbol(c)).collect())
            };
            let spoken = spoken.ok_or_else(|| TextError::Unpronounceable(piece.to_owned()))?;
            if !spoken.is_empty() {
                out.push(spoken);
            }
        }
        Ok(out.join(" "))
    }

    fn unknown_word(&self, word: &str) -> Result<Option<String>, TextError> {
        let phonemes = self.network.pronounce(word)?;
        Ok(if phonemes.is_empty() { self.lexicon.spell(word) } else { Some(phonemes) })
    }

    /// The name of a symbol, empty for one without a sound.
    fn symbol(&self, c: char) -> String {
        let phonemes = match c {
            '/' => "slˈæʃ",
            '=' => "ˈikwᵊlz",
            '+' => "plˈʌs",
            '&' => "ænd",
            '@' => "æt",
            '%' => "pəɹsˈɛnt",
            '#' => "hˈæʃ",
            '*' => "ˈæstəɹˌɪsk",
            '~' => "tˈɪldə",
            '^' => "kˈɛɹət",
            '<' => "lˈɛs ðən",
            '>' => "ɡɹˈATəɹ ðən",
            '—' => "—",
            '$' => return self.lexicon.name("dollars").unwrap_or_default(),
            '£' => return self.lexicon.name("pounds").unwrap_or_default(),
            '€' => return self.lexicon.name("euros").unwrap_or_default(),
            '¥' => return self.lexicon.name("yen").unwrap_or_default(),
            '₹' => return self.lexicon.name("rupees").unwrap_or_default(),
            '₩' => return self.lexicon.name("won").unwrap_or_default(),
            _ => "",
        };
        phonemes.to_owned()
    }
}

/// Characters that carry meaning: a word with one of them may not end up silent.
fn must_sound(c: char) -> bool {
    c.is_alphanumeric() || "$£€¥₹₩%&+@=#".contains(c)
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
        _ => token.text.chars().filter(|c| PUNCTUATION.contains(*c)).collect(),
    })
}

/// Whether the subtoken at `index` stands between letters, as the 2 of "p2p".
fn between_letters(texts: &[String], index: usize) -> bool {
    let at = |index: Option<usize>| index.and_then(|index| texts.get(index));
    let before = at(index.checked_sub(1)).and_then(|text| text.chars().next_back());
    let after = at(index.checked_add(1)).and_then(|text| text.chars().next());
    before.is_some_and(char::is_alphabetic) && after.is_some_and(char::is_alphabetic)
}

/// Puts a subtoken to the word it continues, or begins a new one.
fn gather(words: &mut Vec<Word>, mut token: Token) {
    if token.is_settled() {
        words.push(Word::One(token));
        return;
    }
    if let Some(Word::Compound(open)) = words.last_mut()
        && open.last().is_some_and(|last| !last.space)
    {
        token.is_head = false;
        open.push(token);
        return;
    }
    words.push(if token.space { Word::One(token) } else { Word::Compound(vec![token]) });
}

/// Names a currency sign that no number followed.
fn name_waiting(words: &mut [Word], waiting: Option<usize>, currency: Option<Currency>) {
    if let (Some(index), Some(currency)) = (waiting, currency)
        && let Some(Word::One(sign)) = words.get_mut(index)
    {
        sign.phonemes = None;
        sign.alias = Some(currency.plural());
        sign.space = true;
    }
}

/// The first subtoken of the longest run worth asking the lexicon for.
fn longest_start(tokens: &[Token], right: usize) -> usize {
    let mut length = 0;
    let mut start = right.saturating_sub(1);
    for (index, token) in tokens.iter().enumerate().take(right).rev() {
        length += token.text.len();
        if length > LONGEST_WORD {
            break;
        }
        start = index;
    }
    start
}

/// What the word before `token` can see of it.
fn context_before(context: Context, phonemes: &str, token: &Token) -> Context {
    let is_pause = |c| PUNCTUATION.contains(c) && !"\"“”".contains(c);
    let first = phonemes.chars().find(|c| stress::is_vowel(*c) || stress::is_consonant(*c) || is_pause(*c));
    let future_vowel = match first {
        Some(c) if is_pause(c) => None,
        Some(c) => Some(stress::is_vowel(c)),
        None => context.future_vowel,
    };
    let text = token.text.as_str();
    let future_to = matches!(text, "to" | "To") || (text == "TO" && matches!(token.tag.name(), "TO" | "IN"));
    Context { future_vowel, future_to }
}

/// Balances the stresses of subtokens that were read apart.
fn resolve(tokens: &mut [Token]) {
    let Some(whole) = merge(tokens) else { return };
    let kind = |c: char| match c {
        _ if c.is_alphabetic() => 0_u8,
        _ if c.is_ascii_digit() => 1,
        _ => 2,
    };
    let mut kinds = whole.text.chars().filter(|c| !JUNK.contains(*c)).map(kind);
    let first_kind = kinds.next();
    let apart = whole.text.contains([' ', '/']) || kinds.any(|kind| Some(kind) != first_kind);
    let count = tokens.len();
    for (index, token) in tokens.iter_mut().enumerate() {
        if token.phonemes.is_none() {
            let is_pause = matches!(token.text.as_str(), ";" | ":" | "," | "." | "!" | "?" | "—" | "…");
            if index + 1 == count && is_pause {
                token.phonemes = Some(token.text.clone());
            } else if token.text.chars().all(|c| JUNK.contains(c)) {
                token.phonemes = Some(String::new());
            }
        } else if index > 0 {
            token.prespace = apart;
        }
    }
    if !apart {
        balance(tokens);
    }
}

/// Demotes the weaker half of too many primary stresses.
fn balance(tokens: &mut [Token]) {
    let mut spoken: Vec<(bool, usize, usize)> = Vec::new();
    for (index, token) in tokens.iter().enumerate() {
        if let Some(phonemes) = token.phonemes.as_deref().filter(|phonemes| !phonemes.is_empty()) {
            spoken.push((phonemes.contains('ˈ'), stress::weight(phonemes), index));
        }
    }
    let is_letter = |index: usize| tokens.get(index).is_some_and(|token| token.text.chars().count() == 1);
    let weaker: Vec<usize> = match spoken.as_slice() {
        &[(_, _, first), (_, _, second)] if is_letter(first) => vec![second],
        all if all.len() < 2 || all.iter().filter(|(primary, ..)| *primary).count() <= all.len().div_ceil(2) => return,
        all => {
            let half = all.len() / 2;
            spoken.sort_unstable();
            spoken.iter().take(half).map(|&(_, _, index)| index).collect()
        }
    };
    for index in weaker {
        if let Some(token) = tokens.get_mut(index) {
            token.phonemes = token.phonemes.as_deref().map(|phonemes| stress::apply(phonemes, Some(Stress::Demote)));
        }
    }
}
