//! Speech that is heard while it is made.
use std::time::Duration;

use futures_util::StreamExt as _;
use voiceclone_core::{
    ErrorKind,
    id::ProviderId,
    mark::MetadataMarker,
    stream::SynthesisEvent,
    testkit::fakes::{Ended, Fault, RecordingObserver, ToneSynthesizer, When},
};

use crate::support::{
    Stores, THREE, alice, hear, prepared, provider, saying, sentence_by_sentence, unavailable, upload,
};

/// Bytes of one character: 1,600 samples of 16 bits.
const CHARACTER: usize = 3_200;

#[tokio::test(start_paused = true)]
async fn one_sentence_is_passed_on_as_the_provider_speaks_it() {
    let tone = ToneSynthesizer::by_reference();
    let engine = Stores::new().engine(&tone);
    let (sample, voice) = prepared(&engine).await;
    let by_voice = hear(&engine, saying(voice, "Good morning.")).await.unwrap();
    let by_sample = voiceclone_core::speak::SpeakRequest::new(sample, "Good morning.").unwrap();
    assert_eq!(by_voice.len(), 13 * CHARACTER);
    assert_eq!(hear(&engine, by_sample).await.unwrap(), by_voice);
    assert_eq!(tone.texts(), ["Good morning."; 2]);
}

#[tokio::test(start_paused = true)]
async fn sentences_are_joined_with_pauses_and_their_words_are_moved() {
    let tone = ToneSynthesizer::by_reference().with_capability(|can| can.alignment = true);
    let engine = Stores::new().engine(&tone);
    let (_, voice) = prepared(&engine).await;
    let mut speech = engine.speak(&alice(), saying(voice, THREE)).await.unwrap();
    let (mut bytes, mut words, mut ends) = (0, Vec::new(), 0);
    while let Some(event) = speech.next().await {
        match event.unwrap() {
            SynthesisEvent::Audio(audio) => bytes += audio.len(),
            SynthesisEvent::Words(more) => words.extend(more),
            _ => ends += 1,
        }
    }
    assert_eq!(ends, 1);
    assert_eq!(tone.texts(), ["One is here now. ", "Two is over there. ", "Three is at home."]);
    let pause = 24_000 / 4 * 2;
    let expected = (17 + 19 + 17) * CHARACTER + 2 * pause;
    assert!(bytes.abs_diff(expected) < 200, "{bytes} where {expected} were expected");
    let said: Vec<_> = words.iter().map(|word| word.word.as_str()).collect();
    assert_eq!(said, THREE.split_whitespace().collect::<Vec<_>>());
    let two = Duration::from_secs_f64(17.0 / 15.0 + 0.25);
    let three = two + Duration::from_secs_f64(19.0 / 15.0 + 0.25);
    for (index, expected) in [(4, two), (8, three)] {
        let off = words[index].start.abs_diff(expected);
        assert!(off < Duration::from_millis(5), "{:?} where {expected:?} was expected", words[index]);
    }
}

