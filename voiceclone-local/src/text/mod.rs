//! The English text front end of the builtin engine: from text to the phoneme ids of the acoustic model, in phrases
//! the model takes at once. Knows no audio.
//!
//! A Rust port of the American English G2P of the Apache-2.0 Python package hibari-tts 0.2.1 (`hibari/g2p` and the
//! cutting in `hibari/tts.py`), which itself ports misaki and spaCy's tokenizer; see `assets/NOTICE-hibari`. It differs
//! only where the original drops something in silence, garbles it or fails; the modules say where. Every text is
//! spoken, spelled or refused.

mod alphabet;
mod balance;
mod error;
mod g2p;
mod lexicon;
mod normalize;
mod numbers;
mod oov;
mod pattern;
mod phrases;
mod sentences;
mod table;
mod tagger;
mod token;
mod tokenize;
mod vocab;
mod words;

use std::{io::Read as _, ops::Range};

use flate2::read::GzDecoder;

pub(crate) use self::error::TextError;
use self::{
    g2p::Phonemizer, lexicon::Lexicon, normalize::Normalizer, oov::Network, sentences::Sentences, tagger::Tagger,
    tokenize::Tokenizer, vocab::Vocabulary,
};

macro_rules! asset {
    ($name:literal) => {
        concat!(env!("CARGO_MANIFEST_DIR"), "/assets/g2p/", $name)
    };
}

/// What the acoustic model speaks at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Phrase {
    /// The model's input, between two pads of 0.
    pub ids: Vec<i32>,
    /// The same in misaki's phoneme alphabet.
    pub phonemes: String,
    /// Bytes of the text it covers. The spans of all phrases follow each other and are the whole text; a border
    /// inside a sentence too long for one phrase is an estimate.
    pub span: Range<usize>,
}

/// The loaded front end. Loading takes about an eighth of a second and 45 MB: do it once. Its calls compute and block.
pub(crate) struct FrontEnd {
    sentences: Sentences,
    normalizer: Normalizer,
    phonemizer: Phonemizer,
    vocabulary: Vocabulary,
}

impl std::fmt::Debug for FrontEnd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FrontEnd")
    }
}

impl FrontEnd {
    /// Reads the embedded data.
    ///
    /// # Errors
    /// If an embedded file is damaged.
    pub(crate) fn load() -> Result<Self, TextError> {
        let lexicon = Lexicon::new(
            include_bytes!(asset!("lexicon_us_gold.json.gz")),
            include_bytes!(asset!("lexicon_us_silver.json.gz")),
        )?;
        let tokenizer = Tokenizer::new(include_str!(asset!("tokenizer_exceptions.json")))?;
        let network = Network::new(include_bytes!(asset!("oov.onnx")), include_str!(asset!("oov.json")))?;
        Ok(Self {
            sentences: Sentences::new()?,
            normalizer: Normalizer::new(include_str!(asset!("normalize.json")))?,
            phonemizer: Phonemizer::new(lexicon, tokenizer, tagger()?, network)?,
            vocabulary: Vocabulary::new(include_str!(asset!("vocab.json")))?,
        })
    }

    /// Cuts `text` into phrases and reads each.
    ///
    /// # Errors
    /// If the text has characters or a word that cannot be read, nothing to say, or a sentence of more than
    /// 20 000 characters.
    pub(crate) fn phrases(&self, text: &str) -> Result<Vec<Phrase>, TextError> {
        alphabet::check(text, |letter| self.phonemizer.reads(letter))?;
        let mut phrases: Vec<Phrase> = Vec::new();
        let mut covered = 0;
        for sentence in self.sentences.split(text, |word| self.normalizer.is_title(word))? {
            let phonemes = self.phonemize(text.get(sentence.clone()).unwrap_or_default())?;
            if phonemes.is_empty() {
                continue;
            }
            // What lies between two sentences belongs to the first.
            if let Some(previous) = phrases.last_mut() {
                previous.span.end = sentence.start;
                covered = sentence.start;
            }
            let pieces = phrases::cut(&phonemes);
            let lengths: Vec<usize> = pieces.iter().map(String::len).collect();
            let spans = phrases::divide(text, covered..sentence.end, &lengths);
            for (phonemes, span) in pieces.into_iter().zip(spans) {
                phrases.push(Phrase { ids: self.vocabulary.ids(&phonemes), phonemes, span });
            }
        }
        if !phrases.iter().any(|phrase| phrase.phonemes.contains(char::is_alphabetic)) {
            return Err(TextError::NothingToSay);
        }
        if let Some(last) = phrases.last_mut() {
            last.span.end = text.len();
        }
        Ok(phrases)
    }

    fn phonemize(&self, sentence: &str) -> Result<String, TextError> {
        self.phonemizer.phonemize(&self.normalizer.normalize(sentence)?)
    }
}

fn tagger() -> Result<Tagger, TextError> {
    let damaged = |source| TextError::Asset { file: "tagger.json.gz", source };
    let mut json = String::new();
    let gz: &[u8] = include_bytes!(asset!("tagger.json.gz"));
    GzDecoder::new(gz).read_to_string(&mut json).map_err(|error| damaged(error.into()))?;
    serde_json::from_str(&json).map_err(|error| damaged(error.into()))
}

#[cfg(test)]
mod tests;
