//! The crash matrix: real workers, a real PostgreSQL and a server that speaks S3, each a process of its own, are killed,
//! stopped, cut off and starved in every way we know of, and an oracle that reads the tables and the bucket by itself says
//! whether a job was lost or done twice.
//!
//! The quick form is a test like any other. The long one repeats the matrix with new seeds for ten minutes, or as many as
//! `VOICECLONE_CHAOS_MINUTES` says; both print a table. `VOICECLONE_CHAOS_ONLY` picks the scenarios whose names hold it,
//! `VOICECLONE_CHAOS_SEED` repeats what a seed chose.
//!
//! ```sh
//! cargo nextest run --workspace --all-features --test chaos --run-ignored all --no-capture -E 'test(for_long)'
//! ```
#![cfg(all(feature = "fs", feature = "postgres", feature = "s3", feature = "sqlite", target_os = "linux"))]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "functions that tests share fail as tests do"
)]
mod client;
mod gates;
mod matrix;
mod oracle;
mod oracle_tests;
#[path = "../support/postgres.rs"]
mod postgres;
mod process;
#[path = "../support/proxy.rs"]
mod proxy;
#[path = "../support/s3.rs"]
mod s3;
mod scenarios;
mod stack;
mod stores;
mod tally;
mod worker;

use std::time::Duration;

#[test]
fn nothing_is_lost_and_nothing_happens_twice() {
    matrix::run(None);
}

#[test]
#[ignore = "takes ten minutes, or what VOICECLONE_CHAOS_MINUTES says"]
fn nothing_is_lost_and_nothing_happens_twice_for_long() {
    let minutes = std::env::var("VOICECLONE_CHAOS_MINUTES").map_or(10, |minutes| minutes.parse().unwrap());
    matrix::run(Some(Duration::from_secs(minutes * 60)));
}

#[test]
#[ignore = "a process of the matrix"]
fn worker() {
    worker::worker_main();
}

#[test]
#[ignore = "a process of the matrix"]
fn s3_server() {
    worker::s3_main();
}
