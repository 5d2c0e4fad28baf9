//! Handing out work. Knows what a claim asks and when to ask again.
use std::{num::NonZeroUsize, time::Duration};

use sqlx::postgres::PgRow;
use uuid::Uuid;
use voiceclone_core::{
    Result,
    id::{JobId, LeaseId},
    store::Lease,
};

use super::{PostgresStore, rows, sql};
use crate::sql::values::count;

/// The most jobs of one claim, however many are asked for.
const MAX_BATCH: usize = 1000;
/// The most owners of one look, so that a claim stays cheap however many wait.
const OWNERS: i64 = 1000;
/// Jobs looked at beyond those asked for, because other processes may be taking the first ones.
const SLACK: i64 = 32;
/// Looks of one claim.
const LOOKS: usize = 4;

/// What a look came to.
struct Look {
    leases: Vec<Lease>,
    /// There were more to have than were had, or more owners than were looked at.
    is_worth_another: bool,
}

impl PostgresStore {
    /// Up to `limit` leases, as [`JobStore::claim`](voiceclone_core::store::JobStore::claim) says. The claims of one process
    /// come one after another, since they would only be after the same jobs.
    pub(super) async fn take(&self, worker: &str, limit: NonZeroUsize, lease: Duration) -> Result<Vec<Lease>> {
        let limit = limit.get().min(MAX_BATCH);
        let mut after = self.0.claims.lock().await;
        let mut leases: Vec<Lease> = Vec::new();
        for _ in 0..LOOKS {
            match self.look(worker, limit.saturating_sub(leases.len()), lease, &mut after).await {
                Ok(look) => {
                    leases.extend(look.leases);
                    if leases.len() >= limit || !look.is_worth_another {
                        break;
                    }
                }
                // What was handed out must not be lost with the error.
                Err(_) if !leases.is_empty() => break,
                Err(error) => return Err(error),
            }
        }
        Ok(leases)
    }

    async fn look(&self, worker: &str, limit: usize, lease: Duration, after: &mut String) -> Result<Look> {
        let fresh: Vec<Uuid> = (0..limit).map(|_| *LeaseId::new().as_uuid()).collect();
        let statement = sqlx::query(sql::CLAIM)
            .bind(count(limit))
            .bind(fresh)
            .bind(worker)
            .bind(rows::micros(lease))
            .bind(after.as_str())
            .bind(OWNERS)
            .bind(SLACK);
        let found = self.0.hands.link.run(statement).await?;
        let claimed = |row: &&PgRow| rows::get::<Option<&str>>(row, "job_id").is_ok_and(|id| id.is_some());
        let mut leases = found.iter().filter(claimed).map(rows::lease).collect::<Result<Vec<_>>>()?;
        // Rows come in no order, but the fresh leases were dealt in the order of the jobs and sort as they were made.
        leases.sort_by_key(|lease| lease.id);
        for lease in &leases {
            self.0.hands.wake.changed(lease.job.id);
        }
        let Some(told) = found.first() else { return Ok(Look { leases, is_worth_another: false }) };
        for ended in rows::get::<Vec<String>>(told, "ended")? {
            self.0.hands.wake.changed(ended.parse::<JobId>()?);
        }
        // If not all owners were seen, the next look goes on where this one ended.
        let unseen = rows::get::<i64>(told, "owners")? >= OWNERS;
        *after = rows::get::<Option<String>>(told, "last_owner")?.filter(|_| unseen).unwrap_or_default();
        let passed_over = rows::get::<i64>(told, "candidates")? > count(leases.len());
        Ok(Look { leases, is_worth_another: passed_over || unseen })
    }
}
