//! Runs over a state that is there: what is finished stays, what changed is done, what is foreign is left alone.
use std::{
    fs::{self, File},
    path::Path,
};

use crate::harness::Bench;

const MANIFEST: &str =
    "sample,text,name,format\nvoice.wav,The first line.,first,\nvoice.wav,The second line.,second,flac\n";

fn bench() -> Bench {
    let bench = Bench::new();
    bench.write("m.csv", MANIFEST);
    bench.run("m.csv", "out").assert_code(0);
    bench
}

#[test]
fn a_second_run_does_nothing_again() {
    let bench = bench();
    let before = bench.files("out/.voiceclone/blobs");
    let outputs = bench.outputs("out");
    bench.run("m.csv", "out").assert_code(0).assert_says("kept first.wav").assert_says("kept second.flac");
    assert_eq!(bench.outputs("out"), outputs);
    assert_eq!(bench.files("out/.voiceclone/blobs"), before);
    let totals = &bench.report("out")["totals"];
    assert_eq!((&totals["reused"], &totals["real_time_factor"]), (&2.into(), &().into()));
}

#[test]
fn a_lost_output_is_restored_with_the_same_bytes_and_not_spoken_again() {
    let bench = bench();
    let bytes = fs::read(bench.path("out/first.wav")).unwrap();
    fs::remove_file(bench.path("out/first.wav")).unwrap();
    bench.run("m.csv", "out").assert_code(0);
    assert_eq!(fs::read(bench.path("out/first.wav")).unwrap(), bytes);
    assert_eq!(bench.report("out")["totals"]["reused"], 2);
}

#[test]
fn a_changed_line_is_spoken_anew_and_replaces_its_own_output() {
    let bench = bench();
    let before = bench.outputs("out");
    let first = fs::read(bench.path("out/first.wav")).unwrap();
    bench.write("m.csv", MANIFEST.replace("The first line.", "Another first line."));
    bench.run("m.csv", "out").assert_code(0);
    assert_ne!(fs::read(bench.path("out/first.wav")).unwrap(), first);
    assert_eq!(bench.outputs("out")["second.flac"], before["second.flac"]);
    assert_eq!(bench.report("out")["totals"]["reused"], 1);
    assert_eq!(fs::read_dir(samples_of(&bench.path("out"))).unwrap().count(), 1, "the recording is taken in once");
}

#[test]
fn one_recording_under_two_names_is_taken_in_once() {
    let bench = Bench::new();
    fs::copy(bench.path("voice.wav"), bench.path("copy.wav")).unwrap();
    bench.write("m.csv", "sample,text\nvoice.wav,One.\ncopy.wav,Two.\n");
    bench.run("m.csv", "out").assert_code(0);
    assert_eq!(fs::read_dir(samples_of(&bench.path("out"))).unwrap().count(), 1);
}

#[test]
fn audio_that_was_removed_from_the_state_is_spoken_again() {
    let bench = bench();
    let spoken =
        bench.files("out/.voiceclone/blobs").into_keys().find(|path| path.extension().is_some_and(|e| e == "flac"));
    fs::remove_file(spoken.unwrap()).unwrap();
    fs::remove_file(bench.path("out/second.flac")).unwrap();
    bench.run("m.csv", "out").assert_code(0);
    assert!(bench.path("out/second.flac").exists());
    assert_eq!(bench.report("out")["totals"]["reused"], 1);
}

#[test]
fn a_file_that_is_not_ours_is_never_replaced() {
    let bench = bench();
    bench.write("out/first.wav", "my own notes");
    bench.run("m.csv", "out").assert_code(2).assert_says("first.wav is there and was not made by an earlier run");
    assert_eq!(fs::read(bench.path("out/first.wav")).unwrap(), b"my own notes");
}

#[test]
fn a_state_in_use_is_refused() {
    let bench = bench();
    let lock = File::options().write(true).open(bench.path("out/.voiceclone/lock")).unwrap();
    lock.lock().unwrap();
    bench.run("m.csv", "out").assert_code(2).assert_says("is in use by another run");
    lock.unlock().unwrap();
    bench.run("m.csv", "out").assert_code(0);
}

#[test]
fn state_and_report_go_where_they_are_told() {
    let bench = Bench::new();
    bench.write("m.csv", MANIFEST);
    let args = ["run", "m.csv", "--out", "out", "--i-have-consent", "--state", "kept", "--report", "said.json"];
    bench.call(args).assert_code(0);
    assert!(bench.path("kept/voiceclone.sqlite").exists() && bench.path("said.json").exists());
    assert_eq!(bench.files("out").len(), 2, "{:?}", bench.files("out"));
}

/// The folder of recordings in a state.
fn samples_of(out: &Path) -> std::path::PathBuf {
    let owners = out.join(".voiceclone/blobs/owners");
    fs::read_dir(owners).unwrap().next().unwrap().unwrap().path().join("samples")
}
