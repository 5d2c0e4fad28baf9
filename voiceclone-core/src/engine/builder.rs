//! Puts an engine together and refuses what cannot work, before the first request.
use std::{sync::Arc, time::Duration};

use super::{
    Engine, Parts,
    enroll::Enrolments,
    resolve::ClipCache,
    route::{Plugged, raw_format},
};
use crate::{
    audio::{Container, DecodeLimits},
    cloner::VoiceCloner,
    consent::ConsentPolicy,
    error::{Error, ErrorKind, Result},
    id::ProviderId,
    layers::{Layer, ProviderPolicy, SpeechCache, TracingObserver},
    mark::{Marker, MetadataMarker},
    memory::{MemoryBlobs, MemoryCatalog, MemoryJobs},
    observe::Observer,
    preprocess::Preprocessor,
    store::{BlobStore, Catalog, JobStore},
    synth::Synthesizer,
    text::MAX_TEXT_CHARS,
};

/// One provider to plug in: who speaks, who enrols if anybody must, and how calls to it are guarded.
#[derive(Debug, Clone)]
pub struct Provider {
    id: ProviderId,
    synthesizer: Arc<dyn Synthesizer>,
    cloner: Option<Arc<dyn VoiceCloner>>,
    preprocessor: Option<Arc<dyn Preprocessor>>,
    policy: ProviderPolicy,
}

impl Provider {
    /// A provider under the application's own name for it.
    ///
    /// # Errors
    /// `InvalidInput` for a name that [`ProviderId::new`] refuses.
    pub fn new(id: impl AsRef<str>, synthesizer: impl Synthesizer) -> Result<Self> {
        Ok(Self {
            id: ProviderId::new(id)?,
            synthesizer: Arc::new(synthesizer),
            cloner: None,
            preprocessor: None,
            policy: ProviderPolicy::default(),
        })
    }

    /// Who makes the voice there.
    #[must_use]
    pub fn with_cloner(mut self, cloner: impl VoiceCloner) -> Self {
        self.cloner = Some(Arc::new(cloner));
        self
    }

    /// Who prepares clips for it, if not the engine's own preprocessor.
    #[must_use]
    pub fn with_preprocessor(mut self, preprocessor: impl Preprocessor) -> Self {
        self.preprocessor = Some(Arc::new(preprocessor));
        self
    }

    /// Timeouts, retries and limits other than the defaults.
    #[must_use]
    pub fn with_policy(mut self, policy: ProviderPolicy) -> Self {
        self.policy = policy;
        self
    }
}

/// What an engine takes and how it works.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct EngineLimits {
    /// Bounds on uploads: 50 MiB, 1 s to 10 min.
    pub decode: DecodeLimits,
    /// The longest text, in characters: 200,000.
    pub max_text_chars: usize,
    /// Sentences are packed into segments of up to this many characters: 250.
    pub segment_chars: usize,
    /// Segments spoken ahead of the one that is heard or written: 2.
    pub look_ahead: usize,
    /// Times a segment of a job is asked for, each with the provider's own retries, before the attempt is given up: 2.
    pub segment_attempts: u32,
    /// The most audio of one segment, in bytes: 64 MiB.
    pub segment_bytes: usize,
    /// How long an enrolment with an unknown outcome is left alone before it is tried again: 2 min.
    pub enrolment_patience: Duration,
}

impl Default for EngineLimits {
    fn default() -> Self {
        Self {
            decode: DecodeLimits::default(),
            max_text_chars: MAX_TEXT_CHARS,
            segment_chars: 250,
            look_ahead: 2,
            segment_attempts: 2,
            segment_bytes: 64 << 20,
            enrolment_patience: Duration::from_mins(2),
        }
    }
}

impl EngineLimits {
    /// The defaults, changed.
    #[must_use]
    pub fn with(mut self, set: impl FnOnce(&mut Self)) -> Self {
        set(&mut self);
        self
    }
}

/// Builds an [`Engine`]. Without stores it keeps everything in memory.
#[derive(Debug, Default)]
pub struct EngineBuilder {
    providers: Vec<Provider>,
    preprocessor: Option<Arc<dyn Preprocessor>>,
    blobs: Option<Arc<dyn BlobStore>>,
    catalog: Option<Arc<dyn Catalog>>,
    jobs: Option<Arc<dyn JobStore>>,
    marker: Option<Arc<dyn Marker>>,
    observer: Option<Arc<dyn Observer>>,
    consent: ConsentPolicy,
    cache: bool,
    limits: EngineLimits,
    layers: Vec<Arc<dyn Layer>>,
}

impl EngineBuilder {
    /// Plugs in a provider. The first is used where a request names none; the others stand in for it.
    #[must_use]
    pub fn provider(mut self, provider: Provider) -> Self {
        self.providers.push(provider);
        self
    }

    /// Who cleans recordings.
    #[must_use]
    pub fn preprocessor(mut self, preprocessor: impl Preprocessor) -> Self {
        self.preprocessor = Some(Arc::new(preprocessor));
        self
    }

