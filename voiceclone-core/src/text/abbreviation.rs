//! Whether a full stop belongs to the word before it. Knows words only; where a sentence could end is Unicode's rule.
//!
//! A sentence that is kept with its neighbour sounds right; one that is torn at "Dr." does not. So in doubt a full stop
//! after an abbreviation ends nothing.

/// What is known of the place where Unicode's rules end a sentence.
#[derive(Debug, Clone, Copy)]
pub(super) struct FullStop<'a> {
    /// The word before the full stop.
    pub(super) before: &'a str,
    /// The word after it.
    pub(super) after: &'a str,
    /// Whether `before` is the first word of its line, as the number of a list item is.
    pub(super) starts_line: bool,
}

impl FullStop<'_> {
    /// Whether the sentence goes on after this full stop.
    pub(super) fn continues(self) -> bool {
        let Self { before, after, starts_line } = self;
        if NEVER_LAST.contains(&before) || (starts_line && is_short_number(before)) {
            return true;
        }
        if BEFORE_NUMBER.contains(&before) {
            return after.starts_with(char::is_numeric);
        }
        let in_doubt = is_initials(before) || is_short_number(before) || SELDOM_LAST.contains(&before);
        in_doubt && !starts_sentence(after)
    }
}

/// Titles and connectives: something always follows.
const NEVER_LAST: &[&str] = &[
    "Mr", "Mrs", "Ms", "Messrs", "Prof", "Rev", "Gen", "Col", "Capt", "Lt", "Sgt", "Cpl", "Gov", "Sen", "Rep", "Hon",
    "e.g", "i.e", "E.g", "I.e", "cf", "vs", "viz", "Hr", "Fr", "bzw", "vgl", "Vgl", "ca", "evtl", "ggf", "inkl", "sog",
    "Mme", "Mlle", "MM", "Sra", "Srta", "Dra", "Sig", "Dott", "Exmo", "dhr", "mevr", "bijv", "ул", "им", "др",
];

/// Abbreviations only where a number follows: "No. 5", but "No. I won't."
const BEFORE_NUMBER: &[&str] = &[
    "No", "no", "Nos", "nos", "Nr", "nr", "Fig", "fig", "Figs", "p", "pp", "Vol", "vol", "Ch", "ch", "Sec", "sec",
    "Art", "art", "Abs", "Bd", "S", "pág", "núm", "Jan", "Feb", "Mar", "Apr", "Jun", "Jul", "Aug", "Sep", "Sept",
    "Oct", "Nov", "Dec", "Tel", "tel",
];

/// Abbreviations that now and then close a sentence.
const SELDOM_LAST: &[&str] = &[
    "Dr", "St", "Ste", "Mt", "Ft", "Jr", "Sr", "Inc", "Ltd", "Co", "Corp", "Bros", "Ave", "Blvd", "Rd", "Dept", "Univ",
    "approx", "est", "etc", "al", "usw", "Str", "Mio", "Mrd", "Ud", "Uds", "EE", "UU", "Avda", "руб", "тыс", "млн",
];

/// English words that begin sentences and hardly ever names. "A" and "I" are missing because they are initials too.
const STARTERS: &[&str] = &[
    "The", "He", "She", "It", "We", "They", "You", "But", "And", "So", "Then", "There", "This", "That", "These",
    "Those", "In", "On", "At", "His", "Her", "Its", "Our", "Their", "My", "Your", "If", "When", "While", "What", "Why",
    "How", "However", "After", "Before", "As", "For", "Not", "No", "Yes",
];

fn starts_sentence(word: &str) -> bool {
    word.split(['\'', '’']).next().is_some_and(|stem| STARTERS.contains(&stem))
}

/// "J", "U.S", "a.m", "Ph.D": letters in ones and twos. "I" is a word.
fn is_initials(word: &str) -> bool {
    let short = |part: &str| (1..=2).contains(&part.chars().count()) && part.chars().all(has_case);
    if word.contains('.') {
        word.split('.').all(short)
    } else {
        word != "I" && word.chars().count() == 1 && short(word)
    }
}

fn has_case(c: char) -> bool {
    c.is_uppercase() || c.is_lowercase()
}

/// A list item's number, or a German ordinal: "3. Mai".
fn is_short_number(word: &str) -> bool {
    word.len() <= 2 && word.bytes().all(|b| b.is_ascii_digit())
}
