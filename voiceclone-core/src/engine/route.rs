//! Which provider speaks, and in what format: the plugged-in providers as the engine sees them.
use std::sync::Arc;

use super::{Engine, Parts};
use crate::{
    audio::{AudioFormat, AudioWriter, Codec, Container},
    cloner::VoiceCloner,
    error::{Error, ErrorKind, Result},
    id::ProviderId,
    preprocess::Preprocessor,
    speak::SpeakRequest,
    synth::{Synthesizer, SynthesizerInfo},
};

/// A provider inside its layers.
#[derive(Debug, Clone)]
pub(crate) struct Plugged {
    pub(crate) id: ProviderId,
    pub(crate) synthesizer: Arc<dyn Synthesizer>,
    pub(crate) cloner: Option<Arc<dyn VoiceCloner>>,
    pub(crate) preprocessor: Arc<dyn Preprocessor>,
}

impl Parts {
    pub(crate) fn provider(&self, id: &ProviderId) -> Result<&Plugged> {
        self.providers.iter().find(|p| p.id == *id).ok_or_else(|| {
            let known: Vec<_> = self.providers.iter().map(|p| p.id.as_str()).collect();
            Error::new(ErrorKind::NotFound, format!("there is no provider {id}; there are: {}", known.join(", ")))
        })
    }

    /// The providers for a request, the wanted one first. Each speaks from the same recordings, so any of them may stand
    /// in for the first; one that cannot deliver the asked sample rate, or none that the container takes, is no stand-in.
    pub(crate) fn candidates(&self, request: &SpeakRequest) -> Result<Vec<&Plugged>> {
        let wanted = match &request.provider {
            Some(id) => self.provider(id)?,
            None => self.providers.first().ok_or_else(|| Error::new(ErrorKind::Config, "no provider is plugged in"))?,
        };
        raw_format(wanted, request.sample_rate, request.container)?;
        let others = self.providers.iter().filter(|p| p.id != wanted.id);
        let others = others.filter(|p| raw_format(p, request.sample_rate, request.container).is_ok());
        Ok(std::iter::once(wanted).chain(others).collect())
    }
}

/// The format asked of a provider: raw 16-bit PCM, which alone can be joined, at the wanted rate or the first of its own that
/// `container` can be written from.
pub(crate) fn raw_format(provider: &Plugged, sample_rate: Option<u32>, container: Container) -> Result<AudioFormat> {
    let offered = &provider.synthesizer.info().capability.formats;
    let raw = || offered.iter().filter(|f| f.container() == Container::Raw && f.codec() == Codec::PcmS16Le);
    let fits = |f: &&AudioFormat| sample_rate.is_none_or(|rate| f.sample_rate() == rate);
    let written = |f: &AudioFormat| AudioWriter::check(container, f.sample_rate(), 1);
    if let Some(format) = raw().filter(fits).find(|f| written(f).is_ok()) {
        return Ok(*format);
    }
    let rates: Vec<_> = raw().map(|f| format!("{} Hz", f.sample_rate())).collect();
    let wanted = sample_rate.map_or_else(|| "16-bit PCM".to_owned(), |rate| format!("16-bit PCM at {rate} Hz"));
    let offers = format!("it offers [{}]", rates.join(", "));
    Err(match raw().find(fits).map(written) {
        Some(Err(why)) => Error::unsupported(format!("the speech of {}: {}; {offers}", provider.id, why.message())),
        _ => Error::unsupported(format!("{} does not offer {wanted}; {offers}", provider.id)),
    })
}

impl Engine {
    /// The plugged-in providers and what they can do, in order of preference.
    pub fn providers(&self) -> impl Iterator<Item = (&ProviderId, &SynthesizerInfo)> {
        self.0.providers.iter().map(|p| (&p.id, p.synthesizer.info()))
    }
}
