//! Recordings of no use: each has its own error, and nothing of them stays in the state.
use std::fs;

use crate::harness::{Bench, recording, samples, wav};

/// A WAV file whose header claims three hours, over two seconds of speech.
fn three_hours_claimed() -> Vec<u8> {
    let speech = samples(&recording());
    let mut bytes = wav(&speech[..32_000]);
    let claimed = 3_u32 * 3_600 * 32_000;
    bytes[4..8].copy_from_slice(&(claimed + 36).to_le_bytes());
    let data = bytes.windows(4).position(|w| w == b"data").unwrap();
    bytes[data + 4..data + 8].copy_from_slice(&claimed.to_le_bytes());
    bytes
}

fn bad_recordings() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let good = fs::read(recording()).unwrap();
    vec![
        ("empty", Vec::new(), "the file is empty (0 bytes)"),
        ("headless", good[..30].to_vec(), "headers are damaged or cut off"),
        ("text", b"These are words, not sounds.\n".to_vec(), "this is text"),
        ("noise", [0x5a, 0xc3, 0x17, 0x88].repeat(5_000), "not audio that can be read"),
        ("silent", wav(&vec![0; 80_000]), "The recording is silent."),
        ("blink", wav(&[1_000; 3_200]), "the recording lasts 0.20 s; at least 1.00 s"),
        ("claims", three_hours_claimed(), "seconds of speech; at least 3.0 are needed"),
        ("cut", good[..50_000].to_vec(), "seconds of speech; at least 3.0 are needed"),
        ("endless", wav(&vec![0; 16_000 * 601]), "longer than the 600 s"),
    ]
}

#[test]
fn every_bad_recording_has_its_own_error_and_leaves_nothing_behind() {
    let bench = Bench::new();
    let lines = bad_recordings().into_iter().map(|(name, bytes, _)| {
        bench.write(&format!("{name}.wav"), bytes);
        format!("{name}.wav,Hello there.,{name}\n")
    });
    bench.write("m.csv", format!("sample,text,name\n{}", lines.collect::<Vec<_>>().concat()));
    // The second run tries them again, and ends the same.
    for _ in 0..2 {
        let answer = bench.run("m.csv", "out");
        answer.assert_code(1);
        let report = bench.report("out");
        for (line, (name, _, words)) in bad_recordings().into_iter().enumerate() {
            answer.assert_says(words);
            let error = &report["lines"][line]["error"];
            assert!(error["message"].as_str().unwrap().contains(words), "{name}: {error}");
            assert_eq!(error["kind"], "invalid_input", "{name}: {error}");
        }
        assert!(bench.outputs("out").is_empty(), "{:?}", bench.outputs("out"));
        assert!(bench.files("out/.voiceclone/blobs").is_empty(), "{:?}", bench.files("out/.voiceclone/blobs"));
    }
}

#[test]
fn good_lines_go_on_beside_bad_ones_and_a_mended_line_is_tried_again() {
    let bench = Bench::new();
    bench.write("other.wav", "these are words");
    bench.write("m.csv", "sample,text,name\nother.wav,First.,first\nvoice.wav,Second.,second\n");
    let answer = bench.run("m.csv", "out");
    answer.assert_code(1).assert_says("     2  first   this is text").assert_says("Correct the text, the recording");
    assert_eq!(bench.outputs("out").into_keys().collect::<Vec<_>>(), ["second.wav"]);
    let before = bench.outputs("out");

    bench.write("other.wav", wav(&samples(&recording())[..160_000]));
    bench.run("m.csv", "out").assert_code(0);
    let after = bench.outputs("out");
    assert_eq!(after.len(), 2);
    assert_eq!(after["second.wav"], before["second.wav"], "a finished line is left alone");
    assert_eq!(bench.report("out")["totals"]["reused"], 1);
}

#[test]
fn fail_fast_stops_at_the_first_failure_and_a_later_run_goes_on() {
    let bench = Bench::new();
    bench.write("bad.wav", "these are words");
    let lines: Vec<_> = (0..12).map(|i| format!("voice.wav,Line number {i}.\n")).collect();
    bench.write("m.csv", format!("sample,text\nbad.wav,No.\n{}", lines.concat()));
    let args = ["run", "m.csv", "--out", "out", "--i-have-consent", "--jobs", "1", "--fail-fast"];
    bench.call(args).assert_code(1);
    let totals = bench.report("out")["totals"].clone();
    assert_eq!(totals["failed"], 1);
    assert!(totals["unfinished"].as_u64().unwrap() > 0, "{totals}");
    bench.run("m.csv", "out").assert_code(1);
    assert_eq!(bench.report("out")["totals"]["done"], 12);
}
