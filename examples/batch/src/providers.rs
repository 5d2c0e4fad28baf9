//! Where providers are made, and the only file that knows which there are.
use voiceclone_core::{
    Result,
    domain::ClipProfile,
    engine::{Engine, EngineBuilder, Provider},
    id::ProviderId,
    synth::SynthesizerInfo,
};
use voiceclone_local::{Builtin, LocalPreprocessor, preprocess};

use crate::cli::ClipFor;

/// Which provider speaks. Shared by every command that speaks.
#[derive(Debug, clap::Args)]
pub(crate) struct ProviderArgs {}

/// An engine with its providers, without stores.
pub(crate) fn engine(_: &ProviderArgs) -> Result<EngineBuilder> {
    Ok(Engine::builder().preprocessor(preprocessor()).provider(Provider::new("builtin", Builtin::load()?)?))
}

/// Who cleans and measures recordings.
pub(crate) fn preprocessor() -> LocalPreprocessor {
    LocalPreprocessor::new()
}

/// What whoever takes the clip wants of it.
pub(crate) fn clip_profile(wanted: ClipFor) -> ClipProfile {
    match wanted {
        ClipFor::Master => ClipProfile::master(),
        ClipFor::Generic => preprocess::generic(),
        ClipFor::Cartesia => voiceclone_cartesia::clip_profile(),
        ClipFor::PocketTts => preprocess::pocket_tts(),
        ClipFor::InstantClone => preprocess::instant_clone(),
    }
}

/// The provider that speaks, in a few words.
pub(crate) fn describe(engine: &Engine, speaker: &ProviderId) -> String {
    let info = engine.providers().find(|(id, _)| *id == speaker).map(|(_, info)| info);
    info.map_or_else(|| speaker.to_string(), |info| named(speaker, info))
}

fn named(id: &ProviderId, info: &SynthesizerInfo) -> String {
    let name = if id.as_str() == info.name { id.to_string() } else { format!("{id} ({})", info.name) };
    info.model.iter().fold(name, |name, model| format!("{name}, {model}"))
}