    /// Where bytes are kept.
    #[must_use]
    pub fn blobs(mut self, blobs: impl BlobStore) -> Self {
        self.blobs = Some(Arc::new(blobs));
        self
    }

    /// Where samples and voices are kept.
    #[must_use]
    pub fn catalog(mut self, catalog: impl Catalog) -> Self {
        self.catalog = Some(Arc::new(catalog));
        self
    }

    /// Where jobs are queued.
    #[must_use]
    pub fn jobs(mut self, jobs: impl JobStore) -> Self {
        self.jobs = Some(Arc::new(jobs));
        self
    }

    /// Who marks speech as synthetic, if not [`MetadataMarker`].
    #[must_use]
    pub fn marker(mut self, marker: impl Marker) -> Self {
        self.marker = Some(Arc::new(marker));
        self
    }

    /// Who watches, if not [`TracingObserver`].
    #[must_use]
    pub fn observer(mut self, observer: impl Observer) -> Self {
        self.observer = Some(Arc::new(observer));
        self
    }

    /// What consent must look like.
    #[must_use]
    pub fn consent_policy(mut self, policy: ConsentPolicy) -> Self {
        self.consent = policy;
        self
    }

    /// What is taken and how it is worked on.
    #[must_use]
    pub fn limits(mut self, limits: EngineLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Keeps spoken segments in the blob store and answers equal requests from there.
    #[must_use]
    pub fn cache_speech(mut self) -> Self {
        self.cache = true;
        self
    }

    /// Adds a layer around every provider, outside those of its policy; the last added is the outermost.
    #[must_use]
    pub fn layer(mut self, layer: impl Layer) -> Self {
        self.layers.push(Arc::new(layer));
        self
    }

    /// Builds it.
    ///
    /// # Errors
    /// `Config` if there is no provider or no preprocessor, two providers share a name, one offers no 16-bit PCM to join
    /// speech from, or one can be given a voice neither by clip nor, through a cloner, by id.
    pub fn build(self) -> Result<Engine> {
        let preprocessor = self.preprocessor.ok_or_else(|| config("an engine needs a preprocessor"))?;
        if self.providers.is_empty() {
            return Err(config("an engine needs at least one provider"));
        }
        let preprocessor = wrap(&self.layers, preprocessor, |layer, inner| layer.preprocessor(inner));
        let blobs = self.blobs.unwrap_or_else(|| Arc::new(MemoryBlobs::default()));
        let blobs = wrap(&self.layers, blobs, |layer, inner| layer.blobs(inner));
        let mut providers: Vec<Plugged> = Vec::new();
        for provider in self.providers {
            if providers.iter().any(|p| p.id == provider.id) {
                return Err(config(format!("two providers are named {}", provider.id)));
            }
            providers.push(plug(provider, &preprocessor, &self.layers)?);
        }
        Ok(Engine(Arc::new(Parts {
            providers,
            preprocessor,
            cache: self.cache.then(|| SpeechCache::new(Arc::clone(&blobs))),
            blobs,
            catalog: self.catalog.unwrap_or_else(|| Arc::new(MemoryCatalog::default())),
            jobs: self.jobs.unwrap_or_else(|| Arc::new(MemoryJobs::default())),
            marker: self.marker.unwrap_or_else(|| Arc::new(MetadataMarker)),
            observer: self.observer.unwrap_or_else(|| Arc::new(TracingObserver)),
            consent: self.consent,
            limits: self.limits,
            clips: ClipCache::default(),
            enrolments: Enrolments::default(),
        })))
    }
}

impl Engine {
    /// An engine to be put together.
    pub fn builder() -> EngineBuilder {
        EngineBuilder::default()
    }
}

fn config(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Config, message)
}

fn wrap<T>(layers: &[Arc<dyn Layer>], inner: T, hook: impl Fn(&dyn Layer, T) -> T) -> T {
    layers.iter().fold(inner, |inner, layer| hook(layer.as_ref(), inner))
}

fn plug(provider: Provider, preprocessor: &Arc<dyn Preprocessor>, layers: &[Arc<dyn Layer>]) -> Result<Plugged> {
    let can = &provider.synthesizer.info().capability;
    let by_id = can.voice_by_id && provider.cloner.is_some();
    if !(can.voice_by_reference || by_id) {
        return Err(config(format!(
            "{} takes no reference clip, and no cloner makes voices it knows by id: it could speak in no voice of ours",
            provider.id
        )));
    }
    let synthesizer = provider.policy.assemble(provider.synthesizer);
    let cloner = provider.cloner.map(|cloner| provider.policy.assemble_cloner(cloner));
    let plugged = Plugged {
        synthesizer: wrap(layers, synthesizer, |layer, inner| layer.synthesizer(inner)),
        cloner: cloner.map(|cloner| wrap(layers, cloner, |layer, inner| layer.cloner(inner))),
        preprocessor: provider.preprocessor.unwrap_or_else(|| Arc::clone(preprocessor)),
        id: provider.id,
    };
    raw_format(&plugged, None, Container::Wav).map_err(|e| config(e.message()))?;
    Ok(plugged)
}
