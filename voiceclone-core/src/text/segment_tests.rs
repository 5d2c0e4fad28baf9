use proptest::prelude::*;
use unicode_segmentation::UnicodeSegmentation;

use super::*;
use crate::{ErrorKind, text::is_speakable};

fn limit(max: usize) -> SegmentLimit {
    SegmentLimit::new(max).expect("not 0")
}

fn pieces(text: &str, limit: SegmentLimit) -> Vec<&str> {
    let segments = segment(text, limit).expect("segments");
    segments.iter().map(|s| &text[s.span.clone()]).collect()
}

/// `|` marks the cuts; every sentence is a segment of its own.
fn assert_sentences(marked: &[&str]) {
    let one_sentence = limit(1000).with_preferred(1).expect("in range");
    for marked in marked {
        assert_eq!(pieces(&marked.replace('|', ""), one_sentence).join("|"), *marked);
    }
}

#[test]
fn english_sentences() {
    assert_sentences(&[
        "Hello.",
        "Hello there. |How are you? |Fine!",
        "Mr. Smith met Mrs. Jones. |They left.",
        "Dr. Watson saw Prof. Moriarty. |He ran.",
        "He saw the Dr. |Then he left.",
        "We sell fruit, e.g. Apples and Pears. |Buy some.",
        "One thing, i.e. Money, is missing.",
        "She lives in the U.S. Army base. |It is big.",
        "She lives in the U.S. |She likes it.",
        "See No. 5 on the list. |Then go.",
        "Will you come? |No. |I won't.",
        "He lives in St. Louis on Main St. |He is happy.",
        "J. R. R. Tolkien wrote it. |We read it.",
        "It was I. |He knew.",
        "Pi is 3.14. |That is all.",
        "It costs $3.50. |Buy two.",
        "Version 1.2.3 is out. |Get it.",
        "Well... then he left. |Why?",
        "Wait... |What was that?",
        "Hmm… and then? |Nothing.",
        "See https://example.com/a.b?c=d. |It works.",
        "Write to info@example.com. |We answer.",
        "Go to www.example.co.uk today. |Bye.",
        "He said \"Go.\" |Then he left.",
        "\"Why?\" she asked. |\"Because.\"",
        "“Stop!” he cried. |“Never.”",
        "(He ran.) |She walked (slowly). |Done.",
        "What?! |Really?? |Yes!!!",
        "We met at 5 p.m. |The sun was low.",
        "We met at 5 p.m. Monday.",
        "He has a Ph.D. in physics. |It took years.",
        "Born on Jan. 5, 1990. |Died later.",
        "Apples, pears, etc. are fruit. |So are figs.",
        "Acme Inc. makes anvils. |They are heavy.",
        "Smith vs. Jones was long. |He won.",
        "1. Wash your hands.\n|2. The water is hot.",
        "Title\n|The text begins. |It ends.",
        "This line is\nwrapped. |This is not.",
        "- one\n|- two\n|- three",
        "One line\n   |Two lines.\n\t|Three.",
        "Yahoo! is a name. |Yes.",
        "He was 42. |He died in 1999. |Then came 2000.",
        "I use node.js. |It runs.",
        "First — and last — word. |End.",
        "Ludwig's 9. |Why not?",
        "\t Leading space. |Trailing space. \n",
        "Cost: £500. |¡Hola! |Bye.",
        "He left. ... |And came back.",
    ]);
}

#[test]
fn sentences_of_other_languages() {
    assert_sentences(&[
        "Am 3. Mai kam Dr. Müller z. B. nach Hause. |Er schlief.",
        "Das kostet ca. 5 Mio. Euro. |Viel!",
        "Siehe Nr. 7 bzw. Abs. 12 am Ende. |Danke.",
        "„Komm!“, sagte er. |„Nein.“",
        "M. Dupont est là. |Mme Durand aussi.",
        "« Où ? » demanda-t-il. |« Ici ! »",
        "Voir p. 12 et p. ex. la suite. |Merci.",
        "¿Qué hora es? |¡No lo sé!",
        "El Sr. García y la Sra. López viven en EE. UU. desde 1990. |Están bien.",
        "你好。|我很好\u{ff01}|你呢\u{ff1f}|再见。",
        "他说:「走吧。」|然后离开了。",
        "你好\u{ff01}|「是吗\u{ff1f}」|他说。",
        "東京に住んでいます。|楽しいです\u{ff01}|本当\u{ff1f}",
        "यह एक वाक्य है। |क्या यह ठीक है? |हाँ।",
        "هل أنت بخير؟ |نعم، أنا بخير. |شكرا.",
        "А. С. Пушкин родился в Москве. |Он писал стихи.",
        "გამარჯობა. |როგორ ხარ?",
    ]);
}

