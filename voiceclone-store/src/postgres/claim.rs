//! Handing out work: the claims of one process that come together are one statement, since they would only be after the same
//! jobs. Knows what a claim asks and when to ask again.
use std::{
    num::NonZeroUsize,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use sqlx::postgres::PgRow;
use uuid::Uuid;
use voiceclone_core::{
    Result,
    id::{JobId, LeaseId},
    store::{Lease, Outcome},
};

use super::{
    batch::Batched,
    rows, sql,
    writes::{End, Finishes, Hands},
};
use crate::sql::values::count;

/// The most jobs of one claim, however many are asked for.
const MAX_BATCH: usize = 1000;
/// The most owners of one look, so that a claim stays cheap however many wait.
const OWNERS: i64 = 1000;
/// Jobs looked at beyond those asked for, because other processes may be taking the first ones.
const SLACK: i64 = 32;
/// Looks of one claim.
const LOOKS: usize = 4;

pub(super) struct Claims {
    hands: Hands,
    /// The owner after whom the next look begins.
    after: Mutex<String>,
}

/// What one caller asks for.
pub(super) struct Ask {
    worker: String,
    limit: usize,
    length: i64,
}

impl Ask {
    pub(super) fn of(worker: &str, limit: NonZeroUsize, lease: Duration) -> Self {
        Self { worker: worker.to_owned(), limit: limit.get().min(MAX_BATCH), length: rows::micros(lease) }
    }
}

/// What a look came to.
struct Look {
    leases: Vec<Lease>,
    /// There were more to have than were had, or more owners than were looked at.
    is_worth_another: bool,
}

impl Claims {
    pub(super) fn new(hands: Hands) -> Self {
        Self { hands, after: Mutex::default() }
    }

    /// Up to one lease for each of `places`, in their order.
    async fn take(&self, places: &[&Ask]) -> Result<Vec<Lease>> {
        let mut leases: Vec<Lease> = Vec::new();
        for _ in 0..LOOKS {
            match self.look(places.get(leases.len()..).unwrap_or_default()).await {
                Ok(look) => {
                    leases.extend(look.leases);
                    if leases.len() >= places.len() || !look.is_worth_another {
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

    async fn look(&self, places: &[&Ask]) -> Result<Look> {
        let fresh: Vec<Uuid> = places.iter().map(|_| *LeaseId::new().as_uuid()).collect();
        let after = self.after.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let statement = sqlx::query(sql::CLAIM)
            .bind(count(places.len()))
            .bind(fresh)
            .bind(places.iter().map(|ask| ask.worker.as_str()).collect::<Vec<_>>())
            .bind(places.iter().map(|ask| ask.length).collect::<Vec<_>>())
            .bind(after)
            .bind(OWNERS)
            .bind(SLACK);
        let found = self.hands.link.run(statement).await?;
        let claimed = |row: &&PgRow| rows::get::<Option<&str>>(row, "job_id").is_ok_and(|id| id.is_some());
        let mut leases = found.iter().filter(claimed).map(rows::lease).collect::<Result<Vec<_>>>()?;
        // Rows come in no order, but the fresh leases were dealt in the order of the jobs and sort as they were made.
        leases.sort_by_key(|lease| lease.id);
        for lease in &leases {
            self.hands.wake.changed(lease.job.id);
        }
        let Some(told) = found.first() else { return Ok(Look { leases, is_worth_another: false }) };
        for ended in rows::get::<Vec<String>>(told, "ended")? {
            self.hands.wake.changed(ended.parse::<JobId>()?);
        }
        // If not all owners were seen, the next look goes on where this one ended.
        let unseen = rows::get::<i64>(told, "owners")? >= OWNERS;
        let last = rows::get::<Option<String>>(told, "last_owner")?.filter(|_| unseen).unwrap_or_default();
        *self.after.lock().unwrap_or_else(PoisonError::into_inner) = last;
        let passed_over = rows::get::<i64>(told, "candidates")? > count(leases.len());
        Ok(Look { leases, is_worth_another: passed_over || unseen })
    }
}

impl Batched for Claims {
    type Call = Ask;
    type Answer = Vec<Lease>;

    const MOST: usize = MAX_BATCH;

    fn weight(ask: &Ask) -> usize {
        ask.limit
    }

    fn subjects(_: &Ask) -> Vec<String> {
        Vec::new()
    }

    async fn run(&self, asks: &[Arc<Ask>]) -> Result<Vec<Vec<Lease>>> {
        let places: Vec<&Ask> = asks.iter().flat_map(|ask| std::iter::repeat_n(&**ask, ask.limit)).collect();
        let mut leases = self.take(&places).await?.into_iter();
        Ok(asks.iter().map(|ask| leases.by_ref().take(ask.limit).collect()).collect())
    }

    /// Gives the jobs back at once, which would else wait for their leases to lapse.
    async fn undelivered(&self, leases: Vec<Lease>) {
        let ends: Result<Vec<Arc<End>>> =
            leases.iter().map(|lease| End::of(lease.id, &Outcome::Released).map(Arc::new)).collect();
        let given_back = match ends {
            Ok(ends) if !ends.is_empty() => Finishes(self.hands.clone()).run(&ends).await.map(drop),
            Ok(_) => return,
            Err(error) => Err(error),
        };
        match given_back {
            Ok(()) => self.hands.wake.queued(),
            Err(error) => tracing::warn!(error = error.chain(), "claimed jobs wait for their leases to lapse"),
        }
    }
}
