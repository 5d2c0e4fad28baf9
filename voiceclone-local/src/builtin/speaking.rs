//! One text, spoken on a blocking thread into a bounded channel. Stops between chunks once nobody listens.
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{Stream, stream};
use tokio::{
    sync::{OwnedSemaphorePermit, mpsc},
    task::JoinSet,
};
use voiceclone_core::{
    Error, Result,
    audio::to_s16_bytes,
    stream::{Summary, SynthesisEvent},
    synth::SynthesisRequest,
};

use crate::{
    acoustic::AcousticModel,
    error::{of_acoustic, of_text},
    matching::VoiceProfile,
    speech::render,
    text::FrontEnd,
};

/// Chunks made ahead of the listener; a quarter of a second each.
const AHEAD: usize = 8;

struct Asked {
    text: String,
    speed: f32,
    seed: u64,
}

type Event = Result<SynthesisEvent>;

/// The events of one synthesis. `core` is held by the work, which may end a little later than the listener leaves.
pub(super) fn speak(
    front: Arc<FrontEnd>,
    model: AcousticModel,
    profile: Arc<VoiceProfile>,
    request: &SynthesisRequest,
    core: OwnedSemaphorePermit,
) -> impl Stream<Item = Event> + Send + 'static {
    let asked = Asked {
        text: request.text().to_owned(),
        speed: request.utterance.speed.unwrap_or(1.0),
        seed: request.utterance.seed.unwrap_or_default(),
    };
    let (send, heard) = mpsc::channel(AHEAD);
    let mut work = JoinSet::new();
    work.spawn_blocking(move || {
        let _core = core;
        let spoken = speak_into(&front, &model, &profile, &asked, &send);
        // Nobody listens any more: then nobody needs to know how it ended.
        let _ = match spoken {
            Ok(true) => send.blocking_send(Ok(SynthesisEvent::Done(Summary::default()))),
            Ok(false) => Ok(()),
            Err(error) => send.blocking_send(Err(error)),
        };
    });
    stream::unfold((heard, work), |(mut heard, mut work)| async move {
        if let Some(event) = heard.recv().await {
            return Some((event, (heard, work)));
        }
        // The channel closed without an end: the thread panicked, and says so here.
        let failed = work.join_next().await?.err()?;
        let error = Error::unexpected("speaking stopped unexpectedly").with_source(failed);
        Some((Err(error), (heard, work)))
    })
}

/// True once all of it was sent, false if nobody listens any more.
fn speak_into(
    front: &FrontEnd,
    model: &AcousticModel,
    profile: &VoiceProfile,
    asked: &Asked,
    send: &mpsc::Sender<Event>,
) -> Result<bool> {
    for (phrase, seed) in front.phrases(&asked.text).map_err(of_text)?.iter().zip(asked.seed..) {
        let chunks = render(model, &phrase.ids, asked.speed, Some(profile), seed).map_err(of_acoustic)?;
        for chunk in chunks {
            let audio = Bytes::from(to_s16_bytes(&chunk));
            if send.blocking_send(Ok(SynthesisEvent::Audio(audio))).is_err() {
                return Ok(false);
            }
        }
    }
    Ok(true)
}
