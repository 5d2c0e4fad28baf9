//! Long arithmetic on tokio's blocking threads: so many pieces of work at a time, and none that goes on for nobody. A blocking
//! thread cannot be aborted, only asked. What the work is, is not known here.
use std::{
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use tokio::{sync::Semaphore, task};
use voiceclone_core::{Error, ErrorKind, Result};

/// Stops work whose caller has gone away. Asked between blocks.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// An error once the caller has gone away.
    pub(crate) fn check(&self) -> Result<()> {
        if self.0.load(Ordering::Relaxed) {
            return Err(Error::new(ErrorKind::Cancelled, "the work was cancelled"));
        }
        Ok(())
    }

    /// Cancels when it is dropped, as a future is.
    pub(crate) fn on_drop(&self) -> CancelOnDrop {
        CancelOnDrop(self.clone())
    }
}

/// Held by the caller's future.
#[derive(Debug)]
pub(crate) struct CancelOnDrop(Cancel);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::Relaxed);
    }
}

/// How many pieces of work run at a time; the others wait. Clones share the number.
#[derive(Debug, Clone)]
pub(crate) struct Pool(Arc<Semaphore>);

impl Default for Pool {
    /// As many as the machine has cores.
    fn default() -> Self {
        Self::of(thread::available_parallelism().unwrap_or(NonZeroUsize::MIN))
    }
}

impl Pool {
    pub(crate) fn of(places: NonZeroUsize) -> Self {
        Self(Arc::new(Semaphore::new(places.get().min(Semaphore::MAX_PERMITS))))
    }

    /// Runs `work` on a blocking thread. Its place goes with the work, which ends later than a caller that gave up.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        op: &'static str,
        work: impl FnOnce(&Cancel) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let place = Arc::clone(&self.0).acquire_owned().await;
        let place = place.map_err(|e| Error::unexpected("no more work is accepted").with_source(e))?;
        let cancel = Cancel::default();
        let _stop = cancel.on_drop();
        let task = task::spawn_blocking(move || {
            let _place = place;
            work(&cancel)
        });
        let done = task.await.map_err(|e| Error::unexpected("the work failed").with_source(e)).flatten();
        done.map_err(|e| e.during(op))
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

    #[tokio::test]
    #[expect(clippy::disallowed_methods, reason = "the task ends within the test")]
    async fn work_of_a_dropped_future_is_told_to_stop_and_gives_its_place_back() {
        let pool = Pool::of(NonZeroUsize::MIN);
        let (started, wait) = tokio::sync::oneshot::channel();
        let running = tokio::spawn({
            let pool = pool.clone();
            async move {
                let work = move |cancel: &Cancel| {
                    started.send(()).ok();
                    while cancel.check().is_ok() {
                        thread::yield_now();
                    }
                    cancel.check()
                };
                pool.run("wait", work).await
            }
        });
        wait.await.unwrap();
        running.abort();
        assert_eq!(pool.run("next", |_| Ok(7)).await.unwrap(), 7);
    }
}
