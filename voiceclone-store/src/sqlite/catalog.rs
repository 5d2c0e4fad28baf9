//! Samples and voices as documents in two tables of one shape. Knows nothing of jobs.
use std::{fmt, num::NonZeroUsize, str::FromStr};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::{Serialize, de::DeserializeOwned};
use voiceclone_core::{
    Error, ErrorKind, Result,
    domain::{SampleState, Version, Voice, VoiceSample, VoiceState},
    id::{OwnerId, SampleId, VoiceId},
    store::{Catalog, Page, PageQuery},
};

use super::{
    SqliteStore, rows,
    sql::{self, RecordSql},
};

/// What samples and voices have in common.
trait Record: Clone + Serialize + DeserializeOwned + Send + Sync {
    type Id: fmt::Display + FromStr<Err = Error> + Copy + Send + Sync;
    type State: Serialize + Send;
    const WHAT: &'static str;
    const SQL: RecordSql;

    fn id(&self) -> Self::Id;
    fn owner(&self) -> &OwnerId;
    fn version(&mut self) -> &mut Version;
    /// When it was made, and when it last changed.
    fn times(&self) -> [DateTime<Utc>; 2];
    /// The kept states that this record may replace.
    fn origins(&self) -> Vec<Self::State>;
}

impl Record for VoiceSample {
    type Id = SampleId;
    type State = SampleState;
    const WHAT: &'static str = "sample";
    const SQL: RecordSql = sql::SAMPLES;

    fn id(&self) -> SampleId {
        self.id
    }

    fn owner(&self) -> &OwnerId {
        &self.owner
    }

    fn version(&mut self) -> &mut Version {
        &mut self.version
    }

    fn times(&self) -> [DateTime<Utc>; 2] {
        [self.created_at, self.updated_at]
    }

    fn origins(&self) -> Vec<SampleState> {
        let state = self.state();
        SampleState::ALL.into_iter().filter(|kept| *kept == state || kept.can_become(state)).collect()
    }
}

impl Record for Voice {
    type Id = VoiceId;
    type State = VoiceState;
    const WHAT: &'static str = "voice";
    const SQL: RecordSql = sql::VOICES;

    fn id(&self) -> VoiceId {
        self.id
    }

    fn owner(&self) -> &OwnerId {
        &self.owner
    }

    fn version(&mut self) -> &mut Version {
        &mut self.version
    }

    fn times(&self) -> [DateTime<Utc>; 2] {
        [self.created_at, self.updated_at]
    }

    fn origins(&self) -> Vec<VoiceState> {
        match self.state() {
            VoiceState::Deleted => vec![VoiceState::Active, VoiceState::Deleted],
            _ => vec![VoiceState::Active],
        }
    }
}

impl SqliteStore {
    async fn insert<R: Record>(&self, record: &R) -> Result<()> {
        let version = record.clone().version().0;
        let [created, updated] = record.times();
        let statement = sqlx::query(R::SQL.insert)
            .bind(record.id().to_string())
            .bind(record.owner().to_string())
            .bind(rows::count(version))
            .bind(rows::to_json(record)?)
            .bind(created.timestamp_millis())
            .bind(updated.timestamp_millis());
        if self.write(statement).await?.is_empty() {
            let message = format!("there is a {} of this id", R::WHAT);
            return Err(Error::new(ErrorKind::AlreadyExists, message).with(R::WHAT, record.id()));
        }
        Ok(())
    }

    async fn record<R: Record>(&self, owner: &OwnerId, id: R::Id) -> Result<R> {
        let found = self.read(sqlx::query(R::SQL.get).bind(id.to_string()).bind(owner.to_string())).await?;
        let row = found.first().ok_or_else(|| Error::not_found(R::WHAT, id))?;
        rows::json(row, "record")
    }

    async fn page<R: Record>(&self, query: &PageQuery) -> Result<Page<R>> {
        let after = cursor::<R::Id>(query.after.as_deref())?;
        let limit = query.limit.max(1);
        let statement = sqlx::query(R::SQL.page)
            .bind(query.owner.to_string())
            .bind(after)
            .bind(rows::count(limit).saturating_add(1));
        let found = self.read(statement).await?;
        let records = found.iter().map(|row| rows::json(row, "record")).collect::<Result<Vec<R>>>()?;
        Ok(page_of(records, limit, R::id))
    }

    async fn update<R: Record>(&self, record: &R) -> Result<R> {
        let mut next = record.clone();
        let version = *next.version();
        *next.version() = version.next();
        let [_, updated] = record.times();
        let statement = sqlx::query(R::SQL.update)
            .bind(record.id().to_string())
            .bind(record.owner().to_string())
            .bind(rows::count(version.0))
            .bind(rows::to_json(&next)?)
            .bind(updated.timestamp_millis())
            .bind(rows::to_json(&record.origins())?);
        if !self.write(statement).await?.is_empty() {
            return Ok(next);
        }
        let mut kept: R = self.record(record.owner(), record.id()).await?;
        let why =
            if *kept.version() == version { "cannot change its state so" } else { "was changed by somebody else" };
        Err(Error::new(ErrorKind::Conflict, format!("the {} {why}", R::WHAT)).with(R::WHAT, record.id()))
    }
}

/// Where a page begins, which is after the id that its cursor is; every id is greater than no id.
pub(super) fn cursor<Id: FromStr<Err = Error> + fmt::Display>(after: Option<&str>) -> Result<String> {
    let id = after.map(str::parse::<Id>).transpose()?;
    Ok(id.map(|id| id.to_string()).unwrap_or_default())
}

/// One page of the records found, of which there is one more than asked if there are more.
pub(super) fn page_of<T, Id: fmt::Display>(mut found: Vec<T>, limit: usize, id: impl Fn(&T) -> Id) -> Page<T> {
    let has_more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| has_more).map(|last| id(last).to_string());
    Page::new(found, next)
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl Catalog for SqliteStore {
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
        let found = self.read(sqlx::query(sql::OWNERS).bind(after).bind(rows::count(limit.get()))).await?;
        found.iter().map(|row| rows::parse(row, "user_id")).collect()
    }

    async fn voice_owner(&self, id: VoiceId) -> Result<OwnerId> {
        let found = self.read(sqlx::query(sql::VOICE_OWNER).bind(id.to_string())).await?;
        found.first().map_or_else(|| Err(Error::not_found("voice", id)), |row| rows::parse(row, "user_id"))
    }
}
