//! The seam of speech: what a provider says it can do, what it is asked, and the traits it implements.
//!
//! The engine drives: it checks the request against [`SynthesizerInfo`], calls [`Synthesizer::synthesize`] and pulls the
//! [`SynthesisStream`]. Dropping the stream cancels. After an error the stream has ended; the engine decides whether to
//! ask again.
use std::{fmt::Debug, ops::RangeInclusive, sync::Arc};

use async_trait::async_trait;

use crate::{
    audio::{AudioFormat, EncodedAudio},
    consent::Permit,
    domain::ClipProfile,
    error::Result,
    id::{Fingerprint, ProviderId, ProviderVoiceId},
    speak::Utterance,
    stream::SynthesisStream,
};

/// What a synthesizer can do. Whatever it denies is refused before the call, so nothing is silently ignored.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
#[expect(clippy::struct_excessive_bools, reason = "independent abilities, each of its own name")]
pub struct SynthesisCapability {
    /// Speaks in a voice the provider knows by id.
    pub voice_by_id: bool,
    /// Speaks in the voice of clips that come with the request.
    pub voice_by_reference: bool,
    /// Audio arrives while it is being made, not all at the end.
    pub streaming: bool,
    /// Takes text piece by piece ([`Synthesizer::open_session`]).
    pub sessions: bool,
    /// Says when each word is spoken.
    pub alignment: bool,
    /// The same request with the same seed gives the same samples.
    pub deterministic: bool,
    /// Speaking rates it takes; `None` if it has only its own.
    pub speed: Option<RangeInclusive<f32>>,
    /// The longest text of one request, in Unicode scalar values.
    pub max_text_chars: usize,
    /// Formats it streams, the preferred one first.
    pub formats: Vec<AudioFormat>,
    /// BCP 47 tags it speaks, such as `en` or `pt-BR`; empty if it takes any.
    pub languages: Vec<String>,
}

impl Default for SynthesisCapability {
    /// Nothing beyond a text of 4,096 characters.
    fn default() -> Self {
        Self {
            voice_by_id: false,
            voice_by_reference: false,
            streaming: false,
            sessions: false,
            alignment: false,
            deterministic: false,
            speed: None,
            max_text_chars: 4096,
            formats: Vec::new(),
            languages: Vec::new(),
        }
    }
}

/// Who a synthesizer is and what it can do.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SynthesizerInfo {
    /// The provider's name in logs and metrics, such as `cartesia`.
    pub name: String,
    /// The model, where there are several.
    pub model: Option<String>,
    /// Names the account without giving the key away; empty where there is none. Part of every binding's key.
    pub account: String,
    /// What it can do.
    pub capability: SynthesisCapability,
    /// What it wants of a reference clip.
    pub clip: ClipProfile,
}

impl SynthesizerInfo {
    /// A provider of this name that can do nothing yet.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            model: None,
            account: String::new(),
            capability: SynthesisCapability::default(),
            clip: ClipProfile::master(),
        }
    }

    /// Names the model.
    #[must_use]
    pub fn with_model(mut self, model: impl Into<String>) -> Self {
        self.model = Some(model.into());
        self
    }

    /// Names the account, as a fingerprint.
    #[must_use]
    pub fn with_account(mut self, account: impl Into<String>) -> Self {
        self.account = account.into();
        self
    }

    /// Says what it wants of a reference clip.
    #[must_use]
    pub fn with_clip(mut self, clip: ClipProfile) -> Self {
        self.clip = clip;
        self
    }

    /// Says what it can do.
    #[must_use]
    pub fn with_capability(mut self, set: impl FnOnce(&mut SynthesisCapability)) -> Self {
        set(&mut self.capability);
        self
    }
}

/// The voice as a provider takes it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum VoiceRef {
    /// A voice the provider knows.
    Provider(ProviderVoiceId),
    /// Clips of the person, prepared as the provider's [`ClipProfile`] asks.
    Reference(ReferenceVoice),
}

