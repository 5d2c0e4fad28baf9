//! A synthesizer with one fault.
use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use futures_util::{StreamExt as _, stream};
use voiceclone_core::{
    Error, ErrorKind, Result, async_trait,
    audio::AudioFormat,
    id::ProviderVoiceId,
    stream::{Summary, SynthesisEvent, SynthesisStream, WordTime},
    synth::{SpeechSession, SynthesisRequest, Synthesizer, SynthesizerInfo, VoiceRef},
    testkit::{fakes::ToneSynthesizer, synthesizer::CASES},
    text::SpeechText,
};

use super::{KNOWN, able, by_id, from_clips, known_account, poor};

#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    OffersNothing,
    ChangesItsInfo,
    EndsWithoutDone,
    NeverEnds,
    EndsWithinASample,
    SpeaksInItsOwnFormat,
    SaysOnlyTheBeginning,
    IsSilent,
    LosesItsVoice,
    SpeaksInAnyVoice,
    CallsUnknownInvalid,
    RefusesClips,
    DependsOnThePast,
    IgnoresSpeed,
    TellsWordsBackwards,
    TellsWordsPastTheEnd,
    TellsNoWords,
    RefusesALanguage,
    ForgetsWhatWasPushed,
    RefusesTheLimit,
    CutsLongTexts,
    TakesAnyFormat,
    IgnoresUnknownSettings,
    TakesAnySpeed,
    TakesAnyLanguage,
    LeavesATaskBehind,
    LeavesATaskBehindACall,
    MixesUpWhatRunsAtOnce,
}

#[derive(Debug)]
struct Faulty {
    inner: ToneSynthesizer,
    info: SynthesizerInfo,
    later: SynthesizerInfo,
    fault: Fault,
    calls: AtomicUsize,
    running: AtomicUsize,
}

impl Faulty {
    fn new(fault: Fault) -> Self {
        let inner = able(&known_account());
        let mut info = inner.info().clone();
        match fault {
            Fault::OffersNothing => info.capability.formats.clear(),
            Fault::TellsNoWords => info.capability.alignment = true,
            _ => {}
        }
        let mut later = info.clone();
        later.capability.max_text_chars += 1;
        Self { inner, info, later, fault, calls: AtomicUsize::new(0), running: AtomicUsize::new(0) }
    }

    /// The request as this provider wrongly reads it.
    fn misread(&self, request: &SynthesisRequest) -> SynthesisRequest {
        let mut request = request.clone();
        let cut = |request: &mut SynthesisRequest, chars: usize| {
            let text: String = request.text().chars().take(chars).collect();
            request.utterance.text = SpeechText::new(&text, usize::MAX).unwrap();
        };
        match self.fault {
            Fault::SpeaksInAnyVoice => request.voice = VoiceRef::Provider(ProviderVoiceId::new(KNOWN).unwrap()),
            Fault::SaysOnlyTheBeginning => cut(&mut request, 10),
            Fault::CutsLongTexts => cut(&mut request, self.info.capability.max_text_chars),
            Fault::IgnoresSpeed => request.utterance.speed = None,
            Fault::TakesAnySpeed => request.utterance.speed = request.utterance.speed.map(|s| s.clamp(0.5, 2.0)),
            Fault::TakesAnyLanguage => request.utterance.language = None,
            Fault::IgnoresUnknownSettings => request.utterance.options.clear(),
            Fault::SpeaksInItsOwnFormat | Fault::TakesAnyFormat => {
                request.format = self.info.capability.formats[0];
            }
            Fault::DependsOnThePast => {
                let speed = if self.calls.load(Ordering::Relaxed).is_multiple_of(2) { 1.0 } else { 1.25 };
                request.utterance.speed.get_or_insert(speed);
            }
            Fault::MixesUpWhatRunsAtOnce if self.running.load(Ordering::Relaxed) > 1 => cut(&mut request, 5),
            _ => {}
        }
        request
    }

    fn refuses(&self, request: &SynthesisRequest) -> bool {
        match self.fault {
            Fault::RefusesClips => matches!(request.voice, VoiceRef::Reference(_)),
            Fault::LosesItsVoice => matches!(request.voice, VoiceRef::Provider(_)),
            Fault::RefusesALanguage => request.utterance.language.as_deref() == Some("pt-BR"),
            Fault::RefusesTheLimit => request.text().chars().count() == self.info.capability.max_text_chars,
            _ => false,
        }
    }

