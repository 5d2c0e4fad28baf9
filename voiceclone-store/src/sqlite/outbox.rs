//! Messages in the table `outbox`.
use std::{num::NonZeroUsize, time::Duration};

use async_trait::async_trait;
use voiceclone_core::Result;

use super::{SqliteStore, ledger_sql as sql, rows};
use crate::{
    outbox::{Messages, Outbox, OutboxMessage, OutboxWaiting},
    sql::values::{count, to_json},
};

impl SqliteStore {
    /// The outbox of the subscriber of this name: 1 to 64 letters, digits, `.`, `_` and `-`.
    ///
    /// # Errors
    /// `InvalidInput` for another name.
    pub fn outbox(&self, subscriber: &str) -> Result<Outbox> {
        Outbox::new(self.clone(), subscriber)
    }
}

#[async_trait]
impl Messages for SqliteStore {
    async fn subscribe(&self, subscriber: &str) -> Result<()> {
        self.write(sqlx::query(sql::SUBSCRIBE).bind(subscriber.to_owned())).await.map(drop)
    }

    async fn unsubscribe(&self, subscriber: &str) -> Result<()> {
        self.write(sqlx::query(sql::UNSUBSCRIBE).bind(subscriber.to_owned())).await.map(drop)
    }

    async fn receive(&self, subscriber: &str, limit: NonZeroUsize, hide_for: Duration) -> Result<Vec<OutboxMessage>> {
        let statement =
            sqlx::query(sql::RECEIVE).bind(subscriber.to_owned()).bind(count(limit.get())).bind(rows::millis(hide_for));
        self.write(statement).await?.iter().map(rows::message).collect()
    }

    async fn acknowledge(&self, subscriber: &str, ids: &[i64]) -> Result<usize> {
        let statement = sqlx::query(sql::ACKNOWLEDGE).bind(subscriber.to_owned()).bind(to_json(ids)?);
        Ok(self.write(statement).await?.len())
    }

    async fn waiting(&self, subscriber: &str) -> Result<Option<OutboxWaiting>> {
        let found = self.read(sqlx::query(sql::WAITING).bind(subscriber.to_owned())).await?;
        found.first().map(rows::waiting).transpose()
    }
}
