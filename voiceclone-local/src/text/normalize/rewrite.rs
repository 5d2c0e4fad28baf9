//! What each normalisation rule writes in the place of a match. Knows groups and words, no pattern.

use super::{super::numbers, super::pattern::Found, tables::Tables};

/// Writes the words for one match; a match that is no valid time or date stays as it is.
pub(super) type Rewrite = fn(&Tables, &Found<'_>) -> String;

pub(super) fn time(_: &Tables, found: &Found<'_>) -> String {
    let (hour, minute, second, half) = (found.group(1), found.group(2), found.group(3), found.group(4));
    if number(hour) > 24 || number(minute) > 59 || number(second) > 59 {
        return found.group(0).into();
    }
    let mut words = numbers::cardinal(hour);
    match number(minute) {
        0 if half.is_empty() && second.is_empty() => words += " o'clock",
        0 => {}
        1..10 => words = words + " oh " + &numbers::cardinal(minute),
        _ => words = words + " " + &numbers::cardinal(minute),
    }
    if !second.is_empty() {
        let unit = if number(second) == 1 { "second" } else { "seconds" };
        words = format!("{words} and {} {unit}", numbers::cardinal(second));
    }
    if !half.is_empty() {
        // With points, so that the lexicon spells the letters.
        let point = if found.rest().starts_with('.') { "" } else { "." };
        words = format!("{words} {}.M{point}", half.to_uppercase());
    }
    words
}

pub(super) fn date_us(tables: &Tables, found: &Found<'_>) -> String {
    let (first, second, year) = (number(found.group(1)), number(found.group(2)), found.group(3));
    let century = match (year.len(), number(year)) {
        (2, 31..) => "19",
        (2, _) => "20",
        _ => "",
    };
    let (month, day) = if first <= 12 { (first, second) } else { (second, first) };
    date(tables, month, day, &format!(", {century}{year}")).unwrap_or_else(|| found.group(0).into())
}

pub(super) fn date_iso(tables: &Tables, found: &Found<'_>) -> String {
    let (month, day) = (number(found.group(2)), number(found.group(3)));
    date(tables, month, day, &format!(", {}", found.group(1))).unwrap_or_else(|| found.group(0).into())
}

pub(super) fn month_day(tables: &Tables, found: &Found<'_>) -> String {
    let day = found.group(2);
    if !(1..=31).contains(&number(day)) {
        return found.group(0).into();
    }
    format!("{} {}{}", tables.month(found.group(1)), numbers::ordinal(day), found.group(3))
}

pub(super) fn day_month(tables: &Tables, found: &Found<'_>) -> String {
    let day = found.group(2);
    if !(1..=31).contains(&number(day)) {
        return found.group(0).into();
    }
    format!("the {} of {}", numbers::ordinal(day), tables.month(found.group(3)))
}

pub(super) fn big_money(tables: &Tables, found: &Found<'_>) -> String {
    let (symbol, amount, scale) = (found.group(1), found.group(2), found.group(3));
    format!("{amount} {} {}", scale_word(scale), plural(tables.currency.get(symbol), ""))
}

pub(super) fn cents(tables: &Tables, found: &Found<'_>) -> String {
    let amount = found.group(1);
    format!("{amount} {}", plural(tables.currency.get("¢"), amount))
}

pub(super) fn currency(tables: &Tables, found: &Found<'_>) -> String {
    let (symbol, amount, scale) = (found.group(1), found.group(2), found.group(3));
    let names = tables.currency.get(symbol.trim_end_matches('.'));
    if scale.is_empty() {
        format!("{amount} {}", plural(names, amount))
    } else {
        format!("{amount} {} {}", scale_word(scale), plural(names, ""))
    }
}

pub(super) fn degrees(_: &Tables, found: &Found<'_>) -> String {
    let amount = found.group(1);
    let degrees = if is_one(amount) { "degree" } else { "degrees" };
    let scale = match found.group(2) {
        "C" => " Celsius",
        "F" => " Fahrenheit",
        _ => "",
    };
    format!("{amount} {degrees}{scale}")
}

pub(super) fn unit(tables: &Tables, found: &Found<'_>) -> String {
    let amount = found.group(1);
    format!("{amount} {}", plural(tables.units.get(found.group(2)), amount))
}

pub(super) fn title(tables: &Tables, found: &Found<'_>) -> String {
    tables.titles.get(found.group(1)).map_or("", String::as_str).to_owned() + " "
}

pub(super) fn abbreviation(tables: &Tables, found: &Found<'_>) -> String {
    let short = found.group(1);
    let word = tables.abbreviations.get(short).map_or("", String::as_str).to_owned();
    // The point of an abbreviation at the very end also ends the sentence.
    if found.rest().is_empty() && short.ends_with('.') { word + "." } else { word }
}

pub(super) fn number_sign(_: &Tables, found: &Found<'_>) -> String {
    if found.group(1) == "Nos" { "Numbers ".into() } else { "Number ".into() }
}

pub(super) fn hash(_: &Tables, _: &Found<'_>) -> String {
    "number ".into()
}

pub(super) fn roman_cardinal(_: &Tables, found: &Found<'_>) -> String {
    format!("{} {}", found.group(1), roman(found.group(2)))
}

pub(super) fn roman_ordinal(_: &Tables, found: &Found<'_>) -> String {
    format!("{} the {}", found.group(1), numbers::ordinal(&roman(found.group(2)).to_string()))
}

pub(super) fn phone(_: &Tables, found: &Found<'_>) -> String {
    let mut digits = String::new();
    for c in found.group(0).chars() {
        if c == '-' {
            digits += ", ";
        } else {
            digits.push(c);
            digits.push(' ');
        }
    }
    digits.trim_end().to_owned()
}

pub(super) fn fraction(tables: &Tables, found: &Found<'_>) -> String {
    const PARTS: [&str; 9] = ["half", "third", "quarter", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth"];
    let (above, below) = (number(found.group(1)), number(found.group(2)));
    let part = (below as usize).checked_sub(2).and_then(|index| PARTS.get(index));
    match (above, part) {
        (1, Some(&"half")) => "one half".into(),
        (1, Some(part)) => format!("1 {part}"),
        (1.., Some(part)) if above < below => format!("{above} {part}s"),
        _ => date(tables, above, below, "").unwrap_or_else(|| format!("{above} slash {below}")),
    }
}

pub(super) fn range(_: &Tables, found: &Found<'_>) -> String {
    format!("{} to {}", found.group(1), found.group(2))
}

pub(super) fn plus(_: &Tables, _: &Found<'_>) -> String {
    "plus ".into()
}

fn date(tables: &Tables, month: u32, day: u32, year: &str) -> Option<String> {
    let name = tables.month_by_number(month)?;
    (1..=31).contains(&day).then(|| format!("{name} {}{year}", numbers::ordinal(&day.to_string())))
}

fn scale_word(scale: &str) -> &str {
    match scale {
        "k" | "K" => "thousand",
        "m" | "M" => "million",
        "b" | "B" => "billion",
        word => word,
    }
}

fn plural<'t>(names: Option<&'t [String; 2]>, amount: &str) -> &'t str {
    let Some([one, many]) = names else { return "" };
    if is_one(amount) { one } else { many }
}

fn is_one(amount: &str) -> bool {
    matches!(amount, "1" | "1.0" | "-1")
}

/// The value of a Roman numeral written by the rules, that is, below 4000.
fn roman(numeral: &str) -> u32 {
    let value = |c| match c {
        'I' => 1,
        'V' => 5,
        'X' => 10,
        'L' => 50,
        'C' => 100,
        'D' => 500,
        'M' => 1000,
        _ => 0,
    };
    let (total, _) = numeral
        .chars()
        .rev()
        .map(value)
        .fold((0_u32, 0_u32), |(total, after), v| (if v < after { total.saturating_sub(v) } else { total + v }, v));
    total
}

/// The value of at most four digits; 0 for a group that took no part.
fn number(digits: &str) -> u32 {
    digits.parse().unwrap_or(0)
}
