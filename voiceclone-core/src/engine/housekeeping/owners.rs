//! The sweep of every owner there is.
use std::{collections::HashSet, num::NonZeroUsize, time::Duration};

use chrono::Utc;
use futures_util::TryStreamExt as _;

use crate::{
    engine::{Engine, Parts, Swept, keys},
    error::{ErrorKind, Result},
    id::OwnerId,
    store::BlobKey,
};

/// Owners that are asked for at a time.
const PAGE: NonZeroUsize = NonZeroUsize::MIN.saturating_add(99);

/// What a sweep of all owners did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SweptOwners {
    /// Owners that were swept.
    pub owners: u64,
    /// Owners that could not be; the log says why.
    pub failed: u64,
    /// What was done for those that were.
    pub swept: Swept,
    /// Blobs, older than the grace, of owners that the catalog does not know. They are left alone: another deployment may
    /// share the bucket.
    pub foreign: u64,
}

impl Engine {
    /// [`Engine::sweep`] for every owner of a sample, deleted or not. One that cannot be swept is logged, counted and passed
    /// over.
    ///
    /// # Errors
    /// `Unavailable` or `Timeout` if a store is out of reach; what was swept until then stays swept.
    ///
    /// # Cancel safety
    /// Dropping the future leaves the rest to the next sweep.
    pub async fn sweep_owners(&self, grace: Duration) -> Result<SweptOwners> {
        let (mut swept, mut known, mut after) = (SweptOwners::default(), HashSet::new(), None);
        loop {
            let owners = self.0.catalog.owners(after, PAGE).await?;
            for owner in &owners {
                known.insert(keys::owner(owner)?);
                self.sweep_into(&mut swept, owner, grace).await?;
            }
            after = owners.into_iter().next_back();
            if after.is_none() {
                break;
            }
        }
        swept.foreign = self.0.foreign_blobs(&known, grace).await?;
        if swept.foreign > 0 {
            tracing::info!(blobs = swept.foreign, "there are blobs of owners that this catalog does not know");
        }
        Ok(swept)
    }

    async fn sweep_into(&self, all: &mut SweptOwners, owner: &OwnerId, grace: Duration) -> Result<()> {
        match self.sweep(owner, grace).await {
            Ok(one) => {
                all.owners += 1;
                all.swept.add(one);
            }
            // The next owner would meet the same.
            Err(error) if matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Timeout) => return Err(error),
            Err(error) => {
                all.failed += 1;
                let owner = keys::owner(owner)?;
                tracing::warn!(%owner, error = %error.chain(), "an owner could not be swept");
            }
        }
        Ok(())
    }
}

impl Parts {
    async fn foreign_blobs(&self, known: &HashSet<BlobKey>, grace: Duration) -> Result<u64> {
        let mut foreign = 0;
        let mut blobs = self.blobs.list(&keys::owners()?);
        while let Some(blob) = blobs.try_next().await? {
            let age = (Utc::now() - blob.modified).to_std().unwrap_or_default();
            // A younger one may be of an owner who came during the walk.
            if age >= grace && keys::owner_in(&blob.key).is_none_or(|owner| !known.contains(&owner)) {
                foreign += 1;
            }
        }
        Ok(foreign)
    }
}
