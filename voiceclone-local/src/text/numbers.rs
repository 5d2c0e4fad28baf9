//! English number words: cardinal, ordinal, year and decimal, in the wording of Python's `num2words` that the
//! lexicon's number reader expects. Knows digits and words, no pronunciation.

const ONES: [&str; 20] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];
const TENS: [&str; 10] = ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
const SCALES: [&str; 12] = [
    "",
    "thousand",
    "million",
    "billion",
    "trillion",
    "quadrillion",
    "quintillion",
    "sextillion",
    "septillion",
    "octillion",
    "nonillion",
    "decillion",
];
/// Three digits for each scale word; longer numbers have no name and are read digit by digit.
const NAMED_DIGITS: usize = 3 * SCALES.len();

/// "one thousand, two hundred and thirty-four" for `1234`. `digits` holds ASCII digits only.
pub(super) fn cardinal(digits: &str) -> String {
    let significant = digits.trim_start_matches('0');
    if significant.len() > NAMED_DIGITS {
        return digit_by_digit(digits);
    }
    // At most 36 digits fit a u128, so the parse fails on the empty string of a zero alone.
    let mut rest: u128 = significant.parse().unwrap_or(0);
    if rest < 1000 {
        return below_1000(rest);
    }
    let mut groups = Vec::new();
    for scale in SCALES {
        let group = rest % 1000;
        rest /= 1000;
        if group > 0 {
            let separator = if scale.is_empty() { "" } else { " " };
            groups.push(below_1000(group) + separator + scale);
        }
    }
    groups.reverse();
    let last = groups.pop().unwrap_or_default();
    if groups.is_empty() {
        return last;
    }
    let joint = if last.contains(' ') { ", " } else { " and " };
    groups.join(", ") + joint + &last
}

/// "one two three" for `123`.
pub(super) fn digit_by_digit(digits: &str) -> String {
    digits.chars().filter_map(|c| c.to_digit(10)).map(|d| one(d as usize)).collect::<Vec<_>>().join(" ")
}

/// "twenty-third", "one hundred and first" for `23`, `101`.
pub(super) fn ordinal(digits: &str) -> String {
    let cardinal = cardinal(digits);
    let start = cardinal.rfind([' ', '-']).map_or(0, |at| at + 1);
    let (head, last) = cardinal.split_at(start);
    head.to_owned() + &ordinal_word(last)
}

/// "nineteen oh-five", "two thousand and five", "twenty ten".
pub(super) fn year(digits: &str) -> String {
    let Ok(year) = digits.parse::<u32>() else {
        return cardinal(digits);
    };
    let (high, low) = (year / 100, year % 100);
    if high == 0 || (high % 10 == 0 && low < 10) || high >= 100 {
        return cardinal(digits);
    }
    let low = match low {
        0 => "hundred".to_owned(),
        1..10 => format!("oh-{}", below_1000(low.into())),
        _ => below_1000(low.into()),
    };
    format!("{} {low}", below_1000(high.into()))
}

/// "three point one four" for `3.14`; zeros at the end are not read.
pub(super) fn decimal(number: &str) -> String {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let fraction = fraction.trim_end_matches('0');
    if fraction.is_empty() {
        return cardinal(whole);
    }
    format!("{} point {}", cardinal(whole), digit_by_digit(fraction))
}

fn below_1000(number: u128) -> String {
    let number = usize::try_from(number).unwrap_or(0);
    let (hundreds, rest) = (number / 100, number % 100);
    match (hundreds, rest) {
        (0, _) => below_100(rest),
        (_, 0) => format!("{} hundred", one(hundreds)),
        _ => format!("{} hundred and {}", one(hundreds), below_100(rest)),
    }
}

fn below_100(number: usize) -> String {
    if number < ONES.len() {
        return one(number).to_owned();
    }
    let tens = TENS.get(number / 10).copied().unwrap_or_default();
    match number % 10 {
        0 => tens.to_owned(),
        ones => format!("{tens}-{}", one(ones)),
    }
}

fn one(number: usize) -> &'static str {
    ONES.get(number).copied().unwrap_or_default()
}

fn ordinal_word(cardinal: &str) -> String {
    match cardinal {
        "one" => "first".into(),
        "two" => "second".into(),
        "three" => "third".into(),
        "five" => "fifth".into(),
        "eight" => "eighth".into(),
        "nine" => "ninth".into(),
        "twelve" => "twelfth".into(),
        _ => match cardinal.strip_suffix('y') {
            Some(stem) => format!("{stem}ieth"),
            None => format!("{cardinal}th"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cardinals_use_and_before_the_last_small_group() {
        for (digits, words) in [
            ("0", "zero"),
            ("007", "seven"),
            ("21", "twenty-one"),
            ("100", "one hundred"),
            ("342", "three hundred and forty-two"),
            ("1000", "one thousand"),
            ("1001", "one thousand and one"),
            ("1021", "one thousand and twenty-one"),
            ("1234", "one thousand, two hundred and thirty-four"),
            ("1100", "one thousand, one hundred"),
            ("1001000", "one million, one thousand"),
            ("1000000000000", "one trillion"),
        ] {
            assert_eq!(cardinal(digits), words);
        }
    }

    #[test]
    fn a_number_beyond_the_named_scales_is_read_digit_by_digit() {
        assert!(cardinal(&"9".repeat(36)).starts_with("nine hundred and ninety-nine decillion, "));
        assert_eq!(cardinal(&"9".repeat(37)), ["nine"; 37].join(" "));
        assert_eq!(ordinal(&format!("1{}", "0".repeat(36))), format!("one{} zeroth", " zero".repeat(35)));
    }

    #[test]
    fn ordinals_change_the_last_word_only() {
        for (digits, words) in [
            ("1", "first"),
            ("12", "twelfth"),
            ("20", "twentieth"),
            ("23", "twenty-third"),
            ("101", "one hundred and first"),
            ("1000", "one thousandth"),
        ] {
            assert_eq!(ordinal(digits), words);
        }
    }

    #[test]
    fn years_are_read_in_pairs_where_people_do() {
        for (digits, words) in [
            ("1905", "nineteen oh-five"),
            ("1900", "nineteen hundred"),
            ("1984", "nineteen eighty-four"),
            ("2000", "two thousand"),
            ("2005", "two thousand and five"),
            ("2010", "twenty ten"),
            ("0042", "forty-two"),
        ] {
            assert_eq!(year(digits), words);
        }
    }

    #[test]
    fn decimals_drop_zeros_at_the_end() {
        assert_eq!(decimal("3.140"), "three point one four");
        assert_eq!(decimal("5.00"), "five");
        assert_eq!(decimal("0.05"), "zero point zero five");
    }
}
