//! Runs the scenarios, some at a time, and says what came of them.
use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use crate::{
    scenarios::{ALL, Ran, Scenario},
    tally::Table,
};

/// Most of a scenario is waiting for leases to lapse.
const AT_A_TIME: usize = 3;

/// No scenario takes longer.
const LIMIT: Duration = Duration::from_mins(3);

#[derive(Default)]
struct Outcome {
    table: Table,
    skipped: Vec<String>,
    failed: Vec<String>,
}

/// Runs the matrix once, or again and again for so long. Fails if anything did.
pub(crate) fn run(length: Option<Duration>) {
    let seed = std::env::var("VOICECLONE_CHAOS_SEED").map_or_else(|_| rand::random(), |seed| seed.parse().unwrap());
    let only = std::env::var("VOICECLONE_CHAOS_ONLY").unwrap_or_default();
    let chosen: Vec<Scenario> = ALL.iter().copied().filter(|(name, _)| name.contains(&only)).collect();
    assert!(!chosen.is_empty(), "no scenario is named like {only:?}");
    let started = Instant::now();
    let outcome = Mutex::new(Outcome::default());
    let mut seed: u64 = seed;
    loop {
        println!("seed {seed}");
        once(&chosen, seed, &outcome);
        seed = seed.wrapping_add(1);
        if !lock(&outcome).failed.is_empty() || length.is_none_or(|length| started.elapsed() >= length) {
            break;
        }
    }
    let outcome = outcome.into_inner().unwrap_or_else(PoisonError::into_inner);
    println!("\n{}", outcome.table);
    for skipped in &outcome.skipped {
        println!("SKIPPED {skipped}");
    }
    println!("{:.0} s in all", started.elapsed().as_secs_f64());
    assert!(outcome.failed.is_empty(), "{}", outcome.failed.join("\n"));
}

fn once(chosen: &[Scenario], seed: u64, outcome: &Mutex<Outcome>) {
    let waiting: Mutex<VecDeque<Scenario>> = Mutex::new(chosen.iter().copied().collect());
    thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                while let Some(scenario) = next(&waiting) {
                    one(scenario, seed, outcome);
                }
            });
        }
    });
}

fn next(waiting: &Mutex<VecDeque<Scenario>>) -> Option<Scenario> {
    lock(waiting).pop_front()
}

fn one((name, run): Scenario, seed: u64, outcome: &Mutex<Outcome>) {
    let started = Instant::now();
    // A runtime of its own: what a scenario leaves running ends with it, and one that blocks holds up no other.
    let ran = catch_unwind(AssertUnwindSafe(|| {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let ran = runtime.block_on(async {
            let mut running = run(seed);
            // Failing while it still is there, so that it says what it has come to.
            tokio::time::timeout(LIMIT, &mut running).await.unwrap_or_else(|_| panic!("it takes longer than {LIMIT:?}"))
        });
        runtime.shutdown_timeout(Duration::from_secs(5));
        ran
    }));
    let seconds = started.elapsed().as_secs_f64();
    let mut outcome = lock(outcome);
    match ran {
        Ok(Ran::Through(tally)) => {
            println!("passed in {seconds:>5.1} s  {name}");
            outcome.table.add(name, &tally);
        }
        Ok(Ran::Skipped(why)) => {
            println!("SKIPPED {name}: {why}");
            outcome.skipped.push(format!("{name}: {why}"));
        }
        Err(_) => {
            println!("FAILED in {seconds:>5.1} s  {name}, seed {seed}");
            outcome.failed.push(format!("{name} failed with seed {seed}; what it found is above"));
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
