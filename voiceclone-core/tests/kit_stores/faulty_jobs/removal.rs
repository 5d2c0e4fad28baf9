//! Faults of removing and pruning.
use std::{collections::HashMap, num::NonZeroUsize, time::Duration};

use voiceclone_core::{
    ErrorKind, Result,
    domain::Job,
    id::{JobId, OwnerId},
    store::JobStore as _,
};

use super::{Fault, FaultyJobs};

impl FaultyJobs {
    fn known(&self) -> HashMap<JobId, OwnerId> {
        self.seen.lock().unwrap().owners.clone()
    }

    pub(super) fn is_removed(&self, id: JobId) -> bool {
        self.seen.lock().unwrap().removed.contains(&id)
    }

    async fn prune_latest(&self, age: Duration, limit: usize) -> Result<Vec<Job>> {
        let pruned = self.inner.prune(age, NonZeroUsize::MAX).await?;
        let mut seen = self.seen.lock().unwrap();
        seen.pruned.extend(pruned);
        seen.pruned.sort_by_key(|job| job.updated_at);
        let earlier = seen.pruned.len().saturating_sub(limit);
        Ok(seen.pruned.split_off(earlier))
    }

    async fn check_then_prune(&self, limit: usize) -> Result<Vec<Job>> {
        let mut ended = Vec::new();
        for (id, owner) in self.known() {
            ended.extend(self.inner.job(&owner, id).await.ok().filter(|job| job.state.is_terminal()));
        }
        ended.sort_by_key(|job| job.updated_at);
        ended.truncate(limit);
        tokio::task::yield_now().await;
        for job in &ended {
            // Somebody may have been faster.
            let _ = self.inner.remove(&job.owner, job.id).await;
        }
        Ok(ended)
    }

    pub(super) async fn remove_faultily(&self, owner: &OwnerId, id: JobId) -> Result<Job> {
        let real = self.seen.lock().unwrap().owners.get(&id).cloned();
        let owner = real.filter(|_| self.fault == Fault::RemovesForAnyone).unwrap_or(owner.clone());
        let removed = self.inner.remove(&owner, id).await;
        match (self.fault, removed) {
            (Fault::RemovesWhatRuns, Err(e)) if e.kind() == ErrorKind::Conflict => self.inner.job(&owner, id).await,
            (_, removed) => {
                self.seen.lock().unwrap().removed.extend(removed.iter().map(|job| job.id));
                removed
            }
        }
    }

    pub(super) async fn prune_faultily(&self, age: Duration, limit: NonZeroUsize) -> Result<Vec<Job>> {
        self.tick().await;
        let pruned = match self.fault {
            Fault::PrunesTheLatestFirst => self.prune_latest(age, limit.get()).await,
            Fault::PrunesWhatWaits => {
                for (id, owner) in self.known() {
                    self.inner.cancel(&owner, id).await?;
                }
                self.inner.prune(age, limit).await
            }
            Fault::IgnoresTheAge => self.inner.prune(Duration::ZERO, limit).await,
            Fault::PrunesOneOwner => {
                let first = self.known().into_values().min();
                let pruned = self.inner.prune(age, limit).await?;
                Ok(pruned.into_iter().filter(|job| Some(&job.owner) == first.as_ref()).collect())
            }
            Fault::ChecksThenPrunes => self.check_then_prune(limit.get()).await,
            _ => self.inner.prune(age, limit).await,
        }?;
        self.seen.lock().unwrap().removed.extend(pruned.iter().map(|job| job.id));
        Ok(pruned)
    }
}
