//! Messages in the table `outbox`.
use std::{num::NonZeroUsize, time::Duration};

use async_trait::async_trait;
use sqlx::postgres::PgRow;
use voiceclone_core::Result;

use super::{PostgresStore, ledger_sql as sql, rows};
use crate::{
    outbox::{Messages, Outbox, OutboxMessage, OutboxWaiting},
    sql::values::{self, count},
};

impl PostgresStore {
    /// The outbox of the subscriber of this name: 1 to 64 letters, digits, `.`, `_` and `-`.
    ///
    /// # Errors
    /// `InvalidInput` for another name.
    pub fn outbox(&self, subscriber: &str) -> Result<Outbox> {
        Outbox::new(self.clone(), subscriber)
    }
}

#[async_trait]
impl Messages for PostgresStore {
    async fn subscribe(&self, subscriber: &str) -> Result<()> {
        self.run(sqlx::query(sql::SUBSCRIBE).bind(subscriber)).await.map(drop)
    }

    async fn unsubscribe(&self, subscriber: &str) -> Result<()> {
        self.run(sqlx::query(sql::UNSUBSCRIBE).bind(subscriber)).await.map(drop)
    }

    async fn receive(&self, subscriber: &str, limit: NonZeroUsize, hide_for: Duration) -> Result<Vec<OutboxMessage>> {
        let statement =
            sqlx::query(sql::RECEIVE).bind(subscriber).bind(count(limit.get())).bind(rows::micros(hide_for));
        self.run(statement).await?.iter().map(message).collect()
    }

    async fn acknowledge(&self, subscriber: &str, ids: &[i64]) -> Result<usize> {
        Ok(self.run(sqlx::query(sql::ACKNOWLEDGE).bind(subscriber).bind(ids)).await?.len())
    }

    async fn waiting(&self, subscriber: &str) -> Result<Option<OutboxWaiting>> {
        let found = self.run(sqlx::query(sql::WAITING).bind(subscriber)).await?;
        found.first().map(waiting).transpose()
    }
}

fn message(row: &PgRow) -> Result<OutboxMessage> {
    Ok(OutboxMessage {
        id: rows::get(row, "id")?,
        job: rows::parse(row, "job_id")?,
        owner: rows::parse(row, "user_id")?,
        kind: rows::get(row, "kind")?,
        state: values::state(rows::get(row, "status")?)?,
        at: rows::get(row, "at")?,
        deliveries: number(rows::get(row, "deliveries")?),
    })
}

fn waiting(row: &PgRow) -> Result<OutboxWaiting> {
    let age: Option<i64> = rows::get(row, "age")?;
    let oldest = age.map(|age| Duration::from_micros(number(age)));
    Ok(OutboxWaiting { count: number(rows::get(row, "waiting")?), oldest })
}

/// Counts and ages are no less than nothing, whatever a clock did.
fn number(n: i64) -> u64 {
    n.try_into().unwrap_or_default()
}
