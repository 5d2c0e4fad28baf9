//! For the tests of adapters and applications: fakes, fault injection, and one conformance suite for every seam.
//!
//! A suite is a list of named cases, each an async function over a fixture, and a macro that makes one `#[test]` of each.
//! A case that needs an ability runs whenever the fixture declares it and is named as skipped when it does not; there is
//! no other way to skip. Every generated module also checks that it holds every case of its suite.
mod alive;
pub mod blobs;
pub mod catalog;
mod check;
pub mod cloner;
pub mod fakes;
pub mod jobs;
pub mod marker;
pub mod preprocessor;
mod records;
mod suite;
pub mod synthesizer;

pub use suite::{Case, CaseFuture, Failure, Need, run_case, run_on_runtime};
