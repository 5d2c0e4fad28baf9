//! Stops blocking work whose caller has gone away: a blocking thread cannot be aborted, only asked.
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use voiceclone_core::{Error, ErrorKind, Result};

/// Asked between blocks.
#[derive(Debug, Clone, Default)]
pub(super) struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// An error once the caller has gone away.
    pub(super) fn check(&self) -> Result<()> {
        if self.0.load(Ordering::Relaxed) {
            return Err(Error::new(ErrorKind::Cancelled, "the preparation was cancelled"));
        }
        Ok(())
    }

    /// Cancels when it is dropped, as a future is.
    pub(super) fn on_drop(&self) -> CancelOnDrop {
        CancelOnDrop(self.clone())
    }
}

/// Held by the caller's future.
#[derive(Debug)]
pub(super) struct CancelOnDrop(Cancel);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dropping_the_guard_stops_the_work() {
        let cancel = Cancel::default();
        let guard = cancel.on_drop();
        assert!(cancel.check().is_ok());
        drop(guard);
        assert_eq!(cancel.check().unwrap_err().kind(), ErrorKind::Cancelled);
    }
}
