//! The testkit tested: the suites pass on the stores in memory, and every broken store is caught by the case that is
//! about its fault.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
mod faulty_blobs;
mod faulty_catalog;
mod faulty_jobs;

use std::{num::NonZeroUsize, time::Duration};

use voiceclone_core::{
    domain::{JobSpec, NewJob},
    id::{OwnerId, VoiceId},
    memory::{MemoryBlobs, MemoryCatalog, MemoryJobs},
    store::JobStore as _,
    testkit::{Case, blobs::BlobFixture, catalog::CatalogFixture, jobs::JobFixture, model, run_case},
};

voiceclone_core::blob_store_conformance!(blobs, BlobFixture::new(MemoryBlobs::new()));
voiceclone_core::catalog_conformance!(catalog, CatalogFixture::new(MemoryCatalog::new()));
voiceclone_core::job_store_conformance!(jobs, JobFixture::new(MemoryJobs::new()));

/// Runs every case over a broken store and asserts that `expected` is among those that fail. The clock is paused, so what
/// hangs fails at once.
fn assert_caught<F>(cases: &[Case<F>], fault: &str, expected: &str, fixture: impl Fn() -> F) {
    let fails = |case: &&Case<F>| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async { run_case(cases, case.name, fixture()).await.is_err() })
    };
    let caught: Vec<_> = cases.iter().filter(fails).map(|case| case.name).collect();
    eprintln!("{fault} is caught by {caught:?}");
    assert!(caught.contains(&expected), "{fault} should be caught by {expected}; it was caught by {caught:?}");
}

#[test]
fn a_catalog_in_memory_is_its_own_model() {
    model::catalog_model_test(64, async || MemoryCatalog::new());
}

#[test]
fn a_job_store_in_memory_is_its_own_model() {
    model::job_model_test(64, async || MemoryJobs::new());
}

/// Asserts that the model test of a faulty store fails, and fails by telling what differs.
fn assert_panics(fault: &str, model_test: impl FnOnce() + std::panic::UnwindSafe) {
    let panic = std::panic::catch_unwind(model_test).expect_err(fault);
    let why = panic.downcast_ref::<String>().expect("a message");
    assert!(why.contains("the model answers"), "{fault}: {why}");
}

#[tokio::test(start_paused = true)]
async fn the_clock_of_jobs_in_memory_is_tokios() {
    let store = MemoryJobs::new();
    let hour = Duration::from_hours(1);
    let spec = JobSpec::Erase { voice: VoiceId::new() };
    store.enqueue(&NewJob::new(OwnerId::new("ada").unwrap(), spec).after(hour)).await.unwrap();
    let claimed = async || store.claim("worker", NonZeroUsize::MIN, hour).await.unwrap().len();
    for (waited, expected) in [(0, 0), (3599, 0), (1, 1), (3599, 0), (1, 1)] {
        tokio::time::advance(Duration::from_secs(waited)).await;
        assert_eq!(claimed().await, expected, "after {waited} more seconds");
    }
}
