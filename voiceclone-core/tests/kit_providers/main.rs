//! The suites of the provider seams keep their word: the fakes pass every case, and a provider with one fault fails one.
mod faulty_cloner;
mod faulty_marker;
mod faulty_preprocessor;
mod faulty_synthesizer;

use voiceclone_core::{
    audio::AudioFormat,
    domain::ClipProfile,
    id::ProviderVoiceId,
    mark::MetadataMarker,
    synth::VoiceRef,
    testkit::{
        Case,
        cloner::ClonerFixture,
        fakes::{FakeAccount, FakeCloner, PassThroughPreprocessor, ToneSynthesizer, reference_voice},
        marker::MarkerFixture,
        preprocessor::PreprocessFixture,
        run_case,
        synthesizer::SynthFixture,
    },
};

voiceclone_core::synthesizer_conformance!(plain_tone, from_clips(ToneSynthesizer::by_reference()));
voiceclone_core::synthesizer_conformance!(able_tone, by_id(able(&known_account())));
voiceclone_core::synthesizer_conformance!(poor_tone, from_clips(poor()));
voiceclone_core::voice_cloner_conformance!(plain_cloner, ClonerFixture::new(FakeCloner::new(&FakeAccount::new())));
voiceclone_core::voice_cloner_conformance!(able_cloner, ClonerFixture::new(able_cloner()));
voiceclone_core::preprocessor_conformance!(pass_through, PreprocessFixture::new(PassThroughPreprocessor::default()));
voiceclone_core::marker_conformance!(metadata, readable(MetadataMarker));
voiceclone_core::marker_conformance!(opaque, MarkerFixture::new(MetadataMarker));

const KNOWN: &str = "known";

fn known_account() -> FakeAccount {
    FakeAccount::new().with_voice(ProviderVoiceId::new(KNOWN).unwrap())
}

/// A tone that can do all that a tone can.
fn able(account: &FakeAccount) -> ToneSynthesizer {
    ToneSynthesizer::of_account(account).with_capability(|can| {
        can.voice_by_reference = true;
        can.sessions = true;
        can.alignment = true;
        can.languages = vec!["en".into(), "pt-BR".into()];
        can.max_text_chars = 300;
        can.formats.extend([AudioFormat::raw_s16(16_000).unwrap(), AudioFormat::raw_s16(48_000).unwrap()]);
    })
}

/// A tone that can do the least.
fn poor() -> ToneSynthesizer {
    ToneSynthesizer::by_reference().with_capability(|can| {
        can.streaming = false;
        can.deterministic = false;
        can.speed = None;
        can.max_text_chars = usize::MAX;
    })
}

fn able_cloner() -> FakeCloner {
    let info = FakeCloner::new(&FakeAccount::new()).with(|info| {
        info.idempotent = true;
        info.max_clips = 3;
        info.min_duration = std::time::Duration::from_secs(4);
        info.clip = ClipProfile::master().at_rate(16_000);
    });
    info.training(2)
}

fn by_id(synthesizer: impl voiceclone_core::synth::Synthesizer) -> SynthFixture {
    SynthFixture::new(synthesizer, VoiceRef::Provider(ProviderVoiceId::new(KNOWN).unwrap()))
}

fn from_clips(synthesizer: impl voiceclone_core::synth::Synthesizer) -> SynthFixture {
    SynthFixture::new(synthesizer, VoiceRef::Reference(reference_voice(24_000).unwrap()))
}

fn readable(marker: impl voiceclone_core::mark::Marker) -> MarkerFixture {
    let fixture = MarkerFixture::new(marker).keeps_samples();
    fixture.read_by(|body| Box::pin(async move { MetadataMarker::read(&body).await }))
}

/// Runs every case over a broken provider and asserts that `expected` is among those that fail. The clock is paused, so
/// what hangs fails at once.
fn assert_caught<F>(cases: &[Case<F>], fault: &str, expected: &str, fixture: impl Fn() -> F) {
    let fails = |case: &&Case<F>| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async { run_case(cases, case.name, fixture()).await.is_err() })
    };
    let caught: Vec<_> = cases.iter().filter(fails).map(|case| case.name).collect();
    eprintln!("{fault} is caught by {caught:?}");
    assert!(caught.contains(&expected), "{fault} should be caught by {expected}; it was caught by {caught:?}");
}
