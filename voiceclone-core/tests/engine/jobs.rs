//! Speech that is queued, spoken segment by segment, and kept.
use std::{sync::Arc, time::Duration};

use futures_util::TryStreamExt as _;
use voiceclone_core::{
    ErrorKind, async_trait,
    audio::{AudioBody, Container, DecodeLimits, decode},
    domain::{JobSpec, JobState, NewJob},
    id::{IdempotencyKey, ProviderId},
    layers::Layer,
    mark::MetadataMarker,
    stream::{SynthesisEvent, SynthesisStream},
    synth::{SpeechSession, SynthesisRequest, Synthesizer, SynthesizerInfo},
    testkit::fakes::{Fault, StoreFault, ToneSynthesizer, When},
};

use crate::support::{
    Stores, THREE, alice, ended, prepared, provider, saying, single_worker, spoken, unavailable, upload,
};

#[tokio::test(start_paused = true)]
async fn the_result_is_one_marked_file_with_all_of_the_text() {
    for container in [Container::Wav, Container::Flac, Container::Ogg] {
        let (stores, tone) = (Stores::new(), ToneSynthesizer::by_reference());
        let engine = stores.engine(&tone);
        let (_, voice) = prepared(&engine).await;
        let request = saying(voice, THREE).container(container);
        let job = ended(&engine, engine.submit(&alice(), request, None).await.unwrap()).await;
        let told = spoken(&job).clone();
        assert_eq!(stores.job_keys().await, [told.key.to_string()], "segments are tidied away");
        let read = engine.audio(&alice(), job.id, None).await.unwrap();
        let body = AudioBody::spool(read.chunks, u64::MAX).await.unwrap();
        assert_eq!((body.len(), body.sha256().await.unwrap()), (told.bytes, told.sha256));
        let (pcm, info) = decode(&body, None, &DecodeLimits::unlimited()).unwrap();
        assert_eq!((info.format.container(), pcm.duration()), (container, told.duration));
        let seconds = 53.0 / 15.0 + 2.0 * 0.25;
        assert!((pcm.duration().as_secs_f64() - seconds).abs() < 0.01, "{:?}", pcm.duration());
        let mark = MetadataMarker::read(&body).await.unwrap().unwrap();
        assert_eq!(mark.id, job.id.to_string());
        assert_eq!((told.provider.as_str(), told.instead_of, job.attempt), ("tone", None, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_waits_for_its_recording_without_counting_attempts() {
    let (stores, tone) = (Stores::new(), ToneSynthesizer::by_reference());
    let engine = stores.engine(&tone);
    let ingested = engine.ingest(&alice(), upload()).await.unwrap();
    let spec = JobSpec::Speak { request: saying(ingested.sample.voice, THREE) };
    let speak = engine.enqueue(NewJob::new(alice(), spec).with_priority(9).with_max_attempts(1)).await.unwrap();
    let worker = single_worker(&engine);
    let job = speak.clone().await.unwrap();
    worker.shutdown().await;
    assert_eq!((job.state, job.attempt), (JobState::Succeeded, 1));
    let events: Vec<_> = speak.events(0).await.unwrap().try_collect().await.unwrap();
    let queued = events.iter().filter(|event| event.state == JobState::Queued).count();
    assert!(queued > 1, "it was put back at least once: {events:?}");
}

#[tokio::test(start_paused = true)]
async fn the_same_key_is_the_same_job() {
    let (stores, tone) = (Stores::new(), ToneSynthesizer::by_reference());
    let engine = stores.engine(&tone);
    let (_, voice) = prepared(&engine).await;
    let key = || Some(IdempotencyKey::new("order 7").unwrap());
    let first = engine.submit(&alice(), saying(voice, "Good morning."), key()).await.unwrap();
    let job = ended(&engine, first).await;
    let second = engine.submit(&alice(), saying(voice, "Good morning."), key()).await.unwrap();
    assert_eq!(second.id(), job.id);
    second.output().await.unwrap();
    let other = engine.submit(&alice(), saying(voice, "Good night."), key()).await.unwrap_err();
    assert_eq!((other.kind(), tone.calls()), (ErrorKind::Conflict, 1));
}

#[tokio::test(start_paused = true)]
async fn a_segment_that_fails_is_spoken_again_alone() {
    for fault in [Fault::MidStream(unavailable()), Fault::EndsWithoutDone, Fault::Silence, Fault::Short] {
        let tone = ToneSynthesizer::by_reference().with_fault(When::text("Two").times(1), fault.clone());
        let engine = Stores::new().engine(&tone);
        let (_, voice) = prepared(&engine).await;
        let job = ended(&engine, engine.submit(&alice(), saying(voice, THREE), None).await.unwrap()).await;
        assert_eq!((job.state, job.attempt), (JobState::Succeeded, 1), "{fault:?}");
        let calls = ["One", "Two", "Three"].map(|part| tone.calls_for(part));
        assert_eq!(calls, [1, 2, 1], "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_second_attempt_pays_only_for_what_is_missing() {
    // Three calls are what the retry layer makes of one.
    let fault = Fault::BeforeAudio(unavailable());
    let tone = ToneSynthesizer::by_reference().with_fault(When::text("Three").times(3), fault);
    let stores = Stores::new();
    let engine = stores.engine(&tone);
    let (_, voice) = prepared(&engine).await;
    let job = ended(&engine, engine.submit(&alice(), saying(voice, THREE), None).await.unwrap()).await;
    assert_eq!((job.state, job.attempt, job.error), (JobState::Succeeded, 2, None));
    assert_eq!(["One", "Two", "Three"].map(|part| tone.calls_for(part)), [1, 1, 4]);
    assert_eq!(stores.job_keys().await.len(), 1);
}

/// A provider that warns in every segment, with its first word.
#[derive(Debug)]
struct Hoarse(Arc<dyn Synthesizer>);

#[derive(Debug)]
struct Hoarsely;

impl Layer for Hoarsely {
    fn synthesizer(&self, inner: Arc<dyn Synthesizer>) -> Arc<dyn Synthesizer> {
        Arc::new(Hoarse(inner))
    }
}

#[async_trait]
impl Synthesizer for Hoarse {
    fn info(&self) -> &SynthesizerInfo {
        self.0.info()
    }

    async fn synthesize(&self, request: &SynthesisRequest) -> voiceclone_core::Result<SynthesisStream> {
        let speech = self.0.synthesize(request).await?;
        let first_word: String = request.text().chars().take_while(|c| c.is_alphanumeric()).collect();
        Ok(speech.wrapped(|inner| {
            inner.map_ok(move |event| match event {
                SynthesisEvent::Done(mut summary) => {
                    summary.warnings.push(first_word.clone());
                    SynthesisEvent::Done(summary)
                }
                event => event,
            })
        }))
    }

    async fn open_session(&self, request: &SynthesisRequest) -> voiceclone_core::Result<Box<dyn SpeechSession>> {
        self.0.open_session(request).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_segment_that_an_earlier_attempt_spoke_keeps_its_warnings() {
    let stores = Stores::new();
    let fault = Fault::BeforeAudio(unavailable());
    let tone = ToneSynthesizer::by_reference().with_fault(When::text("Three").times(3), fault);
    let engine = stores.builder().provider(provider("tone", &tone)).layer(Hoarsely).build().unwrap();
    let (_, voice) = prepared(&engine).await;
    let job = ended(&engine, engine.submit(&alice(), saying(voice, THREE), None).await.unwrap()).await;
    assert_eq!(job.attempt, 2);
    assert_eq!(spoken(&job).warnings, ["One", "Two", "Three"], "the first two were spoken by the first attempt");
    assert_eq!(stores.job_keys().await.len(), 1, "they are tidied away with their segments");
}

#[tokio::test(start_paused = true)]
async fn a_segment_that_the_store_lost_fails_the_job_and_is_named() {
    let (stores, tone) = (Stores::new(), ToneSynthesizer::by_reference());
    let engine = stores.engine(&tone);
    let (_, voice) = prepared(&engine).await;
    let spec = JobSpec::Speak { request: saying(voice, THREE) };
    let job = engine.enqueue(NewJob::new(alice(), spec).with_max_attempts(1)).await.unwrap();
    // The clip, a look for each of three segments, then the segments themselves, of which the second is gone.
    let second = stores.blobs.calls("get") + 1 + 3 + 2;
    let gone = voiceclone_core::Error::not_found("blob", "segment");
    stores.blobs.plan("get", When::call(second), StoreFault::Fails(gone));
    let job = ended(&engine, job).await;
    let error = job.error.unwrap();
    assert_eq!((job.state, job.output, error.kind), (JobState::Failed, None, ErrorKind::Protocol));
    assert!(error.message.contains("Two is over there"), "{}", error.message);
    assert_eq!(stores.job_keys().await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn silence_and_too_little_sound_fail_the_job() {
    for fault in [Fault::Silence, Fault::Short, Fault::NoAudio, Fault::EndsWithoutDone] {
        let tone = ToneSynthesizer::by_reference().with_fault(When::text("Two"), fault.clone());
        let stores = Stores::new();
        let engine = stores.engine(&tone);
        let (_, voice) = prepared(&engine).await;
        let job = ended(&engine, engine.submit(&alice(), saying(voice, THREE), None).await.unwrap()).await;
        assert_eq!((job.state, job.output.is_some()), (JobState::Failed, false), "{fault:?}");
        assert_eq!(job.error.unwrap().kind, ErrorKind::Protocol, "{fault:?}");
        assert_eq!(stores.job_keys().await, [""; 0], "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stand_in_speaks_all_of_the_text_and_is_named() {
    let fault = Fault::BeforeAudio(unavailable());
    let first = ToneSynthesizer::by_reference().with_fault(When::text("Three"), fault);
    let second = ToneSynthesizer::by_reference();
    let stores = Stores::new();
    let engine = stores.builder().provider(provider("first", &first)).provider(provider("second", &second));
    let engine = engine.build().unwrap();
    let (_, voice) = prepared(&engine).await;
    let job = ended(&engine, engine.submit(&alice(), saying(voice, THREE), None).await.unwrap()).await;
    let told = spoken(&job);
    assert_eq!(told.provider.as_str(), "second");
    assert_eq!(told.instead_of.as_ref().map(ProviderId::as_str), Some("first"));
    assert_eq!(second.calls(), 3, "one provider speaks all of an artefact");
    assert_eq!(stores.job_keys().await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn progress_counts_characters_to_the_last() {
    let slow = Fault::Slow(Duration::from_millis(300));
    let tone = ToneSynthesizer::by_reference().with_fault(When::always(), slow);
    let engine = Stores::new().engine(&tone);
    let (_, voice) = prepared(&engine).await;
    let job = engine.submit(&alice(), saying(voice, THREE), None).await.unwrap();
    ended(&engine, job.clone()).await;
    let events: Vec<_> = job.events(0).await.unwrap().try_collect().await.unwrap();
    let done: Vec<u64> = events.iter().filter_map(|event| event.progress.as_ref()).map(|p| p.done).collect();
    assert!(done.is_sorted() && done.iter().any(|done| (1..53).contains(done)), "{done:?}");
    assert!(events.iter().filter_map(|event| event.progress.as_ref()).all(|p| p.total == 53));
}

#[tokio::test(start_paused = true)]
async fn a_failing_store_delays_a_job_and_loses_nothing() {
    for verb in ["get", "put", "list", "delete"] {
        let (stores, tone) = (Stores::new(), ToneSynthesizer::by_reference());
        let engine = stores.engine(&tone);
        let (_, voice) = prepared(&engine).await;
        let job = engine.submit(&alice(), saying(voice, THREE), None).await.unwrap();
        stores.blobs.plan(verb, When::call(stores.blobs.calls(verb) + 1), StoreFault::Fails(unavailable()));
        let job = ended(&engine, job).await;
        assert_eq!(job.state, JobState::Succeeded, "{verb}: {:?}", job.error);
        engine.sweep(&alice(), Duration::ZERO).await.unwrap();
        assert_eq!(stores.job_keys().await, [spoken(&job).key.to_string()], "{verb}");
    }
}