    fn broken(&self, stream: SynthesisStream, asked: AudioFormat) -> SynthesisStream {
        let format = if self.fault == Fault::TakesAnyFormat { asked } else { stream.format() };
        match self.fault {
            Fault::EndsWithoutDone => SynthesisStream::new(format, stream.take(1)),
            Fault::NeverEnds => SynthesisStream::new(format, stream.take(1).chain(stream::pending())),
            Fault::TellsWordsBackwards | Fault::TellsWordsPastTheEnd | Fault::TellsNoWords => self.reworded(stream),
            Fault::EndsWithinASample | Fault::IsSilent | Fault::TakesAnyFormat => {
                let fault = self.fault;
                SynthesisStream::new(format, stream.map(move |event| Ok(resound(fault, event?))))
            }
            _ => stream,
        }
    }

    fn reworded(&self, stream: SynthesisStream) -> SynthesisStream {
        let fault = self.fault;
        let format = stream.format();
        let events = stream.filter_map(move |event| async move {
            match (event, fault) {
                (Ok(SynthesisEvent::Words(_)), Fault::TellsNoWords) => None,
                (Ok(SynthesisEvent::Words(mut words)), Fault::TellsWordsBackwards) => {
                    words.reverse();
                    Some(Ok(SynthesisEvent::Words(words)))
                }
                (Ok(SynthesisEvent::Words(mut words)), _) => {
                    let late = Duration::from_mins(9);
                    words.push(WordTime::new("late", late, late));
                    Some(Ok(SynthesisEvent::Words(words)))
                }
                (event, _) => Some(event),
            }
        });
        SynthesisStream::new(format, events)
    }
}

fn resound(fault: Fault, event: SynthesisEvent) -> SynthesisEvent {
    match (event, fault) {
        (SynthesisEvent::Audio(audio), Fault::IsSilent) => SynthesisEvent::Audio(vec![0; audio.len()].into()),
        (SynthesisEvent::Audio(audio), Fault::EndsWithinASample) => SynthesisEvent::Audio(audio.slice(1..)),
        (event, _) => event,
    }
}

#[async_trait]
impl Synthesizer for Faulty {
    fn info(&self) -> &SynthesizerInfo {
        let called = self.calls.load(Ordering::Relaxed) > 0;
        if self.fault == Fault::ChangesItsInfo && called { &self.later } else { &self.info }
    }

    async fn synthesize(&self, request: &SynthesisRequest) -> Result<SynthesisStream> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        if self.refuses(request) {
            return Err(Error::invalid("a fault"));
        }
        if self.fault == Fault::LeavesATaskBehindACall {
            leave_a_task_behind();
            tokio::task::yield_now().await;
        }
        self.running.fetch_add(1, Ordering::Relaxed);
        tokio::task::yield_now().await;
        let misread = self.misread(request);
        let outcome = self.inner.synthesize(&misread).await;
        self.running.fetch_sub(1, Ordering::Relaxed);
        let stream = match outcome {
            Err(e) if self.fault == Fault::CallsUnknownInvalid && e.kind() == ErrorKind::NotFound => {
                return Err(Error::invalid("there is no such voice"));
            }
            outcome => outcome?,
        };
        if self.fault == Fault::LeavesATaskBehind {
            leave_a_task_behind();
        }
        Ok(self.broken(stream, request.format))
    }

    async fn open_session(&self, request: &SynthesisRequest) -> Result<Box<dyn SpeechSession>> {
        let inner = self.inner.open_session(request).await?;
        Ok(if self.fault == Fault::ForgetsWhatWasPushed { Box::new(Deaf(inner)) } else { inner })
    }
}

#[expect(clippy::disallowed_methods, reason = "the fault that is to be caught")]
fn leave_a_task_behind() {
    drop(tokio::spawn(std::future::pending::<()>()));
}

#[derive(Debug)]
struct Deaf(Box<dyn SpeechSession>);

#[async_trait]
impl SpeechSession for Deaf {
    async fn push(&mut self, _: &str) -> Result<()> {
        Ok(())
    }

    async fn finish(self: Box<Self>) -> Result<SynthesisStream> {
        self.0.finish().await
    }
}

