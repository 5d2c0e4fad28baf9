//! Stress marks in a phoneme string. Knows phonemes, no words.

pub(super) const PRIMARY: char = 'ˈ';
pub(super) const SECONDARY: char = 'ˌ';
const VOWELS: &str = "AIOQWYaiuæɑɒɔəɛɜɪʊʌᵻ";
const CONSONANTS: &str = "bdfhjklmnpstvwzðŋɡɹɾʃʒʤʧθ";
const DIPHTHONGS: &str = "AIOQWYʤʧ";

pub(in crate::text) fn is_vowel(c: char) -> bool {
    VOWELS.contains(c)
}

pub(in crate::text) fn is_consonant(c: char) -> bool {
    CONSONANTS.contains(c)
}

/// How long a pronunciation is, diphthongs and affricates twice.
pub(in crate::text) fn weight(phonemes: &str) -> usize {
    phonemes.chars().map(|c| if DIPHTHONGS.contains(c) { 2 } else { 1 }).sum()
}

/// A change of stress; the number misaki's rules give it stands behind each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::text) enum Stress {
    /// No stress at all (-2).
    Strip,
    /// Primary becomes secondary, what was secondary is lost (-0.5).
    Demote,
    /// Like `Demote`, but an unstressed word gets a secondary stress (0).
    Even,
    /// A secondary stress for an unstressed word: Capitalised (0.5).
    Light,
    /// A primary stress for a word without one: ALL CAPITALS (2).
    Full,
}

impl Stress {
    /// Whether it raises the stress.
    pub(super) fn raises(self) -> bool {
        matches!(self, Self::Light | Self::Full)
    }
}

/// `phonemes` with their stress changed.
pub(in crate::text) fn apply(phonemes: &str, stress: Option<Stress>) -> String {
    let has_primary = phonemes.contains(PRIMARY);
    let unstressed = !has_primary && !phonemes.contains(SECONDARY);
    match stress {
        Some(Stress::Strip) => phonemes.replace([PRIMARY, SECONDARY], ""),
        Some(Stress::Demote | Stress::Even) if has_primary => phonemes.replace(SECONDARY, "").replace(PRIMARY, "ˌ"),
        Some(Stress::Even | Stress::Light) if unstressed => stress_first_vowel(SECONDARY, phonemes),
        Some(Stress::Full) if unstressed => stress_first_vowel(PRIMARY, phonemes),
        Some(Stress::Full) if !has_primary => phonemes.replace(SECONDARY, "ˈ"),
        _ => phonemes.to_owned(),
    }
}

fn stress_first_vowel(mark: char, phonemes: &str) -> String {
    match phonemes.find(is_vowel) {
        Some(at) => {
            let (before, after) = phonemes.split_at(at);
            format!("{before}{mark}{after}")
        }
        None => phonemes.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Stress::*, *};

    // Expected values recorded from `apply_stress` of misaki's port in hibari-tts 0.2.1.
    #[test]
    fn stress_moves_as_in_misaki() {
        for (phonemes, stress, expected) in [
            ("hˌɛlˈO", Strip, "hɛlO"),
            ("hˌɛlˈO", Demote, "hɛlˌO"),
            ("hˌɛlO", Demote, "hˌɛlO"),
            ("ðə", Even, "ðˌə"),
            ("ðə", Light, "ðˌə"),
            ("hˈɛlO", Light, "hˈɛlO"),
            ("hˌɛlO", Full, "hˈɛlO"),
            ("ðə", Full, "ðˈə"),
            ("st", Full, "st"),
        ] {
            assert_eq!(apply(phonemes, Some(stress)), expected, "{phonemes} {stress:?}");
        }
    }
}
