//! Samples and voices as documents in two tables of one shape. Knows nothing of jobs.
use std::num::NonZeroUsize;

use async_trait::async_trait;
use serde_json::Value;
use voiceclone_core::{
    Error, Result,
    domain::{Voice, VoiceSample},
    id::{OwnerId, SampleId, VoiceId},
    store::{Catalog, Page, PageQuery},
};

use super::{
    PostgresStore, rows,
    sql::{self, RecordSql},
};
use crate::sql::{
    record::{Record, cursor, page_of},
    refuse,
    values::{count, to_json},
};

/// A record with its table here.
trait Table: Record {
    const SQL: RecordSql;
}

impl Table for VoiceSample {
    const SQL: RecordSql = sql::SAMPLES;
}

impl Table for Voice {
    const SQL: RecordSql = sql::VOICES;
}

impl PostgresStore {
    async fn insert<R: Table>(&self, record: &R) -> Result<()> {
        let version = record.clone().version().0;
        let [created, updated] = record.times();
        let statement = sqlx::query(R::SQL.insert)
            .bind(record.id().to_string())
            .bind(record.owner().as_str())
            .bind(count(version))
            .bind(to_json(record)?)
            .bind(created)
            .bind(updated);
        if self.run(statement).await?.is_empty() {
            return Err(refuse::record_id_taken(R::WHAT, record.id()));
        }
        Ok(())
    }

    async fn record<R: Table>(&self, owner: &OwnerId, id: R::Id) -> Result<R> {
        let found = self.run(sqlx::query(R::SQL.get).bind(id.to_string()).bind(owner.as_str())).await?;
        let row = found.first().ok_or_else(|| Error::not_found(R::WHAT, id))?;
        rows::json(row, "record")
    }

    async fn page<R: Table>(&self, query: &PageQuery) -> Result<Page<R>> {
        let after = cursor::<R::Id>(query.after.as_deref())?;
        let limit = query.limit.max(1);
        let statement =
            sqlx::query(R::SQL.page).bind(query.owner.as_str()).bind(after).bind(count(limit).saturating_add(1));
        let found = self.run(statement).await?;
        let records = found.iter().map(|row| rows::json(row, "record")).collect::<Result<Vec<R>>>()?;
        Ok(page_of(records, limit, R::id))
    }

    async fn update<R: Table>(&self, record: &R) -> Result<R> {
        let mut next = record.clone();
        let version = *next.version();
        *next.version() = version.next();
        let [_, updated] = record.times();
        let statement = sqlx::query(R::SQL.update)
            .bind(record.id().to_string())
            .bind(record.owner().as_str())
            .bind(count(version.0))
            .bind(to_json(&next)?)
            .bind(updated)
            .bind(origins(record)?);
        if !self.run(statement).await?.is_empty() {
            return Ok(next);
        }
        let mut kept: R = self.record(record.owner(), record.id()).await?;
        Err(refuse::not_replaced(R::WHAT, record.id(), version, *kept.version()))
    }
}

/// The names of the states that `record` may replace.
fn origins<R: Record>(record: &R) -> Result<Vec<String>> {
    let name = |state| match serde_json::to_value(state) {
        Ok(Value::String(name)) => Ok(name),
        _ => Err(Error::unexpected("a state has no name")),
    };
    record.origins().into_iter().map(name).collect()
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl Catalog for PostgresStore {
    async fn insert_sample(&self, sample: &VoiceSample) -> Result<()> {
        self.insert(sample).await
    }

    async fn sample(&self, owner: &OwnerId, id: SampleId) -> Result<VoiceSample> {
        self.record(owner, id).await
    }

    async fn samples(&self, query: &PageQuery) -> Result<Page<VoiceSample>> {
        self.page(query).await
    }

    async fn update_sample(&self, sample: &VoiceSample) -> Result<VoiceSample> {
        self.update(sample).await
    }

    async fn insert_voice(&self, voice: &Voice) -> Result<()> {
        self.insert(voice).await
    }

    async fn voice(&self, owner: &OwnerId, id: VoiceId) -> Result<Voice> {
        self.record(owner, id).await
    }

    async fn voices(&self, query: &PageQuery) -> Result<Page<Voice>> {
        self.page(query).await
    }

    async fn update_voice(&self, voice: &Voice) -> Result<Voice> {
        self.update(voice).await
    }

    async fn owners(&self, after: Option<OwnerId>, limit: NonZeroUsize) -> Result<Vec<OwnerId>> {
        let after = after.map(|owner| owner.to_string()).unwrap_or_default();
        let found = self.run(sqlx::query(sql::OWNERS).bind(after).bind(count(limit.get()))).await?;
        found.iter().map(|row| rows::parse(row, "user_id")).collect()
    }

    async fn voice_owner(&self, id: VoiceId) -> Result<OwnerId> {
        let found = self.run(sqlx::query(sql::VOICE_OWNER).bind(id.to_string())).await?;
        found.first().map_or_else(|| Err(Error::not_found("voice", id)), |row| rows::parse(row, "user_id"))
    }
}