#[test]
fn the_first_segment_is_one_sentence_and_the_rest_is_packed() {
    let text = "One. Two. Three. Four. Five.";
    assert_eq!(pieces(text, limit(100)), ["One. ", "Two. Three. Four. Five."]);
    assert_eq!(pieces(text, limit(12)), ["One. ", "Two. Three. ", "Four. Five."]);
    assert_eq!(
        pieces(text, limit(100).with_preferred(12).expect("in range")),
        ["One. ", "Two. Three. ", "Four. Five."]
    );
}

#[test]
fn a_sentence_over_the_preferred_length_is_not_cut_while_it_is_within_the_limit() {
    let long = format!("Long {}end. ", "word ".repeat(80));
    let text = format!("Hi. {long}Bye.");
    assert_eq!(pieces(&text, limit(1000)), ["Hi. ", &long, "Bye."]);
}

#[test]
fn paragraphs_are_never_packed_and_pauses_follow_the_text() {
    let text = "One. Two.\r\n\r\nThree. Four, five.\n\n* * *\n\nSix.\n\n";
    let segments = segment(text, limit(12)).expect("segments");
    let got: Vec<_> = segments.iter().map(|s| (&text[s.span.clone()], s.pause)).collect();
    let expected = [
        ("One. ", Pause::Sentence),
        ("Two.\r\n\r\n", Pause::Paragraph),
        ("Three. ", Pause::Sentence),
        ("Four, ", Pause::None),
    ];
    assert_eq!(got[..4], expected);
    assert_eq!(got.last(), Some(&("\n\nSix.\n\n", Pause::None)));
}

#[test]
fn a_sentence_over_the_limit_is_cut_after_clauses_then_at_spaces_then_between_words() {
    assert_eq!(pieces("one two, three four five.", limit(12)), ["one two, ", "three four ", "five."]);
    assert_eq!(pieces("one two (three) four.", limit(12)), ["one two ", "(three) ", "four."]);
    assert_eq!(pieces("one two three four.", limit(9)), ["one two ", "three ", "four."]);
    let no_capitals = pieces("no caps. i write. so e.g. apples and pears", limit(19));
    assert_eq!(no_capitals, ["no caps. i write. ", "so e.g. apples and ", "pears"]);
    assert_eq!(pieces("at 10:30 or 1,000", limit(9)), ["at 10:30 ", "or 1,000"]);
    assert_eq!(pieces("well-known", limit(6)), ["well-", "known"]);
    assert_eq!(pieces("我们今天去北京大学\u{ff0c}参加会议", limit(11)), ["我们今天去北京大学\u{ff0c}", "参加会议"]);
    assert_eq!(pieces("我们今天去北京大学参加会议", limit(6)), ["我们今天去", "北京大学参加", "会议"]);
    assert_eq!(pieces("กำลังจะไปตลาด", limit(8)), ["กำลังจะ", "ไปตลาด"]);
}

#[test]
fn one_word_or_one_run_of_signs_over_the_limit_is_refused_by_its_length() {
    let refusal = |text: &str| {
        let error = segment(text, limit(10)).expect_err("must be refused");
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        error.to_string()
    };
    let word = "one word has 11 characters; a text is spoken in pieces of at most 10 characters (at_byte: 3)";
    assert_eq!(refusal("ab abcdefghijk cd"), word);
    assert_eq!(refusal("ab abcdefghijk"), word);
    assert!(refusal(&format!("a{}", "!".repeat(10))).starts_with("11 characters are one word or signs"));
    assert!(refusal(&format!("{}a", "\n".repeat(10))).starts_with("11 characters are one word or signs"));
    assert!(refusal(&format!("a{}b", "-".repeat(19))).starts_with("19 characters are one word or signs"));
    assert!(refusal(" ... ").contains("nothing to speak"));
    assert!(refusal("").contains("nothing to speak"));
}

#[test]
fn a_long_run_of_signs_is_shared_between_its_neighbours() {
    assert_eq!(pieces("a------------------b", limit(10)), ["a---------", "---------b"]);
    assert_eq!(pieces("a.               b", limit(10)), ["a.        ", "       b"]);
    // A family is one grapheme of five scalar values.
    let families = "👨‍👩‍👧".repeat(3);
    assert_eq!(pieces(&format!("a{families}b"), limit(11)), ["a👨‍👩‍👧👨‍👩‍👧", "👨‍👩‍👧b"]);
}

#[test]
fn limits_out_of_range_are_refused() {
    assert!(SegmentLimit::new(0).is_err());
    assert!(limit(10).with_preferred(0).is_err());
    assert!(limit(10).with_preferred(11).is_err());
    assert!(limit(10).with_preferred(10).is_ok());
}

