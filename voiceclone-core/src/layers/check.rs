//! Refuses, before the call, what a provider says it cannot do: nothing is silently ignored or substituted.
use std::{fmt::Display, sync::Arc, time::Duration};

use async_trait::async_trait;

use super::Layer;
use crate::{
    audio::BoxStream,
    cloner::{ClonerInfo, EnrollRequest, ProviderVoice, VoiceCloner},
    error::{Error, Result},
    id::ProviderVoiceId,
    speak::Utterance,
    stream::SynthesisStream,
    synth::{SpeechSession, SynthesisCapability, SynthesisRequest, Synthesizer, SynthesizerInfo, VoiceRef},
};

/// Compares every request with the provider's [`SynthesisCapability`] or [`ClonerInfo`]. An error names what was asked
/// and what is accepted: `Unsupported` for an ability that is lacking, `InvalidInput` for a value outside its limits.
///
/// - A **language** is accepted if its subtags begin with those of an offered tag or the other way round (RFC 4647,
///   letter case aside): `en-GB` where `en` is offered and `en` where `en-US` is, but not `en-GB` where only `en-US` is.
/// - A **seed** is a wish for the same samples again: refused where the provider is not deterministic.
/// - Each piece **pushed into a session** is held to the text limit on its own.
/// - **Settings** for this provider are the adapter's to read; settings for others are for others and are not looked at.
#[derive(Debug, Clone, Copy, Default)]
pub struct CheckLayer;

impl Layer for CheckLayer {
    fn synthesizer(&self, inner: Arc<dyn Synthesizer>) -> Arc<dyn Synthesizer> {
        Arc::new(Checked { inner })
    }

    fn cloner(&self, inner: Arc<dyn VoiceCloner>) -> Arc<dyn VoiceCloner> {
        Arc::new(Checked { inner })
    }
}

