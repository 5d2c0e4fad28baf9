//! Samples and voices in two maps of one shape.
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    num::NonZeroUsize,
    ops::Bound,
    str::FromStr,
    sync::Mutex,
};

use async_trait::async_trait;

use super::lock;
use crate::{
    domain::{SampleState, Version, Voice, VoiceSample, VoiceState},
    error::{Error, ErrorKind, Result},
    id::{OwnerId, SampleId, VoiceId},
    store::{Catalog, Page, PageQuery},
};

/// Keeps samples and voices in memory, without a bound.
#[derive(Default)]
pub struct MemoryCatalog {
    samples: Mutex<Table<VoiceSample>>,
    voices: Mutex<Table<Voice>>,
}

impl MemoryCatalog {
    /// An empty catalog.
    pub fn new() -> Self {
        Self::default()
    }
}

impl fmt::Debug for MemoryCatalog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemoryCatalog({} samples, {} voices)", lock(&self.samples).0.len(), lock(&self.voices).0.len())
    }
}

/// What the catalog needs to know of a record.
trait Record: Clone {
    const WHAT: &'static str;
    type Id: Copy + Ord + fmt::Display + FromStr<Err = Error>;

    fn id(&self) -> Self::Id;
    fn owner(&self) -> &OwnerId;
    fn version(&mut self) -> &mut Version;
    fn is_deleted(&self) -> bool;
    fn may_become(&self, next: &Self) -> bool;
}

impl Record for VoiceSample {
    const WHAT: &'static str = "sample";
    type Id = SampleId;

    fn id(&self) -> SampleId {
        self.id
    }

    fn owner(&self) -> &OwnerId {
        &self.owner
    }

    fn version(&mut self) -> &mut Version {
        &mut self.version
    }

    fn is_deleted(&self) -> bool {
        self.state() == SampleState::Deleted
    }

    fn may_become(&self, next: &Self) -> bool {
        self.state() == next.state() || self.state().can_become(next.state())
    }
}

impl Record for Voice {
    const WHAT: &'static str = "voice";
    type Id = VoiceId;

    fn id(&self) -> VoiceId {
        self.id
    }

    fn owner(&self) -> &OwnerId {
        &self.owner
    }

    fn version(&mut self) -> &mut Version {
        &mut self.version
    }

    fn is_deleted(&self) -> bool {
        self.state() == VoiceState::Deleted
    }

    fn may_become(&self, next: &Self) -> bool {
        next.is_deleted() || !self.is_deleted()
    }
}

struct Table<R: Record>(BTreeMap<R::Id, R>);

impl<R: Record> Default for Table<R> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<R: Record> Table<R> {
    fn insert(&mut self, record: &R) -> Result<()> {
        if self.0.contains_key(&record.id()) {
            let message = format!("there is a {} of this id", R::WHAT);
            return Err(Error::new(ErrorKind::AlreadyExists, message).with(R::WHAT, record.id()));
        }
        self.0.insert(record.id(), record.clone());
        Ok(())
    }

    fn get(&self, owner: &OwnerId, id: R::Id) -> Result<R> {
        let found = self.0.get(&id).filter(|record| record.owner() == owner);
        found.cloned().ok_or_else(|| Error::not_found(R::WHAT, id))
    }

    fn page(&self, query: &PageQuery) -> Result<Page<R>> {
        let after = match &query.after {
            Some(cursor) => Bound::Excluded(cursor.parse::<R::Id>()?),
            None => Bound::Unbounded,
        };
        let limit = query.limit.max(1);
        let theirs = |record: &&R| *record.owner() == query.owner && !record.is_deleted();
        let mut rest = self.0.range((after, Bound::Unbounded)).map(|(_, record)| record).filter(theirs);
        let items: Vec<R> = rest.by_ref().take(limit).cloned().collect();
        let next = rest.next().and(items.last()).map(|last| last.id().to_string());
        Ok(Page::new(items, next))
    }

    fn update(&mut self, record: &R) -> Result<R> {
        let mut kept = self.get(record.owner(), record.id())?;
        let mut next = record.clone();
        if kept.version() != next.version() {
            return Err(conflict::<R>("was changed by somebody else", record));
        }
        if !kept.may_become(record) {
            return Err(conflict::<R>("cannot change its state so", record));
        }
        *next.version() = kept.version().next();
        self.0.insert(next.id(), next.clone());
        Ok(next)
    }
}

fn conflict<R: Record>(why: &str, record: &R) -> Error {
    Error::new(ErrorKind::Conflict, format!("the {} {why}", R::WHAT)).with(R::WHAT, record.id())
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl Catalog for MemoryCatalog {
    async fn insert_sample(&self, sample: &VoiceSample) -> Result<()> {
        lock(&self.samples).insert(sample)
    }

    async fn sample(&self, owner: &OwnerId, id: SampleId) -> Result<VoiceSample> {
        lock(&self.samples).get(owner, id)
    }

    async fn samples(&self, query: &PageQuery) -> Result<Page<VoiceSample>> {
        lock(&self.samples).page(query)
    }

    async fn update_sample(&self, sample: &VoiceSample) -> Result<VoiceSample> {
        lock(&self.samples).update(sample)
    }

    async fn insert_voice(&self, voice: &Voice) -> Result<()> {
        lock(&self.voices).insert(voice)
    }

    async fn voice(&self, owner: &OwnerId, id: VoiceId) -> Result<Voice> {
        lock(&self.voices).get(owner, id)
    }

    async fn voices(&self, query: &PageQuery) -> Result<Page<Voice>> {
        lock(&self.voices).page(query)
    }

    async fn update_voice(&self, voice: &Voice) -> Result<Voice> {
        lock(&self.voices).update(voice)
    }

    async fn owners(&self, after: Option<OwnerId>, limit: NonZeroUsize) -> Result<Vec<OwnerId>> {
        let samples = lock(&self.samples);
        let later = samples.0.values().map(VoiceSample::owner).filter(|owner| Some(*owner) > after.as_ref());
        Ok(later.collect::<BTreeSet<_>>().into_iter().take(limit.get()).cloned().collect())
    }

    async fn voice_owner(&self, id: VoiceId) -> Result<OwnerId> {
        let voices = lock(&self.voices);
        voices.0.get(&id).map(|voice| voice.owner.clone()).ok_or_else(|| Error::not_found("voice", id))
    }
}