impl VoiceRef {
    /// Equal for the same voice made from the same recordings.
    pub fn fingerprint(&self) -> Fingerprint {
        match self {
            Self::Provider(id) => Fingerprint::of([b"provider".as_slice(), id.as_str().as_bytes()]),
            Self::Reference(voice) => voice.fingerprint.clone(),
        }
    }
}

/// Clips that carry a voice.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ReferenceVoice {
    /// At least one clip; WAV, in memory or in a file.
    pub clips: Arc<[EncodedAudio]>,
    /// Names the clips and how they were prepared: what a provider derives from them may be cached under it.
    pub fingerprint: Fingerprint,
}

impl ReferenceVoice {
    /// A voice of these clips.
    pub fn new(clips: impl Into<Arc<[EncodedAudio]>>, fingerprint: Fingerprint) -> Self {
        Self { clips: clips.into(), fingerprint }
    }
}

/// One request to a provider. Cheap to clone, because a retry sends it again.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SynthesisRequest {
    permit: Permit,
    /// In whose voice.
    pub voice: VoiceRef,
    /// What is said and how; its text is within the provider's limit.
    pub utterance: Utterance,
    /// What the stream is to carry: one of the provider's formats.
    pub format: AudioFormat,
}

impl SynthesisRequest {
    /// A request under `permit`. There is no other constructor: no consent, no speech.
    pub fn new(permit: Permit, voice: VoiceRef, utterance: Utterance, format: AudioFormat) -> Self {
        Self { permit, voice, utterance, format }
    }

    /// Under which consents.
    pub fn permit(&self) -> &Permit {
        &self.permit
    }

    /// The text.
    pub fn text(&self) -> &str {
        self.utterance.text.as_str()
    }

    /// The settings meant for `provider`, read strictly.
    ///
    /// # Errors
    /// `InvalidInput` if they do not have the form the provider documents.
    pub fn options<T: serde::de::DeserializeOwned>(&self, provider: &ProviderId) -> Result<Option<T>> {
        let settings = self.utterance.options.get(provider);
        settings.map(|v| T::deserialize(v)).transpose().map_err(|e| {
            crate::Error::invalid(format!("the options for {provider} cannot be used: {e}")).during("options")
        })
    }
}

/// Speaks text. The seam that every speech provider implements.
///
/// # Cancel safety
/// Dropping the future or the stream stops the work and frees what it held; nothing is left running.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait Synthesizer: Debug + Send + Sync + 'static {
    /// Who this is and what it can do. The same answer every time.
    fn info(&self) -> &SynthesizerInfo;

    /// Speaks one text.
    ///
    /// # Errors
    /// `InvalidInput` for a text it cannot speak, `NotFound` for a voice it does not know (the engine then makes the
    /// clone anew), `Unsupported` for what the capability denies; otherwise whatever the provider answered.
    async fn synthesize(&self, request: &SynthesisRequest) -> Result<SynthesisStream>;

    /// Opens a session that takes its text piece by piece. `request` gives the voice and the manner; its text is the
    /// first piece.
    ///
    /// # Errors
    /// As [`Synthesizer::synthesize`]; `Unsupported` unless the capability has sessions.
    async fn open_session(&self, request: &SynthesisRequest) -> Result<Box<dyn SpeechSession>>;
}

/// Text in, piece by piece; audio out.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait SpeechSession: Debug + Send + 'static {
    /// Adds text.
    ///
    /// # Errors
    /// `InvalidInput` for text it cannot speak; otherwise whatever the provider answered.
    async fn push(&mut self, text: &str) -> Result<()>;

    /// Says that there is no more text, and hands over the audio of all of it.
    ///
    /// # Errors
    /// Whatever the provider answered.
    async fn finish(self: Box<Self>) -> Result<SynthesisStream>;
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<T: Synthesizer + ?Sized> Synthesizer for Arc<T> {
    fn info(&self) -> &SynthesizerInfo {
        (**self).info()
    }

    async fn synthesize(&self, request: &SynthesisRequest) -> Result<SynthesisStream> {
        (**self).synthesize(request).await
    }

    async fn open_session(&self, request: &SynthesisRequest) -> Result<Box<dyn SpeechSession>> {
        (**self).open_session(request).await
    }
}
