//! Manifests, good and bad.
use std::fs;

use crate::harness::{Bench, samples};

#[test]
fn csv_with_a_byte_order_mark_quotes_and_windows_line_ends_is_read() {
    let bench = Bench::new();
    fs::create_dir(bench.path("in")).unwrap();
    fs::rename(bench.path("voice.wav"), bench.path("in/voice.wav")).unwrap();
    let csv = "\u{feff}text,sample,name,format\r\n\
        \"He said \"\"yes, twice\"\".\r\nThen he left.\",voice.wav,quoted,\r\n\
        Plain words.,voice.wav,,flac\r\n\
        Small words.,voice.wav,small,opus\r\n";
    bench.write("in/lines.csv", csv);
    bench.run("in/lines.csv", "out").assert_code(0);
    assert_eq!(bench.outputs("out").into_keys().collect::<Vec<_>>(), ["0002-voice.flac", "quoted.wav", "small.opus"]);
    let report = bench.report("out");
    assert_eq!(report["lines"][0]["line"], 2);
    assert_eq!(report["lines"][1]["line"], 4, "the text before spans two lines: {report}");
    assert_eq!(report["totals"]["done"], 3);
    assert!(fs::read(bench.path("out/small.opus")).unwrap().starts_with(b"OggS"));
}

#[test]
fn json_lines_say_the_same_as_csv() {
    let bench = Bench::new();
    bench.write("a.csv", "sample,text,name,speed\nvoice.wav,\"One, two.\",same,0.8\n");
    bench.write("b.jsonl", "\n{\"sample\":\"voice.wav\",\"text\":\"One, two.\",\"name\":\"same\",\"speed\":0.8}\n");
    fs::copy(bench.path("b.jsonl"), bench.path("c.manifest")).unwrap();
    for (manifest, out) in [("a.csv", "a"), ("b.jsonl", "b"), ("c.manifest", "c")] {
        bench.run(manifest, out).assert_code(0);
    }
    let spoken = samples(&bench.path("a/same.wav"));
    assert_eq!(samples(&bench.path("b/same.wav")), spoken);
    assert_eq!(samples(&bench.path("c/same.wav")), spoken);
}

#[test]
fn a_bad_manifest_is_refused_whole_with_the_line_and_the_reason() {
    let bench = Bench::new();
    let cases: [(&str, &[u8], &[&str]); 22] = [
        ("m.csv", b"", &["the column \"sample\" is missing"]),
        ("m.csv", b"sample,text\n", &["it has no lines"]),
        ("m.csv", b"sample,text,sped\nvoice.wav,Hi.,1\n", &["line 1: there is no column \"sped\""]),
        ("m.csv", b"sample, text\nvoice.wav,Hi.\n", &["there is no column \" text\""]),
        ("m.csv", b"sample,text,text\nvoice.wav,Hi.,Ho.\n", &["the column \"text\" is there twice"]),
        ("m.csv", b"sample\nvoice.wav\n", &["the column \"text\" is missing"]),
        ("m.csv", b"sample,text\nvoice.wav,Hi, you.\n", &["line 2: it has 3 fields; the header has 2"]),
        ("m.csv", b"sample,text\nvoice.wav,\"Hi.\n", &["line 2: the quoted field that begins here is not closed"]),
        ("m.csv", b"sample,text\nvoice.wav,\"Hi.\nvoice.wav,\"Ho.\n", &["line 3: a quote is in the wrong place"]),
        ("m.csv", b"sample,text\nvoice.wav,Say \"Hi\" now.\n", &["line 2: a quote is in the wrong place"]),
        ("m.csv", b"sample,text\nvoice.wav,\"Hi\" now.\n", &["line 2: a quote is in the wrong place"]),
        ("m.csv", b"sample,text,speed\nvoice.wav,Hi.,fast\n", &["line 2: speed: "]),
        ("m.csv", b"sample,text,speed\nvoice.wav,Hi.,NaN\n", &["line 2: the speed is a factor above 0"]),
        ("m.csv", b"sample,text,format\nvoice.wav,Hi.,mp3\n", &["line 2: there is no format \"mp3\""]),
        (
            "m.csv",
            b"sample,text\ngone.wav,Hi.\nvoice.wav,\n",
            &["line 2: there is no sample file gone.wav", "line 3: the text is empty"],
        ),
        ("m.csv", b"sample,text\nvoice.wav,caf\xe9\n", &["line 2 is not UTF-8"]),
        ("m.csv", b"sample,text,name\nvoice.wav,Hi.,../up\n", &["line 2: the name \"../up\" holds '/'"]),
        (
            "m.csv",
            b"sample,text,name\nvoice.wav,Hi.,a\nvoice.wav,Ho.,A\n",
            &["line 3: the output \"A.wav\" is already that of line 2"],
        ),
        (
            "m.csv",
            b"sample,text,consent_subject\nvoice.wav,Hi.,Ada\nvoice.wav,Ho.,Bob\n",
            &["line 3 gives another consent_subject", "line 2"],
        ),
        ("m.jsonl", b"{\"sample\":\"voice.wav\",\"text\":\"Hi.\",\"pitch\":2}\n", &["line 1: unknown field `pitch`"]),
        ("m.jsonl", b"{\"sample\":\"voice.wav\",\"text\":\"Hi.\"}\n{\"sample\":\n", &["line 2: EOF"]),
        (
            "m.jsonl",
            b"{\"sample\":\"voice.wav\",\"text\":\"a\\u0000b\"}\n",
            &["line 1: the text has the control character U+0000"],
        ),
    ];
    for (name, content, words) in cases {
        bench.write(name, content);
        let answer = bench.run(name, "out");
        answer.assert_code(2);
        for words in words {
            answer.assert_says(words);
        }
    }
    let audio = |path: &std::path::PathBuf| path.extension().is_some_and(|e| e == "wav" || e == "flac");
    assert!(!bench.path("out").exists() || !bench.files("out").keys().any(audio), "{:?}", bench.files("out"));
}

#[test]
fn consent_and_the_manifest_itself_are_needed() {
    let bench = Bench::new();
    bench.write("m.csv", "sample,text\nvoice.wav,Hi.\n");
    bench.call(["run", "m.csv", "--out", "out"]).assert_code(2).assert_says("I am the person in this recording");
    assert!(!bench.path("out").exists());
    bench.run("gone.csv", "out").assert_code(2).assert_says("gone.csv");
    bench.call(["run", "m.csv"]).assert_code(2).assert_says("--out");
    bench
        .call(["run", "m.csv", "--out", "out", "--i-have-consent", "--jobs", "0"])
        .assert_code(2)
        .assert_says("--jobs");
}
