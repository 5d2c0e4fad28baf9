//! A catalog that fails when it is told to.
use std::{num::NonZeroUsize, sync::Arc};

use async_trait::async_trait;

use super::{Faults, StoreFault, When};
use crate::{
    domain::{Voice, VoiceSample},
    error::Result,
    id::{OwnerId, SampleId, VoiceId},
    store::{Catalog, Page, PageQuery},
};

/// A catalog and a plan of what goes wrong, by verb: each method's name. The text of a plan is the record's id, the owner
/// for a page. Clones share the plan.
#[derive(Debug, Clone)]
pub struct FlakyCatalog {
    inner: Arc<dyn Catalog>,
    faults: Arc<Faults>,
}

impl FlakyCatalog {
    /// Fails at nothing yet.
    pub fn new(inner: impl Catalog) -> Self {
        let samples = ["insert_sample", "sample", "samples", "update_sample"];
        let voices = ["insert_voice", "voice", "voices", "update_voice"];
        let keeping = ["owners", "voice_owner"];
        let verbs = [samples.as_slice(), &voices, &keeping].concat();
        Self { inner: Arc::new(inner), faults: Arc::new(Faults::of(&verbs)) }
    }

    /// Plans a fault.
    ///
    /// # Panics
    /// For a verb there is not.
    pub fn plan(&self, verb: &str, when: When, fault: StoreFault) {
        self.faults.plan(verb, when, fault);
    }

    /// How often a verb was called.
    pub fn calls(&self, verb: &str) -> usize {
        self.faults.calls(verb)
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl Catalog for FlakyCatalog {
    async fn insert_sample(&self, sample: &VoiceSample) -> Result<()> {
        self.faults.around("insert_sample", &sample.id.to_string(), self.inner.insert_sample(sample)).await
    }

    async fn sample(&self, owner: &OwnerId, id: SampleId) -> Result<VoiceSample> {
        self.faults.around("sample", &id.to_string(), self.inner.sample(owner, id)).await
    }

    async fn samples(&self, query: &PageQuery) -> Result<Page<VoiceSample>> {
        self.faults.around("samples", query.owner.as_str(), self.inner.samples(query)).await
    }

    async fn update_sample(&self, sample: &VoiceSample) -> Result<VoiceSample> {
        self.faults.around("update_sample", &sample.id.to_string(), self.inner.update_sample(sample)).await
    }

    async fn insert_voice(&self, voice: &Voice) -> Result<()> {
        self.faults.around("insert_voice", &voice.id.to_string(), self.inner.insert_voice(voice)).await
    }

    async fn voice(&self, owner: &OwnerId, id: VoiceId) -> Result<Voice> {
        self.faults.around("voice", &id.to_string(), self.inner.voice(owner, id)).await
    }

    async fn voices(&self, query: &PageQuery) -> Result<Page<Voice>> {
        self.faults.around("voices", query.owner.as_str(), self.inner.voices(query)).await
    }

    async fn update_voice(&self, voice: &Voice) -> Result<Voice> {
        self.faults.around("update_voice", &voice.id.to_string(), self.inner.update_voice(voice)).await
    }

    async fn owners(&self, after: Option<OwnerId>, limit: NonZeroUsize) -> Result<Vec<OwnerId>> {
        self.faults.around("owners", "", self.inner.owners(after, limit)).await
    }

    async fn voice_owner(&self, id: VoiceId) -> Result<OwnerId> {
        self.faults.around("voice_owner", &id.to_string(), self.inner.voice_owner(id)).await
    }
}
