//! Words that are a known stem with "-s", "-ed" or "-ing": which stem, and how the ending sounds after it.

use super::{Context, Lexicon, stress::Stress};

/// Sounds after which Americans flap a t.
const FLAPPING: &str = "AIOWYiuæɑəɛɪɹʊʌ";

/// A word with what decides its reading.
#[derive(Clone, Copy)]
pub(super) struct Reading<'r> {
    pub tag: &'r str,
    pub stress: Option<Stress>,
    /// What follows; `None` outside a sentence.
    pub context: Option<Context>,
}

impl Reading<'_> {
    /// A word read for itself.
    pub(super) const ALONE: Self = Reading { tag: "", stress: None, context: None };
}

impl Lexicon {
    /// Whichever of the three endings fits.
    pub(super) fn stem(&self, word: &str, reading: Reading<'_>) -> Option<String> {
        self.stem_s(word, reading).or_else(|| self.stem_ed(word, reading)).or_else(|| self.stem_ing(word, reading))
    }

    pub(super) fn stem_s(&self, word: &str, reading: Reading<'_>) -> Option<String> {
        let length = word.chars().count();
        let stem = word.strip_suffix('s').filter(|_| length >= 3)?;
        if !word.ends_with("ss") && self.is_known(stem) {
            return with_s(self.lookup(stem, reading)?);
        }
        let short = stem
            .strip_suffix('\'')
            .or_else(|| stem.strip_suffix('e').filter(|short| length > 4 && !short.ends_with('i')));
        if let Some(stem) = short.filter(|stem| self.is_known(stem)) {
            return with_s(self.lookup(stem, reading)?);
        }
        let y = format!("{}y", stem.strip_suffix("ie").filter(|_| length > 4)?);
        if self.is_known(&y) { with_s(self.lookup(&y, reading)?) } else { None }
    }

    pub(super) fn stem_ed(&self, word: &str, reading: Reading<'_>) -> Option<String> {
        let length = word.chars().count();
        let stem = word.strip_suffix('d').filter(|_| length >= 4)?;
        if !stem.ends_with('d') && self.is_known(stem) {
            return with_ed(self.lookup(stem, reading)?);
        }
        let stem = stem.strip_suffix('e').filter(|stem| length > 4 && !stem.ends_with('e'))?;
        if self.is_known(stem) { with_ed(self.lookup(stem, reading)?) } else { None }
    }

    pub(super) fn stem_ing(&self, word: &str, reading: Reading<'_>) -> Option<String> {
        let length = word.chars().count();
        let stem = word.strip_suffix("ing").filter(|_| length >= 5)?;
        if length > 5 && self.is_known(stem) {
            return with_ing(self.lookup(stem, reading)?);
        }
        let e = format!("{stem}e");
        if self.is_known(&e) {
            return with_ing(self.lookup(&e, reading)?);
        }
        let single = stem.get(..stem.len().checked_sub(1)?)?;
        if length > 5 && doubles_its_end(stem) && self.is_known(single) {
            return with_ing(self.lookup(single, reading)?);
        }
        None
    }
}

/// "running", "panicking".
fn doubles_its_end(stem: &str) -> bool {
    let mut end = stem.chars().rev();
    match (end.next(), end.next()) {
        (Some('k'), Some('c')) => true,
        (Some(last), Some(before)) => last == before && "bcdgklmnprstvxz".contains(last),
        _ => false,
    }
}

pub(super) fn with_s(stem: String) -> Option<String> {
    let ending = match stem.chars().next_back()? {
        'p' | 't' | 'k' | 'f' | 'θ' => "s",
        's' | 'z' | 'ʃ' | 'ʒ' | 'ʧ' | 'ʤ' => "ᵻz",
        _ => "z",
    };
    Some(stem + ending)
}

pub(super) fn with_ed(stem: String) -> Option<String> {
    let mut end = stem.chars().rev();
    let (last, before) = (end.next()?, end.next());
    let ending = match last {
        'p' | 'k' | 'f' | 'θ' | 'ʃ' | 's' | 'ʧ' => "t",
        'd' => "ᵻd",
        't' => match before {
            None => "ɪd",
            Some(sound) if FLAPPING.contains(sound) => return Some(flapped(stem) + "ᵻd"),
            Some(_) => "ᵻd",
        },
        _ => "d",
    };
    Some(stem + ending)
}

pub(super) fn with_ing(stem: String) -> Option<String> {
    let mut end = stem.chars().rev();
    let (last, before) = (end.next()?, end.next());
    if last == 't' && before.is_some_and(|sound| FLAPPING.contains(sound)) {
        return Some(flapped(stem) + "ɪŋ");
    }
    Some(stem + "ɪŋ")
}

fn flapped(mut stem: String) -> String {
    stem.pop();
    stem + "ɾ"
}
