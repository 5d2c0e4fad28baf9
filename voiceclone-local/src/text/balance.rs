//! Joining subtokens that were read apart: silence for what is left, and no more primary stresses than a word bears.
//! Knows phonemes, no dictionary.

use super::{
    lexicon::stress::{self, Stress},
    token::{Token, merge},
    words::is_junk,
};

/// Balances the stresses of subtokens that were read apart.
pub(super) fn resolve(tokens: &mut [Token]) {
    let Some(whole) = merge(tokens) else { return };
    let kind = |c: char| match c {
        _ if c.is_alphabetic() => 0_u8,
        _ if c.is_ascii_digit() => 1,
        _ => 2,
    };
    let mut kinds = whole.text.chars().filter(|c| !is_junk(*c)).map(kind);
    let first_kind = kinds.next();
    let apart = whole.text.contains([' ', '/']) || kinds.any(|kind| Some(kind) != first_kind);
    let count = tokens.len();
    for (index, token) in tokens.iter_mut().enumerate() {
        if token.phonemes.is_none() {
            let is_pause = matches!(token.text.as_str(), ";" | ":" | "," | "." | "!" | "?" | "—" | "…");
            if index + 1 == count && is_pause {
                token.phonemes = Some(token.text.clone());
            } else if token.text.chars().all(is_junk) {
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
