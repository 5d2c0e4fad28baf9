//! What the layers and the engine cost: a provider that does nothing, alone, behind everything that goes around a
//! provider, and inside a whole engine over stores in memory.
//!
//! Two figures of each, as a difference and a ratio to the bare provider in the same run: one call with one chunk, and a
//! stream of a thousand chunks. Targets: under 50 µs a call, under 1 µs a chunk.
use std::{
    cell::Cell,
    hint::black_box,
    num::{NonZeroU32, NonZeroUsize},
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use criterion::Criterion;
use tokio::runtime::Runtime;
use voiceclone_core::{
    Error, Result, async_trait,
    audio::{AudioFormat, RawAudio},
    consent::{Consent, ConsentPolicy, Purpose},
    engine::{Engine, Provider, Upload},
    id::{OwnerId, ProviderId, ProviderVoiceId},
    layers::{
        Candidate, Layer as _, LimitLayer, ObserveLayer, ProviderPolicy, RateLayer, TimeoutLayer, first_that_starts,
    },
    observe::{Observer, OpInfo, OpObserver, OpOutcome},
    speak::{SpeakRequest, Utterance},
    stream::{Summary, SynthesisEvent, SynthesisStream},
    synth::{SpeechSession, SynthesisRequest, Synthesizer, SynthesizerInfo, VoiceRef},
    testkit::fakes::{PassThroughPreprocessor, voice_like},
    text::SpeechText,
    worker::WorkerConfig,
};

const CHUNKS: u32 = 1_000;
const TEXT: &str = "A sentence of a usual length, to be said and forgotten.";

/// Has its chunks ready at once: 20 ms of 16-bit audio at 24 kHz each.
#[derive(Debug)]
struct Idle {
    info: SynthesizerInfo,
    format: AudioFormat,
    chunks: u32,
}

impl Idle {
    fn provider(chunks: u32) -> Result<Arc<dyn Synthesizer>> {
        let format = AudioFormat::raw_s16(24_000)?;
        let info = SynthesizerInfo::new("idle").with_capability(|c| {
            c.voice_by_id = true;
            c.voice_by_reference = true;
            c.formats = vec![format];
        });
        Ok(Arc::new(Self { info, format, chunks }))
    }
}

#[async_trait]
impl Synthesizer for Idle {
    fn info(&self) -> &SynthesizerInfo {
        &self.info
    }

    async fn synthesize(&self, _: &SynthesisRequest) -> Result<SynthesisStream> {
        static AUDIO: [u8; 960] = [0; 960];
        let audio = || SynthesisEvent::Audio(bytes::Bytes::from_static(&AUDIO));
        let done = std::iter::once(SynthesisEvent::Done(Summary::default()));
        let events = std::iter::repeat_with(audio).take(self.chunks as usize).chain(done);
        Ok(SynthesisStream::new(self.format, futures_util::stream::iter(events.map(Ok))))
    }

    async fn open_session(&self, _: &SynthesisRequest) -> Result<Box<dyn SpeechSession>> {
        Err(Error::unsupported("there are no sessions here"))
    }
}

/// Watches and keeps nothing, so that what is measured is the layer.
#[derive(Debug, Clone, Copy)]
struct Blind;

impl Observer for Blind {
    fn start(&self, _: &OpInfo) -> Box<dyn OpObserver> {
        Box::new(Self)
    }
}

impl OpObserver for Blind {
    fn first_audio(&mut self) {}
    fn bytes(&mut self, _: usize) {}
    fn end(self: Box<Self>, _: OpOutcome<'_>) {}
}

/// Every layer switched on, none of them with anything to do.
fn policy() -> ProviderPolicy {
    let many = NonZeroUsize::MIN.saturating_add(63);
    let rate = RateLayer::new(NonZeroU32::MAX, Duration::from_secs(1), NonZeroU32::MAX, Duration::from_secs(1));
    ProviderPolicy::default().with(|p| {
        p.limit = LimitLayer::new(many, 0);
        p.rate = Some(rate);
        p.timeout = TimeoutLayer::default().with(|t| t.total = Some(Duration::from_hours(1)));
    })
}

fn behind_all_layers(provider: Arc<dyn Synthesizer>) -> Arc<dyn Synthesizer> {
    ObserveLayer::new(Arc::new(Blind)).synthesizer(policy().assemble(provider))
}

/// An engine with one voice that is ready to speak.
struct House {
    engine: Engine,
    owner: OwnerId,
    request: SpeakRequest,
}

impl House {
    async fn around(provider: Arc<dyn Synthesizer>) -> Result<Self> {
        let engine = Engine::builder()
            .provider(Provider::new("idle", provider)?.with_policy(policy()))
            .preprocessor(PassThroughPreprocessor::default())
            .observer(Blind)
            .build()?;
        let owner = OwnerId::new("bench")?;
        let worker = engine.start_worker(WorkerConfig::default());
        let recording = RawAudio::new(voice_like(Duration::from_secs(10), 24_000)?.body);
        let ingested = engine.ingest(&owner, Upload::new(recording, Consent::by_subject("Ada"))).await?;
        ingested.job.output().await?;
        worker.shutdown().await;
        Ok(Self { engine, owner, request: SpeakRequest::new(ingested.sample.id, TEXT)? })
    }

    async fn speak(&self) -> Result<()> {
        let mut speech = self.engine.speak(&self.owner, self.request.clone()).await?;
        while let Some(audio) = speech.next_audio().await? {
            black_box(audio);
        }
        Ok(())
    }
}

fn request() -> Result<SynthesisRequest> {
    let owner = OwnerId::new("bench")?;
    let consents = [Consent::by_subject("Ada")];
    let now = SystemTime::now().into();
    let permit = ConsentPolicy::default().permit(&owner, &consents, Purpose::SpeechSynthesis, now)?;
    let utterance = Utterance::new(SpeechText::new(TEXT, 1000)?);
    let voice = VoiceRef::Provider(ProviderVoiceId::new("ada")?);
    Ok(SynthesisRequest::new(permit, voice, utterance, AudioFormat::raw_s16(24_000)?))
}

async fn listen(speech: Result<SynthesisStream>) -> Result<()> {
    let mut speech = speech?;
    while let Some(audio) = speech.next_audio().await? {
        black_box(audio);
    }
    Ok(())
}

async fn bare(provider: &Arc<dyn Synthesizer>, request: &SynthesisRequest) -> Result<()> {
    listen(provider.synthesize(request).await).await
}

async fn layered(provider: &Arc<dyn Synthesizer>, request: &SynthesisRequest) -> Result<()> {
    let id = ProviderId::new("idle")?;
    let started = first_that_starts([Candidate::new(id, provider.synthesize(request))]).await?;
    listen(Ok(started.speech)).await
}

/// Measures `work` and gives the least time one run of it took, in nanoseconds.
fn measure(criterion: &mut Criterion, name: &str, runtime: &Runtime, work: impl AsyncFn() -> Result<()>) -> f64 {
    let least = Cell::new(f64::INFINITY);
    criterion.bench_function(name, |bencher| {
        bencher.iter_custom(|runs| {
            let begun = Instant::now();
            let outcome = runtime.block_on(async {
                for _ in 0..runs {
                    work().await?;
                }
                Ok::<_, Error>(())
            });
            let elapsed = begun.elapsed();
            assert!(outcome.is_ok(), "{outcome:?}");
            #[expect(clippy::cast_precision_loss, reason = "a number of runs is far below 2^53")]
            least.set(least.get().min(elapsed.as_secs_f64() * 1e9 / runs as f64));
            elapsed
        });
    });
    least.get()
}

fn main() -> Result<()> {
    let mut criterion = Criterion::default().configure_from_args();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let runtime = runtime.map_err(|e| Error::unexpected("there is no runtime").with_source(e))?;
    let request = request()?;
    for (what, chunks) in [("call", 1), ("chunks", CHUNKS)] {
        let provider = Idle::provider(chunks)?;
        let stack = behind_all_layers(Arc::clone(&provider));
        let alone = measure(&mut criterion, &format!("{what}/bare"), &runtime, || bare(&provider, &request));
        let behind = measure(&mut criterion, &format!("{what}/layers"), &runtime, || layered(&stack, &request));
        let house = runtime.block_on(House::around(provider))?;
        let inside = measure(&mut criterion, &format!("{what}/engine"), &runtime, || house.speak());
        for (name, took) in [("layers", behind), ("engine", inside)] {
            let (ratio, more) = (took / alone, took - alone);
            let each = more / f64::from(chunks);
            println!("{what}: {name} / bare = {ratio:.1}; {:.2} µs more in all, {each:.0} ns per chunk\n", more / 1e3);
        }
    }
    criterion.final_summary();
    Ok(())
}
