//! Killed or stopped in the middle, then run again: the same set of files, and nothing done twice.
#![cfg(unix)]
use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead as _, BufReader},
    os::unix::process::ExitStatusExt as _,
    process::{Child, Command, Stdio},
};

use crate::harness::{Bench, samples};

const LINES: usize = 12;

/// Lines of several segments each, so that a kill also falls in the middle of one.
fn bench() -> Bench {
    let bench = Bench::new();
    let sentence = "This is a sentence that goes on for a while so that it is cut into parts before it is spoken. ";
    let lines: Vec<_> = (0..LINES).map(|i| format!("voice.wav,Line {i}. {}\n", sentence.repeat(4))).collect();
    bench.write("m.csv", format!("sample,text\n{}", lines.concat()));
    bench
}

fn start(bench: &Bench, out: &str) -> Child {
    let mut command = bench.command(["run", "m.csv", "--out", out, "--i-have-consent", "--jobs", "2"]);
    command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Reads what the child tells until the `nth` line that begins with `word`.
fn wait_for(child: &mut Child, word: &str, nth: usize) {
    let told = BufReader::new(child.stderr.as_mut().unwrap()).lines().map(Result::unwrap);
    assert_eq!(told.filter(|line| line.starts_with(word)).take(nth).count(), nth, "it ended before");
}

/// The finished files.
fn bytes(bench: &Bench, out: &str) -> BTreeMap<String, Vec<u8>> {
    let read = |name: String| (name.clone(), fs::read(bench.path(out).join(name)).unwrap());
    bench.outputs(out).into_keys().filter(|name| !name.starts_with('.')).map(read).collect()
}

/// Runs again and compares with a run that nobody stopped.
fn assert_goes_on(bench: &Bench, before: &BTreeMap<String, Vec<u8>>) {
    let written = bench.outputs("out");
    bench.run("m.csv", "out").assert_code(0);
    bench.run("m.csv", "whole").assert_code(0);
    let (after, whole) = (bytes(bench, "out"), bytes(bench, "whole"));
    assert_eq!(after.len(), LINES);
    assert_eq!(bench.outputs("out").len(), LINES, "nothing unfinished lies about: {:?}", bench.outputs("out"));
    assert!(after.keys().eq(whole.keys()));
    for name in after.keys() {
        // The mark in a file names its job and its time, so files of two states differ; what is heard does not.
        let (ours, theirs) = (bench.path("out").join(name), bench.path("whole").join(name));
        assert_eq!(samples(&ours), samples(&theirs), "{name}");
    }
    let report = bench.report("out");
    for (name, bytes) in before {
        assert_eq!(after[name], *bytes, "{name}");
        assert_eq!(bench.outputs("out")[name], written[name], "{name} was written again");
        let line = report["lines"].as_array().unwrap().iter().find(|l| l["file"] == **name).unwrap();
        assert_eq!(line["reused"], true, "{line}");
    }
    bench.run("m.csv", "out").assert_code(0);
    assert_eq!(bytes(bench, "out"), after, "a third run changes not a byte");
}

fn killed_at(word: &str, nth: usize) {
    let bench = bench();
    let mut child = start(&bench, "out");
    wait_for(&mut child, word, nth);
    child.kill().unwrap();
    assert_eq!(child.wait().unwrap().signal(), Some(9), "it was done before it was killed");
    let before = bytes(&bench, "out");
    assert!(before.len() < LINES, "it was done before it was killed");
    assert_goes_on(&bench, &before);
}

#[test]
fn killed_before_the_first_line_is_done() {
    killed_at("recording", 1);
}

#[test]
fn killed_after_the_first_line() {
    killed_at("done", 1);
}

#[test]
fn killed_in_the_middle() {
    killed_at("done", 6);
}

#[test]
fn ctrl_c_finishes_the_lines_in_progress_and_the_next_run_does_the_rest() {
    let bench = bench();
    let mut child = start(&bench, "out");
    wait_for(&mut child, "done", 1);
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    // Reading on keeps the child from waiting for us.
    let rest: Vec<_> = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap).collect();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{rest:?}");
    let totals = bench.report("out")["totals"].clone();
    let count = |name: &str| usize::try_from(totals[name].as_u64().unwrap()).unwrap();
    let before = bytes(&bench, "out");
    assert_eq!(before.len(), count("done"));
    assert_eq!(count("done") + count("unfinished"), LINES, "{totals}");
    assert_goes_on(&bench, &before);
}
