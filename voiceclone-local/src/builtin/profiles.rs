//! Profiles of voices, learnt once for each recording and kept for the next request. Derived and disposable.
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use voiceclone_core::{
    Error, Result,
    audio::{DecodeLimits, Pcm, decode},
    id::Fingerprint,
    synth::ReferenceVoice,
};

use crate::{
    error::of_matching,
    matching::{VoiceMatcher, VoiceProfile},
};

/// Voices kept; about 100 kB each.
const KEPT: usize = 64;

type Known = VecDeque<(Fingerprint, Arc<VoiceProfile>)>;

/// Cheap to clone; the clones share what was learnt.
#[derive(Debug, Clone)]
pub(super) struct Profiles {
    matcher: VoiceMatcher,
    known: Arc<Mutex<Known>>,
    /// Learning is seconds of computing: whoever asks for the same voice meanwhile waits for it.
    learning: Arc<tokio::sync::Mutex<()>>,
}

impl Profiles {
    pub(super) fn new(matcher: VoiceMatcher) -> Self {
        Self { matcher, known: Arc::default(), learning: Arc::default() }
    }

    pub(super) async fn of(&self, voice: &ReferenceVoice) -> Result<Arc<VoiceProfile>> {
        if let Some(profile) = self.known(&voice.fingerprint) {
            return Ok(profile);
        }
        let turn = Arc::clone(&self.learning).lock_owned().await;
        if let Some(profile) = self.known(&voice.fingerprint) {
            return Ok(profile);
        }
        let (this, voice) = (self.clone(), voice.clone());
        // The turn and the result go with the work: whoever gives up and asks again waits for the same learning instead of
        // beginning another.
        let learnt = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            let profile = Arc::new(learn(&this.matcher, &voice)?);
            this.keep(voice.fingerprint, Arc::clone(&profile));
            Ok(profile)
        });
        learnt.await.map_err(|e| Error::unexpected("learning a voice stopped unexpectedly").with_source(e))?
    }

    fn keep(&self, fingerprint: Fingerprint, profile: Arc<VoiceProfile>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.truncate(KEPT - 1);
        known.push_front((fingerprint, profile));
    }

    fn known(&self, fingerprint: &Fingerprint) -> Option<Arc<VoiceProfile>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.iter().find(|(of, _)| of == fingerprint).map(|(_, profile)| Arc::clone(profile))
    }
}

fn learn(matcher: &VoiceMatcher, voice: &ReferenceVoice) -> Result<VoiceProfile> {
    let mut recordings = Vec::new();
    for clip in voice.clips.iter() {
        recordings.push(decode(&clip.body, None, &DecodeLimits::unlimited())?.0);
    }
    let rate = recordings.iter().map(Pcm::sample_rate).min();
    let rate = rate.ok_or_else(|| Error::invalid("the reference voice has no clip; at least one is needed"))?;
    // Brought to the lowest rate, so that no recording seems to have a band that it lacks.
    let mut samples = Vec::new();
    for pcm in recordings {
        samples.extend(at_rate(pcm, rate)?);
    }
    matcher.learn(&samples, rate).map_err(of_matching)
}

fn at_rate(pcm: Pcm, rate: u32) -> Result<Vec<f32>> {
    let (from, channels) = (pcm.sample_rate(), usize::from(pcm.channels()));
    let mono = if channels == 1 {
        pcm.into_samples()
    } else {
        #[expect(clippy::cast_precision_loss, reason = "at most 8 channels")]
        let scale = 1.0 / channels as f32;
        pcm.samples().chunks_exact(channels).map(|frame| frame.iter().sum::<f32>() * scale).collect()
    };
    if from == rate { Ok(mono) } else { crate::preprocess::resampled(&mono, from, rate) }
}
