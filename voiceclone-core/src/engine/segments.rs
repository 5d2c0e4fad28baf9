//! One voice at one provider, ready to speak segment after segment.
use std::sync::Arc;

use tokio::sync::Mutex;

use super::{
    Parts,
    records::ReadyVoice,
    resolve::clips_fingerprint,
    route::{Plugged, raw_format},
};
use crate::{
    audio::{AudioFormat, from_s16_bytes},
    consent::Permit,
    error::{Error, ErrorKind, Result, Retry},
    id::{Fingerprint, OwnerId, VoiceId},
    layers::CacheKey,
    mark::Provenance,
    speak::{SpeakRequest, Utterance},
    stream::{Summary, SynthesisStream, WordTime},
    synth::{SynthesisRequest, VoiceRef},
    text::{Segment, SegmentLimit, SpeechText, segment},
};

/// A voice bound to a provider. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Speaker(Arc<Bound>);

#[derive(Debug)]
struct Bound {
    parts: Arc<Parts>,
    ready: ReadyVoice,
    provider: Plugged,
    permit: Permit,
    format: AudioFormat,
    /// Replaced when the provider has forgotten its clone.
    voice: Mutex<VoiceRef>,
}

/// One segment, spoken and decoded.
#[derive(Debug)]
pub(crate) struct Spoken {
    pub(crate) samples: Vec<f32>,
    pub(crate) words: Vec<WordTime>,
    pub(crate) summary: Summary,
}

/// Less audio than this for each letter or digit, at ordinary speed, is not all of the text: the fastest speakers need
/// four times as long.
const LEAST_SECONDS_PER_LETTER: f64 = 0.01;

impl Speaker {
    pub(crate) async fn new(
        parts: &Arc<Parts>,
        owner: &OwnerId,
        request: &SpeakRequest,
        ready: &ReadyVoice,
        provider: &Plugged,
    ) -> Result<Self> {
        let consents: Vec<_> = ready.samples.iter().map(|s| s.consent.clone()).collect();
        let permit = parts.permit(owner, &consents)?;
        let format = raw_format(provider, request.sample_rate, request.container)?;
        let voice = Mutex::new(parts.voice_ref(ready, provider, &permit).await?);
        let (parts, ready, provider) = (Arc::clone(parts), ready.clone(), provider.clone());
        Ok(Self(Arc::new(Bound { parts, ready, provider, permit, format, voice })))
    }

    pub(crate) fn format(&self) -> AudioFormat {
        self.0.format
    }

    pub(crate) fn look_ahead(&self) -> usize {
        self.0.parts.limits.look_ahead.max(1)
    }

    pub(crate) fn most_bytes(&self) -> usize {
        self.0.parts.limits.segment_bytes
    }

    pub(crate) fn provider(&self) -> &Plugged {
        &self.0.provider
    }

    pub(crate) fn provenance(&self) -> Provenance {
        let info = self.0.provider.synthesizer.info();
        Provenance::of_speech(info.name.clone(), info.model.clone(), self.0.permit.consents())
    }

    /// The text in segments that the provider takes.
    pub(crate) fn segments(&self, text: &SpeechText) -> Result<Vec<Segment>> {
        let most = self.0.provider.synthesizer.info().capability.max_text_chars;
        let preferred = self.0.parts.limits.segment_chars.clamp(1, most.max(1));
        segment(text.as_str(), SegmentLimit::new(most)?.with_preferred(preferred)?)
    }

    /// Names everything that decides how an utterance sounds.
    pub(crate) fn key(&self, utterance: &Utterance) -> Result<CacheKey> {
        let bound = &*self.0;
        // By the clips and not by the provider's id: a clone that is made again of the same clips sounds the same.
        let clips = clips_fingerprint(&bound.ready, &bound.provider);
        let model = bound.provider.synthesizer.info().model.as_deref();
        let key = CacheKey::new(utterance, &clips, &bound.provider.id, model, bound.format)?;
        key.in_folder_of(&cache_folder(bound.ready.voice.id))
    }

