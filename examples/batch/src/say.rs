//! `say`: one text in the voice of one recording. Keeps nothing but the file it was asked for.
use std::time::Instant;

use futures_util::TryStreamExt as _;
use tempfile::TempDir;
use tokio::io::AsyncReadExt as _;
use voiceclone_core::{
    Error, Result,
    domain::{JobOutput, SampleState, SpokenAudio, VoiceSample},
    engine::{JobHandle, Upload},
    speak::SpeakRequest,
    worker::WorkerConfig,
};

use crate::{
    cli::{SayArgs, TextArgs},
    consent,
    failure::{Failure, io_failed},
    output,
    progress::Progress,
    providers, quality,
    state::{self, State},
    terminal,
};

/// Speaks, writes and tells.
pub(crate) async fn say(args: SayArgs, scratch: &mut Option<TempDir>) -> Result<(), Failure> {
    consent::require(args.consent.i_have_consent)?;
    let container = output::container(&args.out)?;
    output::check_folder(&args.out)?;
    let text = read(&args.text).await?;
    let dir = scratch.insert(state::scratch_folder()?);
    let state = State::in_scratch(dir.path(), providers::engine(&args.provider)?).await?;
    let _worker = state.engine.start_worker(WorkerConfig::default());

    let sample = ingest(&state, &args).await?;
    let mut request = SpeakRequest::new(sample.id, text)?.container(container);
    request.utterance.speed = args.speed;
    request.utterance.language = args.language;
    let characters = request.utterance.text.char_count() as u64;
    let progress = Progress::of(characters, "speaking");
    let began = Instant::now();
    let job = state.engine.submit(&state.owner, request, None).await?;
    follow(&job, &progress, characters).await?;
    let JobOutput::Speech(spoken) = job.output().await? else {
        return Err(Error::unexpected("the job made no speech").into());
    };
    let wall = began.elapsed().as_secs_f64();
    output::export(&state.engine, &state.owner, job.id(), &spoken, &args.out).await?;
    drop(progress);
    let audio = spoken.duration.as_secs_f64();
    terminal::out(format_args!("{}: {audio:.2} s, spoken in {wall:.2} s", args.out.display()));
    terminal::out(format_args!("real-time factor: {:.3}", wall / audio));
    terminal::out(format_args!("provider: {}", providers::describe(&state.engine, &spoken.provider)));
    tell_departures(&spoken);
    Ok(())
}

/// Moves the bar by the job's `characters` until it has ended.
pub(crate) async fn follow(job: &JobHandle, progress: &Progress, characters: u64) -> Result<()> {
    let mut events = job.events(0).await?;
    let mut told = 0;
    while let Some(event) = events.try_next().await? {
        // A later attempt starts from the beginning; the bar never goes back.
        let done = event.progress.map_or(0, |p| p.done);
        progress.advance(done.saturating_sub(told));
        told = told.max(done);
    }
    progress.advance(characters.saturating_sub(told));
    Ok(())
}

async fn read(text: &TextArgs) -> Result<String, Failure> {
    match (&text.text, &text.text_file) {
        (Some(dash), _) if dash == "-" => {
            let mut text = String::new();
            let read = tokio::io::stdin().read_to_string(&mut text).await;
            read.map_err(|e| Failure::Usage(format!("standard input cannot be read as UTF-8 text: {e}")))?;
            Ok(text)
        }
        (Some(text), _) => Ok(text.clone()),
        (None, Some(file)) => {
            Ok(tokio::fs::read_to_string(file).await.map_err(|e| io_failed("cannot read", file, e))?)
        }
        (None, None) => Err(Failure::Usage("give --text or --text-file".to_owned())),
    }
}

async fn ingest(state: &State, args: &SayArgs) -> Result<VoiceSample> {
    let upload = Upload::from_file(&args.sample, consent::of(&args.consent_subject))?;
    let ingested = state.engine.ingest(&state.owner, upload).await?;
    ingested.job.output().await?;
    let sample = state.engine.sample(&state.owner, ingested.sample.id).await?;
    if let Some(report) = &sample.quality {
        terminal::out(quality::table(report));
    }
    if sample.state() == SampleState::Ready {
        return Ok(sample);
    }
    Err(Error::invalid(format!("the recording cannot be used: {}", sample.rejections.join(" "))))
}

/// What is not exactly as it was asked.
fn tell_departures(spoken: &SpokenAudio) {
    if let Some(asked) = &spoken.instead_of {
        terminal::err(format_args!("warning: {asked} did not speak; {} did", spoken.provider));
    }
    for warning in &spoken.warnings {
        terminal::err(format_args!("warning: {warning}"));
    }
}
