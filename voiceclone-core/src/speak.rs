//! What an application asks to hear: text, voice and form, in our terms, as a job keeps it.
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    audio::Container,
    error::Result,
    id::{ProviderId, SampleId, VoiceId},
    text::{MAX_TEXT_CHARS, SpeechText},
};

/// Whose voice: a voice, or the one made for a single recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VoiceTarget {
    /// This voice.
    Voice(VoiceId),
    /// The voice that this recording belongs to.
    Sample(SampleId),
}

impl From<VoiceId> for VoiceTarget {
    fn from(id: VoiceId) -> Self {
        Self::Voice(id)
    }
}

impl From<SampleId> for VoiceTarget {
    fn from(id: SampleId) -> Self {
        Self::Sample(id)
    }
}

/// Settings of one provider that have no common name, as JSON: a job keeps them. The adapter reads them strictly, so a
/// misspelt setting is an error and not silence.
pub type ProviderOptions = BTreeMap<ProviderId, serde_json::Value>;

/// What is said and how, apart from who says it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Utterance {
    /// The text.
    pub text: SpeechText,
    /// BCP 47 language tag; `None` leaves it to the provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Speaking rate as a factor, 1 being the voice's own; `None` leaves it to the provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speed: Option<f32>,
    /// Makes a provider that draws random numbers repeat itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Settings by provider.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub options: ProviderOptions,
}

impl Utterance {
    /// This text, everything else as the provider likes it.
    pub fn new(text: SpeechText) -> Self {
        Self { text, language: None, speed: None, seed: None, options: ProviderOptions::new() }
    }

    /// The same way of speaking with another text.
    #[must_use]
    pub fn with_text(&self, text: SpeechText) -> Self {
        Self { text, ..self.clone() }
    }
}

/// A text to be spoken in one of our voices.
///
/// ```
/// use voiceclone_core::{id::VoiceId, speak::SpeakRequest};
/// let request = SpeakRequest::new(VoiceId::new(), "Good morning.")?.language("en").speed(1.1);
/// assert_eq!(request.utterance.text.as_str(), "Good morning.");
/// # Ok::<(), voiceclone_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SpeakRequest {
    /// Whose voice.
    pub target: VoiceTarget,
    /// What is said and how.
    #[serde(flatten)]
    pub utterance: Utterance,
    /// What the finished audio of a job is wrapped in: WAV, FLAC or Ogg, which is Opus at a tenth of the size.
    pub container: Container,
    /// Sample rate in hertz; `None` takes the provider's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample_rate: Option<u32>,
    /// Which provider; `None` takes the first that was plugged in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<ProviderId>,
}

impl SpeakRequest {
    /// A text for a voice or a sample, as WAV.
    ///
    /// # Errors
    /// `InvalidInput` if the text is empty, has nothing to speak, is too long or holds control characters.
    pub fn new(target: impl Into<VoiceTarget>, text: impl AsRef<str>) -> Result<Self> {
        Ok(Self {
            target: target.into(),
            utterance: Utterance::new(SpeechText::new(text.as_ref(), MAX_TEXT_CHARS)?),
            container: Container::Wav,
            sample_rate: None,
            provider: None,
        })
    }

    /// BCP 47 language tag.
    #[must_use]
    pub fn language(mut self, tag: impl Into<String>) -> Self {
        self.utterance.language = Some(tag.into());
        self
    }

    /// Speaking rate as a factor.
    #[must_use]
    pub fn speed(mut self, factor: f32) -> Self {
        self.utterance.speed = Some(factor);
        self
    }

    /// The seed of a provider that draws random numbers.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.utterance.seed = Some(seed);
        self
    }

    /// Settings of one provider.
    #[must_use]
    pub fn option(mut self, provider: ProviderId, settings: serde_json::Value) -> Self {
        self.utterance.options.insert(provider, settings);
        self
    }

    /// What the finished audio is wrapped in.
    #[must_use]
    pub fn container(mut self, container: Container) -> Self {
        self.container = container;
        self
    }

    /// Sample rate in hertz; the provider must offer it.
    #[must_use]
    pub fn sample_rate(mut self, hertz: u32) -> Self {
        self.sample_rate = Some(hertz);
        self
    }

    /// Which provider speaks.
    #[must_use]
    pub fn provider(mut self, provider: ProviderId) -> Self {
        self.provider = Some(provider);
        self
    }
}
