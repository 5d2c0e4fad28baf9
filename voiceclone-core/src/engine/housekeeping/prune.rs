//! Removes jobs that ended long ago, with what they left in the blob store.
use std::{num::NonZeroUsize, time::Duration};

use crate::{
    domain::{Job, JobSpec},
    engine::{Engine, Parts, keys},
    error::Result,
};

/// What was pruned.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pruned {
    /// Jobs whose rows were removed.
    pub jobs: u64,
    /// Blobs of those jobs that were removed: results.
    pub blobs: u64,
}

impl Engine {
    /// Removes the jobs of all owners that ended at least `age` ago, `batch` of them by one statement, with their events,
    /// their idempotency keys and their results. Any number of processes may do so at once: each job is pruned by one.
    ///
    /// # Errors
    /// `Unavailable` if a store fails; what was pruned until then stays pruned.
    ///
    /// # Cancel safety
    /// A row goes before the blobs that it names, so that no job ever names a blob that is gone. Dropping the future in
    /// between, or a crash, leaves the blobs of up to `batch` jobs to [`Engine::sweep`].
    pub async fn prune_jobs(&self, age: Duration, batch: NonZeroUsize) -> Result<Pruned> {
        let mut pruned = Pruned::default();
        loop {
            let jobs = self.0.jobs.prune(age, batch).await?;
            if jobs.is_empty() {
                return Ok(pruned);
            }
            pruned.jobs += jobs.len() as u64;
            pruned.blobs += self.0.remove_traces(&jobs).await?;
        }
    }
}

impl Parts {
    /// Removes what these jobs left, and only then says what failed.
    async fn remove_traces(&self, jobs: &[Job]) -> Result<u64> {
        let (mut removed, mut failed) = (0, None);
        for job in jobs {
            match self.remove_trace(job).await {
                Ok(blobs) => removed += blobs,
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        failed.map_or(Ok(removed), Err)
    }

    async fn remove_trace(&self, job: &Job) -> Result<u64> {
        if let JobSpec::Speak { .. } = job.spec {
            return self.remove_below(&keys::job(&job.owner, job.id)?).await;
        }
        // A recording whose last worker was lost may not have been told so far. Without its job it never would be, unless the
        // sweep has it prepared anew.
        self.after(job).await;
        Ok(0)
    }
}
