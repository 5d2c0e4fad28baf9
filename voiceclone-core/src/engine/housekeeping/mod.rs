//! What must be done from time to time and nobody asks for: old jobs pruned, orphans swept, stray clones removed.
//!
//! Every chore is a verb of its own, may be repeated, and may be interrupted anywhere. Knows when chores are due and no
//! more than their names.
mod clones;
mod owners;
mod prune;

use std::{fmt, future::Future, num::NonZeroUsize, panic::AssertUnwindSafe, pin::Pin, sync::Arc, time::Duration};

use futures_util::FutureExt as _;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub use clones::SweptClones;
pub use owners::SweptOwners;
pub use prune::Pruned;

use super::Engine;
use crate::{error::Result, worker::jittered};

type Chore = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Result<()>> + Send>> + Send + Sync>;

/// The shortest wait between two turns.
const SHORTEST: Duration = Duration::from_secs(1);

/// What is done from time to time, and how often.
#[derive(Clone)]
#[non_exhaustive]
pub struct HousekeepingConfig {
    /// The wait between two turns: 1 h, jittered, so that processes that were started together do not clean together. Less
    /// than a second counts as a second.
    pub interval: Duration,
    /// Jobs that ended longer ago are removed with their results; none are unless this is set. Their idempotency keys are
    /// free again, and a follower finds them gone.
    pub keep_jobs: Option<Duration>,
    /// Jobs that are removed by one statement: 100.
    pub batch: NonZeroUsize,
    /// The age below which a blob without a record is left alone: 24 h. Longer than the longest upload or attempt.
    pub grace: Duration,
    chores: Vec<(String, Chore)>,
}

impl Default for HousekeepingConfig {
    fn default() -> Self {
        Self {
            interval: Duration::from_hours(1),
            keep_jobs: None,
            batch: NonZeroUsize::MIN.saturating_add(99),
            grace: Duration::from_hours(24),
            chores: Vec::new(),
        }
    }
}

impl HousekeepingConfig {
    /// The defaults, changed.
    #[must_use]
    pub fn with(mut self, set: impl FnOnce(&mut Self)) -> Self {
        set(&mut self);
        self
    }

    /// One thing more to do in every turn, after the engine's own, in the order they were added. It is dropped where it
    /// stands when housekeeping stops.
    #[must_use]
    pub fn chore<F>(mut self, name: impl Into<String>, work: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<()>> + Send + 'static,
    {
        self.chores.push((name.into(), Arc::new(move || Box::pin(work()))));
        self
    }
}

impl fmt::Debug for HousekeepingConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let chores: Vec<_> = self.chores.iter().map(|(name, _)| name).collect();
        f.debug_struct("HousekeepingConfig")
            .field("interval", &self.interval)
            .field("keep_jobs", &self.keep_jobs)
            .field("batch", &self.batch)
            .field("grace", &self.grace)
            .field("chores", &chores)
            .finish()
    }
}

impl Engine {
    /// Keeps house in the background: at once, and again after every interval. Each turn prunes jobs
    /// ([`Engine::prune_jobs`], if `keep_jobs` is set), sweeps all owners ([`Engine::sweep_owners`]) and clones
    /// ([`Engine::sweep_clones`]), and does the application's chores. A chore that fails or panics is logged and tried
    /// again at the next turn; the others are done all the same. Any number of processes may do so over the same stores.
    ///
    /// It stops when the handle is dropped.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn start_housekeeping(&self, config: HousekeepingConfig) -> RunningHousekeeping {
        let (engine, stop, mut task) = (self.clone(), CancellationToken::new(), JoinSet::new());
        let stopped = stop.clone();
        task.spawn(async move { stopped.run_until_cancelled(engine.keep_house(&config)).await.unwrap_or_default() });
        RunningHousekeeping { stop, task }
    }

    async fn keep_house(&self, config: &HousekeepingConfig) {
        loop {
            self.clean_up(config).await;
            tokio::time::sleep(jittered(config.interval.max(SHORTEST))).await;
        }
    }

    async fn clean_up(&self, config: &HousekeepingConfig) {
        if let Some(age) = config.keep_jobs {
            done("prune jobs", self.prune_jobs(age, config.batch)).await;
        }
        done("sweep owners", self.sweep_owners(config.grace)).await;
        done("sweep clones", self.sweep_clones()).await;
        for (name, work) in &config.chores {
            // Called inside of the future, so that a panic before its first await is caught, too.
            done(name, async { work().await }).await;
        }
    }
}

/// Does a chore and says in the log what came of it.
async fn done<T: fmt::Debug>(chore: &str, work: impl Future<Output = Result<T>>) {
    match AssertUnwindSafe(work).catch_unwind().await {
        Ok(Ok(did)) => tracing::debug!(chore, ?did, "a chore is done"),
        Ok(Err(error)) => tracing::warn!(chore, error = %error.chain(), "a chore failed; it is tried again"),
        Err(_) => tracing::error!(chore, "a chore panicked; it is tried again"),
    }
}

/// Housekeeping in the background.
#[derive(Debug)]
pub struct RunningHousekeeping {
    stop: CancellationToken,
    task: JoinSet<()>,
}

impl RunningHousekeeping {
    /// Stops, in the middle of a chore if need be, and returns when nothing of it runs any more. What was left is done at a
    /// later turn, of this or another process.
    pub async fn shutdown(mut self) {
        self.stop.cancel();
        while self.task.join_next().await.is_some() {}
    }
}