    /// Speaks one utterance: from the cache where there is one, with a new clone where the provider forgot the old one.
    pub(crate) async fn speak(&self, utterance: &Utterance) -> Result<SynthesisStream> {
        let Some(cache) = &self.0.parts.cache else { return self.synthesize(utterance).await };
        cache.through(&self.key(utterance)?, || self.synthesize(utterance)).await
    }

    async fn synthesize(&self, utterance: &Utterance) -> Result<SynthesisStream> {
        let bound = &*self.0;
        let voice = bound.voice.lock().await.clone();
        match self.ask(&voice, utterance).await {
            Err(e) if e.kind() == ErrorKind::NotFound && matches!(voice, VoiceRef::Provider(_)) => {
                let remade = self.remake(&voice).await?;
                self.ask(&remade, utterance).await
            }
            outcome => outcome,
        }
    }

    async fn ask(&self, voice: &VoiceRef, utterance: &Utterance) -> Result<SynthesisStream> {
        let bound = &*self.0;
        let request = SynthesisRequest::new(bound.permit.clone(), voice.clone(), utterance.clone(), bound.format);
        let stream = bound.provider.synthesizer.synthesize(&request).await?;
        if stream.format() == bound.format {
            return Ok(stream);
        }
        Err(Error::new(ErrorKind::Protocol, "the provider speaks in another format than it was asked for")
            .with("asked", bound.format)
            .with("found", stream.format()))
    }

    async fn remake(&self, forgotten: &VoiceRef) -> Result<VoiceRef> {
        let bound = &*self.0;
        let mut current = bound.voice.lock().await;
        if let (VoiceRef::Provider(old), VoiceRef::Provider(now)) = (forgotten, &*current)
            && old == now
        {
            let voice = bound.parts.forget(&bound.ready.voice, &bound.provider.id, old).await?;
            let ready = ReadyVoice { voice, samples: bound.ready.samples.clone() };
            *current = bound.parts.voice_ref(&ready, &bound.provider, &bound.permit).await?;
        }
        Ok(current.clone())
    }

    /// Speaks one utterance to its end. Silence, or too little sound for the text, is an error.
    pub(crate) async fn speak_whole(&self, utterance: &Utterance) -> Result<Spoken> {
        let whole = self.speak(utterance).await?.collect_audio(self.most_bytes()).await?;
        let samples = from_s16_bytes(&whole.audio)?;
        plausible(utterance, &samples, self.0.format.sample_rate())?;
        Ok(Spoken { samples, words: whole.words, summary: whole.summary })
    }
}

/// Refuses silence, and less sound than the text can take.
pub(crate) fn plausible(utterance: &Utterance, samples: &[f32], rate: u32) -> Result<()> {
    let incomplete = |why: &str| Err(Error::new(ErrorKind::Protocol, why).with_retry(Retry::After(None)));
    if samples.iter().all(|s| *s == 0.0) {
        return incomplete("the provider finished with nothing but silence");
    }
    let letters = utterance.text.as_str().chars().filter(|c| c.is_alphanumeric()).count();
    let speed = f64::from(utterance.speed.unwrap_or(1.0).max(1.0));
    #[expect(clippy::cast_precision_loss, reason = "lengths of audio and text, far within the exact range")]
    let (spoken, least) = (samples.len() as f64 / f64::from(rate), letters as f64 * LEAST_SECONDS_PER_LETTER / speed);
    if spoken < least {
        return incomplete("the provider finished with less audio than the text can take");
    }
    Ok(())
}

/// Where the cache keeps what is said in a voice, of whichever recordings it was made at the time.
pub(crate) fn cache_folder(voice: VoiceId) -> Fingerprint {
    Fingerprint::of([voice.as_uuid().as_bytes().as_slice()])
}

/// The part of `text` that a segment covers, as a text of its own.
pub(crate) fn text_of(text: &SpeechText, segment: &Segment) -> Result<SpeechText> {
    let part = text.as_str().get(segment.span.clone()).unwrap_or_default();
    SpeechText::new(part, usize::MAX)
}
