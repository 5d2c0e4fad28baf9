//! `say`, `prepare` and `inspect`.
use std::{
    fs,
    io::Write as _,
    process::{Command, Stdio},
};

use serde_json::Value;

use crate::harness::{Bench, samples, wav};

const SAY: [&str; 4] = ["say", "--sample", "voice.wav", "--i-have-consent"];

fn say<'a>(args: &[&'a str]) -> Vec<&'a str> {
    [SAY.as_slice(), args].concat()
}

#[test]
fn a_text_becomes_a_file_with_a_report_and_nothing_else_is_left() {
    let bench = Bench::new();
    let answer = bench.call(say(&["--text", "Good morning, and welcome.", "--out", "hello.wav"]));
    answer.assert_code(0);
    for words in ["recording: good", "14.2 seconds of speech", "hello.wav: ", "real-time factor: ", "provider: builtin"]
    {
        assert!(answer.stdout.contains(words), "{words:?} is not in {}", answer.stdout);
    }
    assert_eq!(answer.stderr, "", "no bar where there is no terminal");
    let spoken = samples(&bench.path("hello.wav"));
    assert!(spoken.len() > 6_000, "{} samples", spoken.len());
    assert!(bench.files("tmp").is_empty(), "{:?}", bench.files("tmp"));
    assert_eq!(bench.files("").len(), 2, "{:?}", bench.files(""));
}

#[test]
fn the_same_text_comes_from_an_argument_a_file_and_standard_input() {
    let bench = Bench::new();
    let text = "One text, three ways.";
    bench.write("text.txt", text);
    bench.call(say(&["--text", text, "--out", "a.wav"])).assert_code(0);
    bench.call(say(&["--text-file", "text.txt", "--out", "b.wav"])).assert_code(0);
    let mut command = bench.command(say(&["--text", "-", "--out", "c.wav"]));
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
    let spoken = samples(&bench.path("a.wav"));
    assert_eq!(samples(&bench.path("b.wav")), spoken);
    assert_eq!(samples(&bench.path("c.wav")), spoken);
}

#[test]
fn speed_and_format_are_followed() {
    let bench = Bench::new();
    let text = "Slow and steady wins the race.";
    bench.call(say(&["--text", text, "--out", "plain.wav"])).assert_code(0);
    bench.call(say(&["--text", text, "--out", "slow.wav", "--speed", "0.5"])).assert_code(0);
    bench.call(say(&["--text", text, "--out", "plain.FLAC"])).assert_code(0);
    let (plain, slow) = (samples(&bench.path("plain.wav")).len(), samples(&bench.path("slow.wav")).len());
    assert!(slow > plain * 3 / 2, "{slow} samples at half speed, {plain} at full");
    assert!(fs::read(bench.path("plain.FLAC")).unwrap().starts_with(b"fLaC"));
    bench.call(say(&["--text", text, "--out", "plain.opus"])).assert_code(0);
    let opus = fs::read(bench.path("plain.opus")).unwrap();
    assert_eq!((&opus[..4], &opus[28..36]), (b"OggS".as_slice(), b"OpusHead".as_slice()));
    assert!(opus.len() < plain / 4, "{} bytes of {plain} samples", opus.len());
}

#[test]
fn without_consent_the_statement_is_shown_and_nothing_is_written() {
    let bench = Bench::new();
    let answer = bench.call(["say", "--sample", "voice.wav", "--text", "Hello.", "--out", "hello.wav"]);
    answer.assert_code(2).assert_says("I am the person in this recording").assert_says("--i-have-consent");
    assert!(!bench.path("hello.wav").exists());
}

#[test]
fn what_cannot_be_done_is_refused_with_the_right_code_and_no_file() {
    let bench = Bench::new();
    bench.write("text.wav", "these are words");
    let cases: [(&[&str], i32, &str); 8] = [
        (&["--text", "Hello.", "--out", "x.mp3"], 2, "must end in .wav, .flac, .opus or .ogg"),
        (&["--text", "Hello.", "--out", "none/x.wav"], 2, "there is no folder none"),
        (&["--out", "x.wav"], 2, "--text"),
        (&["--text", "a", "--text-file", "b", "--out", "x.wav"], 2, "cannot be used with"),
        (&["--text", " \n", "--out", "x.wav"], 1, "only white space"),
        (&["--text-file", "missing.txt", "--out", "x.wav"], 1, "missing.txt"),
        (&["--text", "Hello.", "--out", "x.wav", "--speed", "40"], 1, "the speaking rate is 40"),
        (&["--text", "Hallo.", "--out", "x.wav", "--language", "tlh"], 1, "tlh"),
    ];
    for (args, code, words) in cases {
        bench.call(say(args)).assert_code(code).assert_says(words);
    }
    let other = bench.call(["say", "--sample", "text.wav", "--i-have-consent", "--text", "Hi.", "--out", "x.wav"]);
    other.assert_code(1).assert_says("this is text");
    let gone = bench.call(["say", "--sample", "gone.wav", "--i-have-consent", "--text", "Hi.", "--out", "x.wav"]);
    gone.assert_code(1).assert_says("gone.wav");
    assert!(bench.files("tmp").is_empty());
    assert_eq!(bench.files("").len(), 2, "the two inputs and no output: {:?}", bench.files(""));
}