#[test]
fn every_faulty_synthesizer_is_caught() {
    for (fault, case) in [
        (Fault::OffersNothing, "the_capability_can_be_met"),
        (Fault::ChangesItsInfo, "the_info_is_the_same_every_time"),
        (Fault::EndsWithoutDone, "a_synthesis_ends_with_one_done_and_whole_frames"),
        (Fault::NeverEnds, "a_synthesis_ends_with_one_done_and_whole_frames"),
        (Fault::EndsWithinASample, "a_synthesis_ends_with_one_done_and_whole_frames"),
        (Fault::SpeaksInItsOwnFormat, "every_offered_format_is_delivered"),
        (Fault::SaysOnlyTheBeginning, "a_longer_text_has_more_audio"),
        (Fault::IsSilent, "the_audio_is_not_silence"),
        (Fault::LosesItsVoice, "a_voice_known_by_id_speaks"),
        (Fault::SpeaksInAnyVoice, "an_unknown_voice_is_not_found"),
        (Fault::CallsUnknownInvalid, "an_unknown_voice_is_not_found"),
        (Fault::RefusesClips, "a_reference_voice_speaks"),
        (Fault::SpeaksInAnyVoice, "a_reference_voice_without_clips_is_refused"),
        (Fault::DependsOnThePast, "the_same_seed_gives_the_same_bytes"),
        (Fault::IgnoresSpeed, "a_higher_speed_takes_less_time"),
        (Fault::TellsWordsBackwards, "words_come_in_order_and_within_the_audio"),
        (Fault::TellsWordsPastTheEnd, "words_come_in_order_and_within_the_audio"),
        (Fault::TellsNoWords, "words_come_in_order_and_within_the_audio"),
        (Fault::RefusesALanguage, "every_offered_language_is_spoken"),
        (Fault::ForgetsWhatWasPushed, "a_session_speaks_what_was_pushed"),
        (Fault::RefusesTheLimit, "a_text_at_the_limit_is_accepted"),
        (Fault::CutsLongTexts, "a_text_over_the_limit_is_refused"),
        (Fault::TakesAnyFormat, "a_format_that_is_not_offered_is_refused"),
        (Fault::IgnoresUnknownSettings, "unknown_settings_are_refused"),
        (Fault::TakesAnySpeed, "a_speed_out_of_range_is_refused"),
        (Fault::TakesAnyLanguage, "a_language_that_is_not_offered_is_refused"),
        (Fault::LeavesATaskBehind, "a_dropped_stream_leaves_nothing_running"),
        (Fault::LeavesATaskBehindACall, "a_dropped_call_leaves_nothing_running"),
        (Fault::MixesUpWhatRunsAtOnce, "many_at_once_speak_as_one_alone"),
    ] {
        super::assert_caught(CASES, &format!("{fault:?}"), case, || by_id(Faulty::new(fault)));
    }
}

/// Speaks whatever it is asked, as if it had every ability.
#[derive(Debug)]
struct Boundless {
    told: SynthesizerInfo,
    inner: ToneSynthesizer,
}

#[async_trait]
impl Synthesizer for Boundless {
    fn info(&self) -> &SynthesizerInfo {
        &self.told
    }

    async fn synthesize(&self, request: &SynthesisRequest) -> Result<SynthesisStream> {
        let audio = vec![1; request.text().len() * 3_200];
        let events = [SynthesisEvent::Audio(audio.into()), SynthesisEvent::Done(Summary::default())];
        Ok(SynthesisStream::new(request.format, stream::iter(events.map(Ok))))
    }

    async fn open_session(&self, request: &SynthesisRequest) -> Result<Box<dyn SpeechSession>> {
        self.inner.open_session(request).await
    }
}

#[test]
fn a_synthesizer_that_does_what_it_denies_is_caught() {
    let sessions = || poor().with_capability(|can| can.sessions = true);
    for case in [
        "a_voice_by_id_is_refused_where_none_is_known",
        "a_speed_is_refused_where_there_is_none",
        "a_seed_is_refused_where_nothing_repeats",
        "a_session_is_refused_where_there_is_none",
    ] {
        let boundless = || Boundless { told: poor().info().clone(), inner: sessions() };
        super::assert_caught(CASES, "a boundless provider", case, || from_clips(boundless()));
    }
    let told = ToneSynthesizer::of_account(&known_account()).info().clone();
    let case = "a_reference_voice_is_refused_where_none_is_taken";
    super::assert_caught(CASES, "one that takes clips", case, || {
        by_id(Boundless { told: told.clone(), inner: sessions() })
    });
}
