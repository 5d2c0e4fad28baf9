//! Pronunciation of words no dictionary has, by a character transformer of 0.65 million parameters whose output is
//! CTC: repeats collapse, blanks drop. Knows letters and phonemes only.
//!
//! A port of `hibari/g2p/oov.py`, which reads no more than 24 letters of a word and passes over letters the network
//! was not trained on. Here a longer word is read in pieces and such a letter stands for its base letter.

use std::{collections::HashMap, sync::Arc};

use rten::{Model, RunOptions, ThreadPool, ValueOrView};
use rten_tensor::{AsView as _, NdTensor};
use serde::Deserialize;
use unicode_normalization::UnicodeNormalization as _;

use super::error::TextError;

/// The output code that stands for no phoneme.
const BLANK: i32 = 0;

/// The alphabets of `oov.json`.
#[derive(Deserialize)]
struct Meta {
    r#in: Vec<char>,
    out: Vec<String>,
    maxlen: usize,
}

/// The network and its alphabets.
pub(super) struct Network {
    model: Model,
    /// One thread: the words are short, and the caller decides what runs beside.
    threads: Arc<ThreadPool>,
    letters: HashMap<char, i32>,
    phonemes: Vec<String>,
    longest: usize,
}

impl Network {
    /// Reads the network (`oov.onnx`) and its alphabets (`oov.json`).
    pub(super) fn new(onnx: &'static [u8], meta: &str) -> Result<Self, TextError> {
        let meta: Meta = serde_json::from_str(meta)
            .map_err(|source| TextError::Asset { file: "oov.json", source: source.into() })?;
        let model = Model::load_static_slice(onnx)
            .map_err(|source| TextError::Asset { file: "oov.onnx", source: source.into() })?;
        Ok(Self {
            model,
            threads: Arc::new(ThreadPool::with_num_threads(1)),
            letters: meta.r#in.into_iter().zip(1..).collect(),
            phonemes: meta.out,
            longest: meta.maxlen,
        })
    }

    /// Whether the network reads `letter`, itself or its base letter.
    pub(super) fn reads(&self, letter: char) -> bool {
        !self.codes(letter).is_empty()
    }

    /// The phonemes of a word; empty if the network finds none.
    pub(super) fn pronounce(&self, word: &str) -> Result<String, TextError> {
        let codes: Vec<i32> = word.chars().flat_map(|letter| self.codes(letter)).collect();
        let pieces: Result<Vec<String>, TextError> =
            codes.chunks(self.longest.max(1)).map(|piece| self.run(piece)).collect();
        Ok(pieces?.join(" ").trim().to_owned())
    }

    fn codes(&self, letter: char) -> Vec<i32> {
        let code = |c: char| self.letters.get(&c).copied();
        if let Some(own) = code(letter).or_else(|| letter.to_lowercase().find_map(code)) {
            return vec![own];
        }
        std::iter::once(letter).nfkd().filter(char::is_ascii_alphabetic).filter_map(code).collect()
    }

    fn run(&self, codes: &[i32]) -> Result<String, TextError> {
        let failed = |error: Box<dyn std::error::Error + Send + Sync>| TextError::Network(error);
        let input = NdTensor::from_data([1, codes.len()], codes.to_vec());
        let options = RunOptions::default().with_thread_pool(Some(Arc::clone(&self.threads)));
        let output =
            self.model.run_one(ValueOrView::from(input.view()), Some(options)).map_err(|error| failed(error.into()))?;
        let output: NdTensor<i32, 2> = output.try_into().map_err(|_| failed("unexpected output".into()))?;
        let mut phonemes = String::new();
        let mut previous = BLANK;
        for &code in output.iter() {
            if code != previous && code != BLANK {
                let index = usize::try_from(code - 1).map_err(|error| failed(error.into()))?;
                phonemes += self.phonemes.get(index).map_or("", String::as_str);
            }
            previous = code;
        }
        Ok(phonemes)
    }
}
