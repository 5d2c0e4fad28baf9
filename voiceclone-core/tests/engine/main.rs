//! The engine and its worker end to end, over the stores in memory and providers that fail on request. Time stands still
//! and moves only when everybody waits, so nothing here depends on how fast the machine is.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod clones;
mod consents;
mod direct;
mod erasure;
mod housekeeping;
mod jobs;
mod live;
mod owners;
mod stray_clones;
mod support;
mod sweeps;
mod uploads;
mod workers;
