//! From a normalised sentence to phonemes: words are cut into subtokens, read by the lexicon from the last to the
//! first (a reading can depend on the sound that follows), and handed to the network where the lexicon has none.
//!
//! A port of `hibari/g2p/__init__.py`. It differs where that drops something in silence: a currency sign without a
//! number and a symbol the tagger took for punctuation are named, and a word without any sound is refused. The
//! `[text](/phonemes/)` markup is not read: whoever writes the text must not reach past the front end.

use super::{
    balance::resolve,
    error::TextError,
    lexicon::{Context, Lexicon, stress},
    oov::Network,
    pattern::{LETTER, Pattern},
    tagger::Tagger,
    token::{Currency, Token, join_phonemes, merge},
    tokenize::Tokenizer,
    words::{Cutter, Word, is_junk, is_punctuation, must_sound},
};

/// Most bytes of neighbouring subtokens tried as one dictionary word, so that long chains stay cheap.
const LONGEST_WORD: usize = 64;

/// The models and patterns.
pub(super) struct Phonemizer {
    lexicon: Lexicon,
    tokenizer: Tokenizer,
    tagger: Tagger,
    network: Network,
    cutter: Cutter,
    piece: Pattern,
}

impl Phonemizer {
    pub(super) fn new(
        lexicon: Lexicon,
        tokenizer: Tokenizer,
        tagger: Tagger,
        network: Network,
    ) -> Result<Self, TextError> {
        let piece = format!(r"{LETTER}+(?:['’]{LETTER}+)*|[0-9]+(?:[,.][0-9]+)*|[^\p{{L}}\p{{N}}_\s]+");
        Ok(Self { lexicon, tokenizer, tagger, network, cutter: Cutter::new()?, piece: Pattern::new(&piece)? })
    }

    /// Whether a letter has a reading in a word no dictionary has.
    pub(super) fn reads(&self, letter: char) -> bool {
        self.network.reads(letter)
    }

    /// The phonemes of a normalised sentence; empty if it is made of silent marks only.
    pub(super) fn phonemize(&self, sentence: &str) -> Result<String, TextError> {
        let mut words = self.cutter.words(&self.tokens(sentence)?)?;
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

    fn speak(&self, token: &mut Token, context: Context) -> Result<Context, TextError> {
        if token.phonemes.is_none() {
            token.phonemes = self.lexicon.token(token, context);
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
            if last.text.chars().all(is_junk) {
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
            if let Some(phonemes) = self.lexicon.token(&whole, *context) {
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
    let is_pause = |c| is_punctuation(c) && !"\"“”".contains(c);
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