#[derive(Debug)]
struct Checked<T: ?Sized> {
    inner: Arc<T>,
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl Synthesizer for Checked<dyn Synthesizer> {
    fn info(&self) -> &SynthesizerInfo {
        self.inner.info()
    }

    async fn synthesize(&self, request: &SynthesisRequest) -> Result<SynthesisStream> {
        check_request(self.info(), request)?;
        self.inner.synthesize(request).await
    }

    async fn open_session(&self, request: &SynthesisRequest) -> Result<Box<dyn SpeechSession>> {
        let info = self.info();
        if !info.capability.sessions {
            return Err(named(Error::unsupported("the provider takes no text piece by piece"), &info.name));
        }
        check_request(info, request)?;
        let inner = self.inner.open_session(request).await?;
        Ok(Box::new(CheckedSession { inner, provider: info.name.clone(), max_chars: info.capability.max_text_chars }))
    }
}

#[derive(Debug)]
struct CheckedSession {
    inner: Box<dyn SpeechSession>,
    provider: String,
    max_chars: usize,
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl SpeechSession for CheckedSession {
    async fn push(&mut self, text: &str) -> Result<()> {
        check_length(text, self.max_chars).map_err(|e| named(e, &self.provider))?;
        self.inner.push(text).await
    }

    async fn finish(self: Box<Self>) -> Result<SynthesisStream> {
        self.inner.finish().await
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl VoiceCloner for Checked<dyn VoiceCloner> {
    fn info(&self) -> &ClonerInfo {
        self.inner.info()
    }

    async fn enroll(&self, request: &EnrollRequest) -> Result<ProviderVoice> {
        let info = self.info();
        check_clips(info, request).map_err(|e| e.during("enroll").with("provider", &info.name))?;
        self.inner.enroll(request).await
    }

    async fn describe(&self, id: &ProviderVoiceId) -> Result<ProviderVoice> {
        self.inner.describe(id).await
    }

    async fn remove(&self, id: &ProviderVoiceId) -> Result<()> {
        self.inner.remove(id).await
    }

    fn list(&self) -> BoxStream<Result<ProviderVoice>> {
        self.inner.list()
    }
}

fn named(error: Error, provider: &str) -> Error {
    error.during("synthesize").with("provider", provider)
}

/// Refuses what `info` denies, as [`CheckLayer`] does. The engine puts that layer around every provider; a provider that is
/// also called by itself keeps the rule with one call of this.
///
/// # Errors
/// `Unsupported` for an ability that is lacking, `InvalidInput` for a value outside its limits.
pub fn check_request(info: &SynthesizerInfo, request: &SynthesisRequest) -> Result<()> {
    let capability = &info.capability;
    check_voice(capability, &request.voice)
        .and_then(|()| check_length(request.text(), capability.max_text_chars))
        .and_then(|()| check_format(capability, request))
        .and_then(|()| check_utterance(capability, &request.utterance))
        .map_err(|e| named(e, &info.name))
}

fn check_voice(capability: &SynthesisCapability, voice: &VoiceRef) -> Result<()> {
    match voice {
        VoiceRef::Provider(_) if !capability.voice_by_id => {
            Err(Error::unsupported("the provider knows no voices by id; it takes clips with each request"))
        }
        VoiceRef::Reference(_) if !capability.voice_by_reference => {
            Err(Error::unsupported("the provider takes no clips with a request; the voice must be enrolled first"))
        }
        VoiceRef::Reference(voice) if voice.clips.is_empty() => {
            Err(Error::invalid("the reference voice has no clips; at least one is needed"))
        }
        _ => Ok(()),
    }
}

fn check_length(text: &str, max: usize) -> Result<()> {
    let chars = text.chars().count();
    if chars <= max {
        return Ok(());
    }
    Err(Error::invalid(format!("the text has {chars} characters; the provider takes at most {max} at a time")))
}

fn check_format(capability: &SynthesisCapability, request: &SynthesisRequest) -> Result<()> {
    if capability.formats.contains(&request.format) {
        return Ok(());
    }
    Err(Error::unsupported(format!(
        "the provider does not stream {}; it offers {}",
        request.format,
        listed(&capability.formats)
    )))
}

/// Refuses a manner of speaking that the capability denies; the length of the text is not looked at.
pub(crate) fn check_utterance(capability: &SynthesisCapability, utterance: &Utterance) -> Result<()> {
    match (utterance.speed, &capability.speed) {
        (Some(asked), None) => {
            return Err(Error::unsupported(format!("the provider has no speaking rate to set; {asked} was asked")));
        }
        (Some(asked), Some(range)) if !range.contains(&asked) => {
            return Err(Error::invalid(format!(
                "the speaking rate is {asked}; the provider takes {} to {}",
                range.start(),
                range.end()
            )));
        }
        _ => {}
    }
    if utterance.seed.is_some() && !capability.deterministic {
        return Err(Error::unsupported("a seed was given, and the provider cannot repeat itself"));
    }
    match &utterance.language {
        Some(asked) if !speaks(&capability.languages, asked) => Err(Error::unsupported(format!(
            "the provider does not speak {asked}; it offers {}",
            listed(&capability.languages)
        ))),
        _ => Ok(()),
    }
}

fn speaks(offered: &[String], asked: &str) -> bool {
    // Tags differ first where one of them has ended or where they disagree; only the former is a match.
    let alike = |tag: &String| tag.split('-').zip(asked.split('-')).all(|(a, b)| a.eq_ignore_ascii_case(b));
    offered.is_empty() || offered.iter().any(alike)
}

fn check_clips(info: &ClonerInfo, request: &EnrollRequest) -> Result<()> {
    let clips = request.clips.len();
    if clips == 0 || clips > info.max_clips {
        return Err(Error::invalid(format!("there are {clips} clips; the provider takes 1 to {}", info.max_clips)));
    }
    let total: Duration = request.clips.iter().map(|clip| clip.duration).sum();
    if total < info.min_duration {
        return Err(Error::invalid(format!(
            "the clips are {:.1} s long together; the provider needs at least {:.1} s",
            total.as_secs_f64(),
            info.min_duration.as_secs_f64()
        )));
    }
    Ok(())
}

fn listed<T: Display>(items: &[T]) -> String {
    let names: Vec<_> = items.iter().map(T::to_string).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::super::script::{Script, enrollment, reference, request};
    use super::*;
    use crate::{audio::AudioFormat, error::ErrorKind, id::ProviderVoiceId, speak::Utterance, text::SpeechText};

    fn plain() -> Script {
        Script::capable(|c| {
            c.voice_by_reference = false;
            c.speed = None;
            c.deterministic = false;
            c.sessions = false;
            c.max_text_chars = 10;
            c.languages = vec!["en".into(), "pt-BR".into()];
        })
    }

    async fn refusal(script: Script, request: SynthesisRequest) -> Error {
        let script = Arc::new(script);
        let error = CheckLayer.synthesizer(script.speaker()).synthesize(&request).await.unwrap_err();
        assert!(script.times().is_empty(), "the provider was called in spite of {error}");
        error
    }

    async fn assert_refused(kind: ErrorKind, asked: &str, accepted: &str, set: impl FnOnce(&mut SynthesisRequest)) {
        let mut request = request();
        set(&mut request);
        let error = refusal(plain(), request).await;
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.message().contains(asked) && error.message().contains(accepted), "{error}");
        assert!(error.to_string().contains("provider: script"), "{error}");
    }

    #[tokio::test]
    async fn what_the_capability_denies_is_refused_before_the_call_and_says_what_is_accepted() {
        let text = |t: &str| Utterance::new(SpeechText::new(t, 100).unwrap());
        let high = AudioFormat::raw_s16(48_000).unwrap();
        assert_refused(ErrorKind::InvalidInput, "11 characters", "at most 10", |r| r.utterance = text("elevenchars"))
            .await;
        assert_refused(ErrorKind::Unsupported, "48000 Hz", "24000 Hz", |r| r.format = high).await;
        assert_refused(ErrorKind::Unsupported, "1.5", "no speaking rate", |r| r.utterance.speed = Some(1.5)).await;
        assert_refused(ErrorKind::Unsupported, "seed", "cannot repeat", |r| r.utterance.seed = Some(7)).await;
        assert_refused(ErrorKind::Unsupported, "de-AT", "en, pt-BR", |r| r.utterance.language = Some("de-AT".into()))
            .await;
        assert_refused(ErrorKind::Unsupported, "no clips", "enrolled first", |r| r.voice = reference(1)).await;
    }

    #[tokio::test]
    async fn a_limit_itself_is_accepted() {
        let script = Arc::new(plain());
        let mut request = request();
        request.utterance = Utterance::new(SpeechText::new("ten chärs!", 100).unwrap());
        CheckLayer.synthesizer(script.speaker()).synthesize(&request).await.unwrap();
        assert_eq!(script.times().len(), 1);
    }

    #[tokio::test]
    async fn a_speaking_rate_must_be_a_number_within_the_range() {
        for (speed, accepted) in [(0.5, true), (2.0, true), (0.49, false), (2.01, false), (f32::NAN, false)] {
            let mut request = request();
            request.utterance.speed = Some(speed);
            let outcome = CheckLayer.synthesizer(Arc::new(Script::speaking())).synthesize(&request).await;
            assert_eq!(outcome.is_ok(), accepted, "{speed}");
        }
    }

    #[tokio::test]
    async fn voices_are_taken_in_the_way_the_provider_takes_them() {
        let by_reference = || Script::capable(|c| c.voice_by_id = false);
        let mut request = request();
        request.voice = VoiceRef::Provider(ProviderVoiceId::new("v").unwrap());
        assert_eq!(refusal(by_reference(), request.clone()).await.kind(), ErrorKind::Unsupported);
        request.voice = reference(0);
        assert_eq!(refusal(by_reference(), request).await.kind(), ErrorKind::InvalidInput);
    }

    #[test]
    fn languages_match_by_subtags_in_both_directions_but_not_across_regions() {
        let offered = |tags: &[&str]| tags.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>();
        let cases = [
            (&["en"][..], "en-GB", true),
            (&["en-US"][..], "en", true),
            (&["en-US"][..], "EN-us", true),
            (&["en-US"][..], "en-GB", false),
            (&["en"][..], "eng", false),
            (&["de", "zh-Hans"][..], "zh-Hans-CN", true),
            (&[][..], "tlh", true),
        ];
        for (tags, asked, expected) in cases {
            assert_eq!(speaks(&offered(tags), asked), expected, "{asked} of {tags:?}");
        }
    }

    #[tokio::test]
    async fn sessions_are_refused_where_there_are_none_and_each_piece_is_held_to_the_limit() {
        let error = CheckLayer.synthesizer(Arc::new(plain())).open_session(&request()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        let provider = CheckLayer.synthesizer(Arc::new(Script::capable(|c| c.max_text_chars = 10)));
        let mut session = provider.open_session(&request()).await.unwrap();
        session.push("ten chars!").await.unwrap();
        assert_eq!(session.push("ten chars!!").await.unwrap_err().kind(), ErrorKind::InvalidInput);
        session.finish().await.unwrap();
    }

    #[tokio::test]
    async fn an_enrolment_is_held_to_the_number_and_the_length_of_its_clips() {
        for (clips, accepted) in [(0, false), (1, false), (2, true), (3, true), (4, false)] {
            let script = Arc::new(Script::speaking());
            let outcome = CheckLayer.cloner(script.enroller()).enroll(&enrollment(clips)).await;
            assert_eq!(outcome.is_ok(), accepted, "{clips} clips of 1 s where 2 s are needed and 3 clips are taken");
            assert_eq!(script.times().len(), usize::from(accepted));
        }
    }
}
