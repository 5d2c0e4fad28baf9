//! The storage seams in memory: for tests, for programs that need nothing kept, and the model that every other store is
//! compared with. Knows no disk and no database.
//!
//! Each store is one map behind one short lock that is never held across an await.
mod blobs;
mod catalog;
mod jobs;

pub use blobs::MemoryBlobs;
pub use catalog::MemoryCatalog;
pub use jobs::MemoryJobs;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// The guarded value. Every write is prepared before it is made, so a panic elsewhere leaves nothing half written.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