/// Texts made to be slow or to break something; each grows with `n`.
fn hostile(n: usize) -> Vec<(&'static str, String)> {
    let cycle = |part: &str| part.chars().cycle().take(n).collect::<String>();
    vec![
        ("no spaces", cycle("a")),
        ("punctuation", cycle("!?,;")),
        ("new lines", cycle("\n")),
        ("a word a line", cycle("a\n\n")),
        ("abbreviations", cycle("Mr. ")),
        ("initials", cycle("J. ")),
        ("full stop, then spaces", format!("a.{}1b", " ".repeat(n))),
        ("full stop, then brackets", format!("a.{}1b", ")".repeat(n))),
        ("clauses", cycle("a, ")),
        ("one clause, then words", cycle("a, bb bb bb bb bb bb bb bb bb bb ")),
        ("words", cycle("word ")),
        ("hyphens", cycle("a-")),
        ("Chinese", cycle("我们今天去北京大学参加会议")),
        ("Thai", cycle("กำลังจะไปตลาดกับแม่")),
        ("emoji", cycle("👩‍👩‍👧 a")),
        ("combining", cycle("e\u{301}\u{301} ")),
        ("numbers", cycle("1. ")),
    ]
}

#[test]
fn packing_looks_at_a_unit_at_most_a_few_times_however_hostile_and_long_the_text() {
    for (name, text) in [100_000, 200_000].into_iter().flat_map(hostile) {
        for max in [50, 5_000, 200_000] {
            let Ok(units) = units(&text, max) else { continue };
            let (mut looks, mut rest) = (0, units.as_slice());
            while !rest.is_empty() {
                rest = &rest[take(rest.iter().inspect(|_| looks += 1), limit(max))..];
            }
            assert!(looks <= 5 * units.len(), "{name}, limit {max}: {looks} looks at {} units", units.len());
        }
    }
}

#[test]
fn hostile_texts_are_segmented_soundly_or_refused() {
    let mut refused = Vec::new();
    for (name, text) in hostile(200_000) {
        match segment(&text, limit(500)) {
            Ok(segments) => assert_sound(&text, &segments, 500),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::InvalidInput);
                refused.push(name);
            }
        }
    }
    let without_a_place_to_cut =
        ["no spaces", "punctuation", "new lines", "full stop, then spaces", "full stop, then brackets"];
    assert_eq!(refused, without_a_place_to_cut);
}

/// What every segmentation promises, by another library's graphemes and words.
fn assert_sound(text: &str, segments: &[Segment], max: usize) {
    let mut uncuttable = vec![false; text.len() + 1];
    let words = text.split_word_bound_indices().filter(|(_, word)| is_speakable(word));
    for (start, whole) in text.grapheme_indices(true).chain(words) {
        uncuttable[start + 1..start + whole.len()].fill(true);
    }
    let mut end = 0;
    for segment in segments {
        assert_eq!(segment.span.start, end, "contiguous");
        end = segment.span.end;
        let piece = &text[segment.span.clone()];
        assert!(piece.chars().count() <= max, "within the limit");
        assert!(is_speakable(piece), "speakable: {piece:?}");
        assert!(!uncuttable[end], "no cut in a grapheme or word: {piece:?}");
    }
    assert_eq!(end, text.len(), "complete");
}

/// Prose of many scripts, and strings of what breaks segmenters.
fn any_text() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        4 => "[a-zA-Z]{1,8}",
        2 => "[0-9]{1,4}",
        4 => Just(" ".to_owned()),
        4 => "[.!?,;:…—'\"()$-]{1,3}",
        1 => "[\r\n\t]{1,3}",
        1 => "[你好我们。\u{ff01}「」、]{1,6}",
        // A vowel sign without its consonant is no writing, and the two libraries read it apart.
        1 => "([ก-ฮ][ะ-ู]?){1,3}",
        1 => "[क-हा-्।]{1,5}",
        1 => "[ا-ي؟،]{1,5}",
        1 => prop::sample::select(vec!["👩‍👩‍👧", "🇩🇪", "e\u{301}", "\u{200d}", "\u{301}", "각", "Mr. ", "U.S. ", "z. B. "])
            .prop_map(str::to_owned),
    ];
    prop::collection::vec(part, 0..60).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn segments_are_the_text_within_the_limit_speakable_and_never_inside_a_word(
        text in any_text(), max in 1_usize..80, preferred in 1_usize..80,
    ) {
        match segment(&text, limit(max).with_preferred(preferred.min(max)).expect("in range")) {
            Ok(segments) => assert_sound(&text, &segments, max),
            Err(error) => prop_assert_eq!(error.kind(), ErrorKind::InvalidInput),
        }
    }

    #[test]
    fn text_with_a_word_is_never_refused_by_a_limit_it_fits(text in any_text()) {
        let segments = segment(&text, limit(text.chars().count().max(1)));
        prop_assert_eq!(segments.is_ok(), is_speakable(&text));
    }

    #[test]
    fn no_text_at_all_makes_it_panic_or_lose_a_byte(text in any::<String>(), max in 1_usize..20) {
        if let Ok(segments) = segment(&text, limit(max)) {
            let joined: String = segments.iter().map(|s| &text[s.span.clone()]).collect();
            prop_assert_eq!(joined, text);
        }
    }
}
