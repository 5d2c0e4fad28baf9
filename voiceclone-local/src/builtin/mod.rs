//! The engine that works with nothing installed: a small neural English voice, moved towards the voice of a recording.
//!
//! Its speech is *voice-matched*: pitch, timbre and brightness follow the recording, the manner of speaking does not. It
//! is no clone, and nothing here calls it one. Weights and dictionaries are inside the crate; there is no network.
mod profiles;
mod speaking;

use std::{num::NonZeroUsize, sync::Arc, thread::available_parallelism};

use tokio::sync::Semaphore;
use voiceclone_core::{
    Error, Result, async_trait,
    audio::AudioFormat,
    domain::ClipProfile,
    layers::check_request,
    stream::SynthesisStream,
    synth::{SpeechSession, SynthesisRequest, Synthesizer, SynthesizerInfo, VoiceRef},
};

use self::{profiles::Profiles, speaking::speak};
use crate::{
    acoustic::{AcousticModel, SPEED_RANGE},
    error::{of_acoustic, of_text},
    matching::VoiceMatcher,
    text::FrontEnd,
    vocoder::SAMPLE_RATE,
};

/// Speech is matched to at most this much of a recording; more brings nothing and costs time.
const USEFUL_CLIP: std::time::Duration = std::time::Duration::from_secs(30);
/// One request's text; the engine cuts longer ones.
const MAX_TEXT_CHARS: usize = 2_000;

/// The built-in synthesizer. Cheap to clone; the clones share the loaded data and the profiles of voices they have met.
///
/// ```
/// use voiceclone_core::synth::Synthesizer;
/// use voiceclone_local::Builtin;
/// let builtin = Builtin::load()?;
/// assert!(builtin.info().capability.voice_by_reference);
/// # Ok::<(), voiceclone_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Builtin(Arc<Loaded>);

#[derive(Debug)]
struct Loaded {
    info: SynthesizerInfo,
    front: Arc<FrontEnd>,
    model: AcousticModel,
    profiles: Profiles,
    /// Speech is arithmetic: more at once than there are cores only makes everybody wait longer.
    cores: Arc<Semaphore>,
}

impl Builtin {
    /// Reads the embedded data: an eighth of a second of computing and some 60 MB, once.
    ///
    /// # Errors
    /// `Unexpected` if the embedded data is damaged.
    pub fn load() -> Result<Self> {
        let model = AcousticModel::load().map_err(of_acoustic)?;
        let format = AudioFormat::raw_s16(SAMPLE_RATE)?;
        let info = SynthesizerInfo::new("builtin")
            .with_model("hibari-0.2.1, voice-matched")
            .with_clip(ClipProfile::master().named("builtin").at_most(USEFUL_CLIP))
            .with_capability(|can| {
                can.voice_by_reference = true;
                can.streaming = true;
                can.deterministic = true;
                can.speed = Some(SPEED_RANGE);
                can.max_text_chars = MAX_TEXT_CHARS;
                can.formats = vec![format];
                can.languages = vec!["en-US".to_owned()];
            });
        let cores = available_parallelism().map_or(1, NonZeroUsize::get);
        Ok(Self(Arc::new(Loaded {
            info,
            front: Arc::new(FrontEnd::load().map_err(of_text)?),
            profiles: Profiles::new(VoiceMatcher::new(model.clone())),
            model,
            cores: Arc::new(Semaphore::new(cores)),
        })))
    }
}

#[async_trait]
impl Synthesizer for Builtin {
    fn info(&self) -> &SynthesizerInfo {
        &self.0.info
    }

    async fn synthesize(&self, request: &SynthesisRequest) -> Result<SynthesisStream> {
        let loaded = &*self.0;
        check_request(&loaded.info, request)?;
        refuse_options(request)?;
        let VoiceRef::Reference(voice) = &request.voice else {
            return Err(Error::unsupported("the builtin engine knows no voices by id; it takes a recording"));
        };
        let core = Arc::clone(&loaded.cores).acquire_owned().await;
        let core = core.map_err(|e| Error::unexpected("the builtin engine is shut down").with_source(e))?;
        let profile = loaded.profiles.of(voice).await?;
        let speech = speak(Arc::clone(&loaded.front), loaded.model.clone(), profile, request, core);
        Ok(SynthesisStream::new(request.format, speech))
    }

    async fn open_session(&self, _: &SynthesisRequest) -> Result<Box<dyn SpeechSession>> {
        Err(Error::unsupported("the builtin engine takes whole texts, not pieces"))
    }
}

/// There are none, so any is a mistake.
fn refuse_options(request: &SynthesisRequest) -> Result<()> {
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct None {}
    let own = voiceclone_core::id::ProviderId::new("builtin")?;
    request.options::<None>(&own).map(drop)
}
