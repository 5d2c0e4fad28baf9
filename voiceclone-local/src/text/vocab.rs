//! From phonemes to the acoustic model's ids. Knows `vocab.json` only.

use std::collections::HashMap;

use super::error::TextError;

/// Ends every id sequence on both sides.
const PAD: i32 = 0;

/// The id of each phoneme.
pub(super) struct Vocabulary(HashMap<char, i32>);

impl Vocabulary {
    /// Reads `vocab.json`.
    pub(super) fn new(json: &str) -> Result<Self, TextError> {
        serde_json::from_str(json)
            .map(Self)
            .map_err(|source| TextError::Asset { file: "vocab.json", source: source.into() })
    }

    /// The ids of `phonemes` between two pads. Three signs the network can give have no sound and no id: the
    /// marks `-` and `1` and the rare `ʀ`.
    pub(super) fn ids(&self, phonemes: &str) -> Vec<i32> {
        let known = phonemes.chars().filter_map(|phoneme| self.0.get(&phoneme).copied());
        std::iter::once(PAD).chain(known).chain([PAD]).collect()
    }

    #[cfg(test)]
    pub(super) fn has(&self, phoneme: char) -> bool {
        self.0.contains_key(&phoneme)
    }
}