#[test]
fn errors_are_a_sentence_and_advice_and_verbose_adds_the_causes() {
    let bench = Bench::new();
    let args = ["inspect", "gone.wav"];
    let plain = bench.call(args);
    plain.assert_code(1).assert_says("error: the file cannot be opened: gone.wav\nCorrect the");
    assert!(!plain.stderr.contains("cause:") && !plain.stderr.contains("Error {"), "{}", plain.stderr);
    bench.call(args.into_iter().chain(["-v"])).assert_code(1).assert_says("cause: ").assert_says("os error 2");
}

#[test]
fn a_clip_is_prepared_and_measured() {
    let bench = Bench::new();
    bench.call(["prepare", "voice.wav", "clip.wav"]).assert_code(0);
    let (clip, original) = (samples(&bench.path("clip.wav")).len(), samples(&bench.path("voice.wav")).len());
    assert!(clip > original * 8 / 10 && clip <= original, "{clip} of {original} samples");
    bench.call(["prepare", "voice.wav", "clip.opus"]).assert_code(2).assert_says("clips are WAV or FLAC");

    let answer = bench.call(["inspect", "clip.wav", "--json"]);
    let report: Value = serde_json::from_str(&answer.assert_code(0).stdout).unwrap();
    assert_eq!(report["verdict"], "ok");
    let loudness = report["findings"].as_array().unwrap().iter().find(|f| f["measure"] == "loudness").unwrap();
    assert!((loudness["value"].as_f64().unwrap() + 20.0).abs() < 0.5, "{loudness}");
}

#[test]
fn a_clip_is_made_for_who_takes_it() {
    let bench = Bench::new();
    bench.call(["prepare", "voice.wav", "clip.wav", "--profile", "cartesia"]).assert_code(0);
    let clip = hound::WavReader::open(bench.path("clip.wav")).unwrap();
    let seconds = f64::from(clip.duration()) / 44_100.0;
    assert_eq!((clip.spec().sample_rate, clip.spec().channels), (44_100, 1));
    assert!((7.0..=10.0).contains(&seconds), "{seconds} s");
    let short = ["prepare", "voice.wav", "clip.flac", "--profile", "generic", "--max-seconds", "4", "--keep-noise"];
    let said = bench.call(short).assert_code(0).stdout.clone();
    assert!(said.contains(" s, 24000 Hz"), "{said}");
    assert_eq!(fs::read(bench.path("clip.flac")).unwrap().get(..4), Some(b"fLaC".as_slice()));
    bench.call(["prepare", "voice.wav", "no.wav", "--max-seconds", "0.5"]).assert_code(1).assert_says("under 1 second");
    bench
        .call(["prepare", "voice.wav", "no.wav", "--max-seconds=-1"])
        .assert_code(2)
        .assert_says("--max-seconds is -1");
}

#[test]
fn a_recording_is_drawn() {
    let bench = Bench::new();
    bench.call(["inspect", "voice.wav", "--waveform", "w.json", "--spectrogram", "s.png"]).assert_code(0);
    let waveform: Value = serde_json::from_slice(&fs::read(bench.path("w.json")).unwrap()).unwrap();
    let original = samples(&bench.path("voice.wav"));
    let highest = f64::from(*original.iter().max().unwrap()) / 32_768.0;
    let peaks = waveform["peaks"][0].as_array().unwrap();
    assert!((500..=1_000).contains(&peaks.len()) && waveform["peaks"][1].as_array().unwrap().len() == peaks.len());
    let drawn = peaks.iter().map(|peak| peak.as_f64().unwrap()).fold(0.0, f64::max);
    assert!((drawn - highest).abs() < 1e-4, "{drawn} of {highest}");
    // Signature, length and name of the header, then width and height (PNG specification, section 11.2.1).
    let png = fs::read(bench.path("s.png")).unwrap();
    let head: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x04\xb0\0\0\x01\x90";
    assert_eq!(&png[..24], head);
    bench
        .call(["inspect", "voice.wav", "--waveform", "none/w.json"])
        .assert_code(2)
        .assert_says("there is no folder none");
}

#[test]
fn a_rejected_recording_is_reported_and_fails() {
    let bench = Bench::new();
    bench.write("silent.wav", wav(&vec![0; 80_000]));
    let inspected = bench.call(["inspect", "silent.wav"]);
    assert!(inspected.assert_code(1).stdout.contains("REJECT"), "{}", inspected.stdout);
    bench.call(["prepare", "silent.wav", "clip.wav"]).assert_code(1).assert_says("The recording is silent.");
    assert!(!bench.path("clip.wav").exists());
}

#[cfg(unix)]
#[test]
fn an_interrupt_takes_the_unfinished_work_away() {
    use std::io::{BufRead as _, BufReader};
    let bench = Bench::new();
    bench.write("long.txt", "A sentence of some length to be spoken. ".repeat(4_000));
    let mut command = bench.command(say(&["--text-file", "long.txt", "--out", "long.wav"]));
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    // The report of the recording comes before the speech.
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut String::new()).unwrap();
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(bench.files("tmp").is_empty(), "{:?}", bench.files("tmp"));
    assert_eq!(bench.files("").len(), 2, "{:?}", bench.files(""));
}
