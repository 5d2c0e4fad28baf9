//! Withdrawing consent without erasing: nobody speaks in the voice any more, and the recording stays.
use chrono::Utc;

use super::{Engine, JobHandle, Parts, stop::SpeechIn};
use crate::{
    domain::{JobOutput, JobSpec, Voice, VoiceSample},
    error::Result,
    id::{OwnerId, SampleId, VoiceId},
    store::PageQuery,
};

impl Engine {
    /// Withdraws the consent to a recording. From now on every voice that is made of it is refused with `ConsentRequired`;
    /// jobs that speak in one are asked to stop; and the clones are removed from their providers by the queued jobs that are
    /// returned, one for each voice. Live speech that has begun is not cut off. The recording, and what was spoken, stay
    /// until they are erased. Withdrawing again keeps the first date, and tries again what gave up.
    ///
    /// A clone that was being made at that moment may come up after its removal: [`Engine::sweep_clones`] finds it.
    ///
    /// # Errors
    /// `NotFound`, also for another owner's sample; `Unavailable` if a store fails. The consent may be withdrawn by then;
    /// ask again for the rest.
    ///
    /// # Cancel safety
    /// The consent is withdrawn first. After dropping the future ask again for the rest.
    pub async fn revoke_consent(&self, owner: &OwnerId, sample: SampleId) -> Result<Vec<JobHandle>> {
        self.0.live_sample(owner, sample).await?;
        self.0.change_sample(owner, sample, |sample| Ok(withdrawn(sample))).await?;
        self.0.clips.clear();
        let mut removals = Vec::new();
        for voice in self.0.voices_of(owner, sample).await? {
            SpeechIn::of(&self.0, &voice).await?.stop(&self.0).await?;
            removals.push(self.enqueue_once(owner, JobSpec::Unenroll { voice: voice.id }, voice.id).await?);
        }
        Ok(removals)
    }
}

fn withdrawn(mut sample: VoiceSample) -> VoiceSample {
    if sample.consent.revoked_at.is_none() {
        let now = Utc::now();
        (sample.consent.revoked_at, sample.updated_at) = (Some(now), now);
    }
    sample
}

impl Parts {
    /// The voices made of a recording that are not deleted.
    pub(super) async fn voices_of(&self, owner: &OwnerId, sample: SampleId) -> Result<Vec<Voice>> {
        let (mut voices, mut query) = (Vec::new(), PageQuery::of(owner.clone()));
        loop {
            let page = self.catalog.voices(&query).await?;
            voices.extend(page.items.into_iter().filter(|voice| voice.samples.contains(&sample)));
            if page.next.is_none() {
                return Ok(voices);
            }
            query.after = page.next;
        }
    }

    /// Removes the clones of a voice at all providers.
    pub(crate) async fn unenroll(&self, owner: &OwnerId, id: VoiceId) -> Result<JobOutput> {
        let voice = self.catalog.voice(owner, id).await?;
        let providers = self.remove_clones(&voice).await?;
        let forget = |mut kept: Voice| {
            kept.bindings.retain(|provider, binding| voice.bindings.get(provider) != Some(&*binding));
            Ok(kept)
        };
        self.change_voice(owner, id, forget).await?;
        Ok(JobOutput::Unenrolled { providers })
    }
}
