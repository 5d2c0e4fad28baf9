//! From one of our voices to what a provider takes: its clips, prepared for it, or its clone made of them.
use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use super::{Parts, records::ReadyVoice, route::Plugged};
use crate::{
    audio::{DecodeLimits, EncodedAudio, RawAudio, blocking, probe},
    consent::Permit,
    domain::{ClipProfile, Measure, VoiceSample},
    error::{Error, Result},
    id::Fingerprint,
    synth::{ReferenceVoice, VoiceRef},
};

/// Clips prepared for a provider, kept for the next request. Bounded; the oldest goes first.
#[derive(Debug, Default)]
pub(crate) struct ClipCache(Mutex<VecDeque<ReferenceVoice>>);

const CACHED_VOICES: usize = 32;

impl ClipCache {
    fn get(&self, fingerprint: &Fingerprint) -> Option<ReferenceVoice> {
        let cache = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        cache.iter().find(|voice| voice.fingerprint == *fingerprint).cloned()
    }

    fn keep(&self, voice: ReferenceVoice) {
        let mut cache = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        cache.truncate(CACHED_VOICES - 1);
        cache.push_front(voice);
    }

    /// Forgets everything, because a voice was erased: clips are cheap to make again.
    pub(crate) fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// What a provider wants of clips: how they are to be, and how many at most.
struct Wanted<'a> {
    provider: &'a Plugged,
    profile: &'a ClipProfile,
    samples: Vec<&'a VoiceSample>,
}

impl<'a> Wanted<'a> {
    fn of(ready: &'a ReadyVoice, provider: &'a Plugged) -> Self {
        let (profile, most) = match &provider.cloner {
            Some(cloner) => (&cloner.info().clip, cloner.info().max_clips.max(1)),
            None => (&provider.synthesizer.info().clip, usize::MAX),
        };
        let mut samples: Vec<_> = ready.samples.iter().collect();
        if samples.len() > most {
            // Where not all fit, those with the most speech say the most about the voice.
            let speech = |s: &VoiceSample| s.quality.as_ref().and_then(|q| q.value(Measure::Speech)).unwrap_or(0.0);
            samples.sort_by(|a, b| speech(b).total_cmp(&speech(a)).then(a.id.cmp(&b.id)));
            samples.truncate(most);
        }
        Self { provider, profile, samples }
    }

    /// Names the clips without making them.
    fn fingerprint(&self) -> Fingerprint {
        let made_by = self.provider.preprocessor.fingerprint();
        let profile = self.profile.fingerprint();
        let clips = self.samples.iter().filter_map(|s| s.processed_fingerprint.as_ref());
        Fingerprint::of(clips.chain([&made_by, &profile]).map(|f| f.as_str().as_bytes()))
    }
}

/// Names the clips that `provider` is given of a voice.
pub(crate) fn clips_fingerprint(ready: &ReadyVoice, provider: &Plugged) -> Fingerprint {
    Wanted::of(ready, provider).fingerprint()
}

impl Parts {
    /// The voice as `provider` takes it.
    pub(crate) async fn voice_ref(&self, ready: &ReadyVoice, provider: &Plugged, permit: &Permit) -> Result<VoiceRef> {
        let wanted = Wanted::of(ready, provider);
        match &provider.cloner {
            Some(cloner) if provider.synthesizer.info().capability.voice_by_id => {
                let clips = || self.clips(&wanted);
                let fingerprint = wanted.fingerprint();
                self.bound_voice(&ready.voice, provider, cloner, permit, fingerprint, clips)
                    .await
                    .map(VoiceRef::Provider)
            }
            _ => self.clips(&wanted).await.map(VoiceRef::Reference),
        }
    }

    async fn clips(&self, wanted: &Wanted<'_>) -> Result<ReferenceVoice> {
        let fingerprint = wanted.fingerprint();
        if let Some(voice) = self.clips.get(&fingerprint) {
            return Ok(voice);
        }
        let mut clips = Vec::new();
        for sample in &wanted.samples {
            clips.push(self.clip(sample, wanted).await?);
        }
        let voice = ReferenceVoice::new(clips, fingerprint);
        self.clips.keep(voice.clone());
        Ok(voice)
    }

    async fn clip(&self, sample: &VoiceSample, wanted: &Wanted<'_>) -> Result<EncodedAudio> {
        let key = sample.processed.as_ref().ok_or_else(|| Error::unexpected("a ready sample has no clip"))?;
        let master = self.fetch(key).await?;
        if *wanted.profile == ClipProfile::master() {
            let body = master.clone();
            let clip = blocking("read clip", move || probe(&body, None, &DecodeLimits::unlimited())).await?;
            return Ok(EncodedAudio::new(clip.format, clip.duration, master));
        }
        let prepared = wanted.provider.preprocessor.process(RawAudio::new(master), wanted.profile).await?;
        prepared.clip.ok_or_else(|| {
            let why = prepared.quality.rejections().join(" ");
            Error::invalid(format!("the recording does not suit {}: {why}", wanted.provider.id))
                .with("sample", sample.id)
        })
    }
}

impl std::fmt::Debug for Wanted<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wanted").field("provider", &self.provider.id).finish_non_exhaustive()
    }
}
