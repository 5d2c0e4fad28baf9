//! The seam of records: samples and voices, every query scoped by owner, every update a compare-and-set.
use std::{fmt::Debug, num::NonZeroUsize, sync::Arc};

use async_trait::async_trait;

use crate::{
    domain::{Voice, VoiceSample},
    error::Result,
    id::{OwnerId, SampleId, VoiceId},
};

/// Which records, and from where on.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PageQuery {
    /// Whose records.
    pub owner: OwnerId,
    /// The [`Page::next`] of the page before.
    pub after: Option<String>,
    /// The most records of a page, at least 1.
    pub limit: usize,
}

impl PageQuery {
    /// The first 100 records of `owner`.
    pub fn of(owner: OwnerId) -> Self {
        Self { owner, after: None, limit: 100 }
    }

    /// Another page size; 0 counts as 1.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit.max(1);
        self
    }

    /// From where the page before ended.
    #[must_use]
    pub fn after(mut self, cursor: Option<String>) -> Self {
        self.after = cursor;
        self
    }
}

/// Some records, oldest first by id, and where the rest begins. A record inserted while paging neither repeats nor hides
/// another.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Page<T> {
    /// The records.
    pub items: Vec<T>,
    /// The cursor of the next page; `None` at the end.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// One page.
    pub fn new(items: Vec<T>, next: Option<String>) -> Self {
        Self { items, next }
    }
}

/// Keeps samples and voices. A record of another owner is `NotFound`, like one that does not exist. Deleted records stay
/// readable by id, as tombstones, and are left out of pages. Every field is kept as given, times to the microsecond.
///
/// # Cancel safety
/// Dropping a write leaves its outcome unknown; the compare-and-set makes repeating it safe.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait Catalog: Debug + Send + Sync + 'static {
    /// Keeps a new sample.
    ///
    /// # Errors
    /// `AlreadyExists` if the id is taken.
    async fn insert_sample(&self, sample: &VoiceSample) -> Result<()>;

    /// One sample.
    ///
    /// # Errors
    /// `NotFound`.
    async fn sample(&self, owner: &OwnerId, id: SampleId) -> Result<VoiceSample>;

    /// The owner's samples.
    ///
    /// # Errors
    /// `InvalidInput` for a cursor that no page gave.
    async fn samples(&self, query: &PageQuery) -> Result<Page<VoiceSample>>;

    /// Replaces the sample whose version is `sample.version`, and returns it with the next one.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` if another version is kept, or if its state is to change and cannot become the new one.
    async fn update_sample(&self, sample: &VoiceSample) -> Result<VoiceSample>;

    /// Keeps a new voice.
    ///
    /// # Errors
    /// `AlreadyExists` if the id is taken.
    async fn insert_voice(&self, voice: &Voice) -> Result<()>;

    /// One voice.
    ///
    /// # Errors
    /// `NotFound`.
    async fn voice(&self, owner: &OwnerId, id: VoiceId) -> Result<Voice>;

    /// The owner's voices.
    ///
    /// # Errors
    /// `InvalidInput` for a cursor that no page gave.
    async fn voices(&self, query: &PageQuery) -> Result<Page<Voice>>;

    /// Replaces the voice whose version is `voice.version`, and returns it with the next one.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` if another version is kept, or if the kept voice is deleted and the new one is not.
    async fn update_voice(&self, voice: &Voice) -> Result<Voice>;

    /// Up to `limit` owners of samples, deleted ones too, in the order of their ids' bytes, from after `after` on. For
    /// housekeeping: nothing that answers a request may call it.
    ///
    /// # Errors
    /// `Unavailable` if the store fails.
    async fn owners(&self, after: Option<OwnerId>, limit: NonZeroUsize) -> Result<Vec<OwnerId>>;

    /// Whose voice this is, deleted or not. For housekeeping, which meets the voice's name at a provider: nothing that
    /// answers a request may call it.
    ///
    /// # Errors
    /// `NotFound`.
    async fn voice_owner(&self, id: VoiceId) -> Result<OwnerId>;
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<T: Catalog + ?Sized> Catalog for Arc<T> {
    async fn insert_sample(&self, sample: &VoiceSample) -> Result<()> {
        (**self).insert_sample(sample).await
    }

    async fn sample(&self, owner: &OwnerId, id: SampleId) -> Result<VoiceSample> {
        (**self).sample(owner, id).await
    }

    async fn samples(&self, query: &PageQuery) -> Result<Page<VoiceSample>> {
        (**self).samples(query).await
    }

    async fn update_sample(&self, sample: &VoiceSample) -> Result<VoiceSample> {
        (**self).update_sample(sample).await
    }

    async fn insert_voice(&self, voice: &Voice) -> Result<()> {
        (**self).insert_voice(voice).await
    }

    async fn voice(&self, owner: &OwnerId, id: VoiceId) -> Result<Voice> {
        (**self).voice(owner, id).await
    }

    async fn voices(&self, query: &PageQuery) -> Result<Page<Voice>> {
        (**self).voices(query).await
    }

    async fn update_voice(&self, voice: &Voice) -> Result<Voice> {
        (**self).update_voice(voice).await
    }

    async fn owners(&self, after: Option<OwnerId>, limit: NonZeroUsize) -> Result<Vec<OwnerId>> {
        (**self).owners(after, limit).await
    }

    async fn voice_owner(&self, id: VoiceId) -> Result<OwnerId> {
        (**self).voice_owner(id).await
    }
}
