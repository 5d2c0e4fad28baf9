//! The store in a file beside bare statements on another file of the same disk.
use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use voiceclone_core::{Error, Result};

use super::{
    contest::ours,
    process::{Client, Took},
    table::{Spread, cell},
};

/// What each took, round by round: the store first, the bare statements second.
#[derive(Debug, Clone, Default)]
pub struct Figures {
    enqueue: [Vec<Took>; 2],
    work: [Vec<Took>; 2],
    batched: Vec<Took>,
}

/// Both in turns, on files in `dir`.
///
/// # Errors
/// If a client fails.
pub async fn measure(queue: &Path, dir: &Path, rounds: u32, jobs: u32) -> Result<Figures> {
    let files = fresh(dir)?;
    let mut figures = Figures::default();
    let jobs = jobs.to_string();
    let [store, _] = &files;
    for round in 1..=rounds {
        eprintln!("SQLite: round {round} of {rounds}");
        for (url, (enqueue, work)) in files.iter().zip(figures.enqueue.iter_mut().zip(&mut figures.work)) {
            enqueue.push(Client::run(ours(queue, url, &["enqueue", &jobs])).await?);
            work.push(Client::run(ours(queue, url, &["work", &jobs])).await?);
        }
        Client::run(ours(queue, store, &["enqueue", &jobs, "--tasks", "100"])).await?;
        figures.batched.push(Client::run(ours(queue, store, &["work", &jobs, "--batch", "10"])).await?);
    }
    Ok(figures)
}

/// The URLs of two files that are not there.
fn fresh(dir: &Path) -> Result<[String; 2]> {
    let cannot = |e| Error::unexpected("there is no place for the files").with_source(e);
    let dir: PathBuf = dir.join("sqlite");
    if dir.exists() {
        fs::remove_dir_all(&dir).map_err(cannot)?;
    }
    fs::create_dir_all(&dir).map_err(cannot)?;
    Ok(["sqlite", "raw"].map(|scheme| format!("{scheme}:{}", dir.join(format!("{scheme}.db")).display())))
}

/// The table.
pub fn table(figures: &Figures) -> String {
    let mut out = String::new();
    let _ = writeln!(
        out,
        "{:<28}{:>10}{:>40}{:>24}",
        "SQLite, WAL, FULL", "jobs/s", "/ bare statements", "client CPU µs/job"
    );
    let [enqueue, enqueue_raw] = &figures.enqueue;
    let [work, work_raw] = &figures.work;
    for (name, took, raw) in [
        ("enqueue", enqueue, Some(enqueue_raw)),
        ("enqueue, bare", enqueue_raw, None),
        ("claim and finish", work, Some(work_raw)),
        ("claim and finish, bare", work_raw, None),
        ("claim and finish 10", &figures.batched, None),
    ] {
        let rates: Vec<f64> = took.iter().map(Took::rate).collect();
        let cpu: Vec<f64> = took.iter().map(Took::cpu_each).collect();
        let raw: Option<Vec<f64>> = raw.map(|raw| raw.iter().map(Took::rate).collect());
        let ratio = raw.and_then(|raw| Spread::of_ratios(&rates, &raw));
        let line =
            format!("  {name:<26}{}{}{}", cell(Spread::of(&rates), 0), cell(ratio, 2), cell(Spread::of(&cpu), 0));
        let _ = writeln!(out, "{}", line.trim_end());
    }
    out
}