#[tokio::test(start_paused = true)]
async fn silence_and_too_little_sound_do_not_pass_for_speech() {
    for fault in [Fault::Silence, Fault::Short, Fault::NoAudio, Fault::EndsWithoutDone] {
        for (text, part) in [("Good morning.", "Good"), (THREE, "One"), (THREE, "Three")] {
            let tone = ToneSynthesizer::by_reference().with_fault(When::text(part), fault.clone());
            let engine = Stores::new().engine(&tone);
            let (_, voice) = prepared(&engine).await;
            let error = hear(&engine, saying(voice, text)).await.expect_err(&format!("{fault:?} of {part}"));
            assert_eq!(error.kind(), ErrorKind::Protocol, "{fault:?} of {part}: {error}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn another_provider_stands_in_and_is_named() {
    let first = ToneSynthesizer::by_reference().with_fault(When::always(), Fault::BeforeAudio(unavailable()));
    let second = ToneSynthesizer::by_reference();
    let engine =
        Stores::new().builder().provider(provider("first", &first)).provider(provider("second", &second)).build();
    let engine = engine.unwrap();
    let (_, voice) = prepared(&engine).await;
    let speech = engine.speak(&alice(), saying(voice, "Good morning.")).await.unwrap();
    assert_eq!(speech.provider.as_str(), "second");
    assert_eq!(speech.instead_of.as_ref().map(ProviderId::as_str), Some("first"));
    let plain = saying(voice, "Good morning.").provider(ProviderId::new("second").unwrap());
    assert_eq!(engine.speak(&alice(), plain).await.unwrap().instead_of, None);
}

#[tokio::test(start_paused = true)]
async fn nobody_stands_in_once_something_was_heard() {
    let first = ToneSynthesizer::by_reference().with_fault(When::always(), Fault::MidStream(unavailable()));
    let second = ToneSynthesizer::by_reference();
    let engine =
        Stores::new().builder().provider(provider("first", &first)).provider(provider("second", &second)).build();
    let engine = engine.unwrap();
    let (_, voice) = prepared(&engine).await;
    let error = hear(&engine, saying(voice, "Good morning.")).await.unwrap_err();
    assert_eq!((error.kind(), first.calls(), second.calls()), (ErrorKind::Unavailable, 1, 0));
}

#[tokio::test(start_paused = true)]
async fn dropping_speech_stops_all_of_it() {
    let slow = Fault::Slow(Duration::from_secs(1));
    let tone = ToneSynthesizer::by_reference().with_fault(When::always(), slow);
    let observer = RecordingObserver::default();
    let engine = Stores::new().builder().provider(provider("tone", &tone)).observer(observer.clone()).build().unwrap();
    let (_, voice) = prepared(&engine).await;
    let mut speech = engine.speak(&alice(), saying(voice, THREE)).await.unwrap();
    speech.next_audio().await.unwrap();
    assert!(tone.live() > 0);
    drop(speech);
    tokio::task::yield_now().await;
    assert_eq!(tone.live(), 0);
    assert_eq!(observer.ends("speak"), [Some(Ended::Dropped)]);
}

#[tokio::test(start_paused = true)]
async fn an_observer_sees_the_preparation_and_the_speech() {
    let observer = RecordingObserver::default();
    let tone = ToneSynthesizer::by_reference();
    let engine = Stores::new().builder().provider(provider("tone", &tone)).observer(observer.clone()).build().unwrap();
    let (_, voice) = prepared(&engine).await;
    let heard = hear(&engine, saying(voice, THREE)).await.unwrap();
    assert_eq!(observer.ends("prepare"), [Some(Ended::Ok)]);
    let seen = observer.recorded().into_iter().find(|seen| seen.info.op == "speak").unwrap();
    assert_eq!((seen.ended, seen.first_audio, seen.bytes), (Some(Ended::Ok), 1, heard.len()));
}

#[tokio::test(start_paused = true)]
async fn speech_taken_whole_is_marked() {
    let engine = Stores::new().engine(&ToneSynthesizer::by_reference());
    let (sample, voice) = prepared(&engine).await;
    let consent = engine.sample(&alice(), sample).await.unwrap().consent.id;
    let speech = engine.speak(&alice(), saying(voice, THREE)).await.unwrap();
    let marked = speech.into_marked(usize::MAX).await.unwrap();
    let mark = MetadataMarker::read(&marked.audio().body).await.unwrap().unwrap();
    assert_eq!((mark.provider.as_str(), mark.consents), ("tone", vec![consent]));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_spoken_is_refused_before_the_provider_is_asked() {
    let tone = ToneSynthesizer::by_reference().with_capability(|can| can.languages = vec!["en".into()]);
    let engine = Stores::new().engine(&tone);
    let (_, voice) = prepared(&engine).await;
    let request = || saying(voice, "Good morning.");
    let long = saying(voice, &"word ".repeat(40_000));
    for (request, kind) in [
        (request().speed(9.0), ErrorKind::InvalidInput),
        (request().language("fr"), ErrorKind::Unsupported),
        (request().sample_rate(12_345), ErrorKind::Unsupported),
        (request().provider(ProviderId::new("nobody").unwrap()), ErrorKind::NotFound),
    ] {
        assert_eq!(engine.speak(&alice(), request.clone()).await.unwrap_err().kind(), kind);
        assert_eq!(engine.submit(&alice(), request, None).await.unwrap_err().kind(), kind);
    }
    let engine = Stores::new().builder().limits(sentence_by_sentence().with(|limits| limits.max_text_chars = 100));
    let engine = engine.provider(provider("tone", &tone)).build().unwrap();
    let error = engine.speak(&alice(), long).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert_eq!(tone.calls(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_voice_whose_recording_is_being_prepared_asks_for_patience() {
    let engine = Stores::new().engine(&ToneSynthesizer::by_reference());
    let ingested = engine.ingest(&alice(), upload()).await.unwrap();
    let error = hear(&engine, saying(ingested.sample.voice, "Good morning.")).await.unwrap_err();
    assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Conflict, true));
}
