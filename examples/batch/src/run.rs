//! `run`: every line of a manifest, several at a time, resumable at any point.
//!
//! The state knows what was asked and what came of it; files are only ever copies of what it holds. So a run that was
//! killed is simply run again: it finds the samples and jobs that are there and does what is missing.
use std::{
    collections::{HashMap, HashSet},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use futures_util::{StreamExt as _, future::join, stream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use voiceclone_core::{
    Error, Result,
    domain::{JobOutput, SampleState},
    worker::WorkerConfig,
};

use crate::{
    cli::RunArgs,
    consent,
    failure::{Failure, INTERRUPTED, io_failed},
    manifest::{self, Line},
    output,
    plan::{self, History, Planned, Ticket},
    progress::Progress,
    providers, quality,
    recordings::{Recording, Recordings},
    report::{LineReport, Report, Status},
    say::follow,
    state::State,
    terminal,
};

/// The lock keeps every other writer out of a folder, so a blob without a record is what a killed run left, however young.
const FOLDER_GRACE: Duration = Duration::ZERO;
/// Of shared stores, workers elsewhere may be writing; longer than any upload or attempt.
const SHARED_GRACE: Duration = Duration::from_hours(1);
/// After a kill, the lines in progress wait this long before they are taken up again.
pub(crate) const LEASE: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(250);
/// Lines followed beyond those in progress, so that one that waits to be tried again does not hold up the files of others.
const FOLLOWED: usize = 16;

/// A run under way.
struct Run<'a> {
    state: &'a State,
    folder: &'a Path,
    /// Hashes of the outputs that were there at the start, by file name.
    there: HashMap<String, String>,
    progress: Progress,
    stop: CancellationToken,
    window: usize,
    fail_fast: bool,
}

/// Runs a manifest.
pub(crate) async fn run(args: RunArgs) -> Result<(), Failure> {
    consent::require(args.consent.i_have_consent)?;
    let lines = manifest::read(&args.manifest)?;
    std::fs::create_dir_all(&args.out).map_err(|e| io_failed("cannot make the folder", &args.out, e))?;
    let report_path = args.report.clone().unwrap_or_else(|| args.out.join("report.json"));
    output::check_folder(&report_path)?;
    let dir = args.state.clone().unwrap_or_else(|| args.out.join(".voiceclone"));
    let state = State::open(&dir, &args.shared, providers::engine(&args.provider)?).await?;
    let grace = if args.shared.database.is_some() { SHARED_GRACE } else { FOLDER_GRACE };
    let stop = CancellationToken::new();
    let _listening = listen(stop.clone());

    state.engine.sweep(&state.owner, grace).await?;
    let history = History::of(&state).await?;
    let there = history.outputs(&lines, &args.out).await?;
    let recordings = Recordings::take_in(&state, &lines).await?;
    let planned = plan::make(&state, &lines, &recordings).await;
    history.stop_others(&state, &planned).await?;
    let report = Run {
        state: &state,
        folder: &args.out,
        there,
        progress: Progress::of(lines.iter().map(Line::characters).sum(), "speaking"),
        stop,
        window: args.jobs.get() + FOLLOWED,
        fail_fast: args.fail_fast,
    }
    .perform(&args, &planned, &recordings)
    .await?;
    state.engine.sweep(&state.owner, grace).await?;
    state.close().await;
    conclude(&report, report_path).await
}

async fn conclude(report: &Report, path: PathBuf) -> Result<(), Failure> {
    let json = serde_json::to_vec_pretty(report)
        .map_err(|e| Error::unexpected("the report cannot be written as JSON").with_source(e))?;
    output::write(json, &path).await?;
    terminal::out(report.summary());
    terminal::out(format_args!("report: {}", path.display()));
    if let Some(table) = report.failures() {
        terminal::err(table);
        return Err(Failure::Told);
    }
    if report.unfinished() > 0 { Err(Failure::Interrupted) } else { Ok(()) }
}

/// The first Ctrl-C stops the run in good order, the second at once. Both leave a state that a later run goes on from.
pub(crate) fn listen(stop: CancellationToken) -> JoinSet<()> {
    let mut task = JoinSet::new();
    task.spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            terminal::err("stopping after the lines in progress; press Ctrl-C again to stop at once");
            stop.cancel();
        }
        if tokio::signal::ctrl_c().await.is_ok() {
            std::process::exit(INTERRUPTED.into());
        }
    });
    task
}

impl Run<'_> {
    async fn perform(self, args: &RunArgs, planned: &[Planned<'_>], recordings: &Recordings) -> Result<Report> {
        let began = Instant::now();
        let config = WorkerConfig::default().with(|c| (c.concurrency, c.lease, c.poll) = (args.jobs, LEASE, POLL));
        let worker = self.state.engine.start_worker(config);
        let mut reports = Vec::new();
        let work = async {
            let (prepared, ()) = join(self.prepare_all(&recordings.kept), self.speak_all(planned, &mut reports)).await;
            prepared?;
            self.remove_useless(recordings).await
        };
        tokio::select! {
            done = work => done?,
            () = self.stop.cancelled() => {}
        }
        worker.shutdown().await;
        let reported: HashSet<u64> = reports.iter().map(|r: &LineReport| r.line).collect();
        for planned in planned.iter().filter(|p| !reported.contains(&p.line.number)) {
            reports.push(self.after_stop(planned).await?);
        }
        let provider = self.state.engine.providers().next();
        let provider = provider.map(|(id, _)| providers::describe(&self.state.engine, id));
        Ok(Report::new(provider, reports, began.elapsed()))
    }

    async fn prepare_all(&self, recordings: &[Recording]) -> Result<()> {
        let ended = stream::iter(recordings).map(|recording| self.prepared(recording));
        let mut ended = ended.buffer_unordered(self.window);
        while let Some(ended) = ended.next().await {
            ended?;
        }
        Ok(())
    }

    async fn prepared(&self, recording: &Recording) -> Result<()> {
        recording.prepared.ended().await?;
        let sample = self.state.engine.sample(&self.state.owner, recording.sample.id).await?;
        match (sample.state(), &sample.quality) {
            (SampleState::Ready, Some(report)) => {
                let (path, summary) = (recording.path.display(), quality::summary(report));
                self.progress.tell(&format!("recording {path}: {summary}"));
            }
            (SampleState::Ready | SampleState::Rejected, _) => {}
            // Its preparation failed for good: without this, its lines would wait for ever.
            _ => drop(self.state.engine.erase(&self.state.owner, sample.voice).await?),
        }
        Ok(())
    }

    /// Nothing can be made of a rejected recording, so it is not kept; the next run looks at the file anew.
    async fn remove_useless(&self, recordings: &Recordings) -> Result<()> {
        let mut removals = recordings.removals.clone();
        for recording in &recordings.kept {
            let sample = self.state.engine.sample(&self.state.owner, recording.sample.id).await;
            if let Ok(sample) = sample
                && sample.state() == SampleState::Rejected
            {
                removals.push(self.state.engine.erase(&self.state.owner, sample.voice).await?);
            }
        }
        for removal in removals {
            removal.ended().await?;
        }
        Ok(())
    }

    async fn speak_all(&self, planned: &[Planned<'_>], reports: &mut Vec<LineReport>) {
        let lines = stream::iter(planned).map(|planned| self.speak(planned));
        let mut lines = lines.buffer_unordered(self.window);
        while let Some(report) = lines.next().await {
            if report.status == Status::Failed && self.fail_fast {
                self.stop.cancel();
            }
            reports.push(report);
        }
    }

    async fn speak(&self, planned: &Planned<'_>) -> LineReport {
        let report = match &planned.ticket {
            Err(error) => LineReport::failed(planned.line, error),
            Ok(ticket) => {
                let followed = follow(&ticket.job, &self.progress, planned.line.characters()).await;
                match followed {
                    Ok(()) => self.fetch(planned.line, ticket).await,
                    Err(error) => LineReport::failed(planned.line, &error),
                }
            }
        };
        self.tell(&report);
        report
    }

    /// Puts what an ended job made into its file, unless it is there.
    async fn fetch(&self, line: &Line, ticket: &Ticket) -> LineReport {
        let fetched = async {
            let JobOutput::Speech(spoken) = ticket.job.output().await? else {
                return Err(Error::unexpected("the job made no speech"));
            };
            let file = line.file();
            if self.there.get(&file) != Some(&spoken.sha256) {
                let path = self.folder.join(file);
                output::export(&self.state.engine, &self.state.owner, ticket.job.id(), &spoken, &path).await?;
            }
            Ok(LineReport::done(line, &spoken, ticket.reused))
        };
        fetched.await.unwrap_or_else(|error| LineReport::failed(line, &error))
    }

    /// The line was not followed to its end; it may have ended all the same.
    async fn after_stop(&self, planned: &Planned<'_>) -> Result<LineReport> {
        let (line, ticket) = match planned {
            Planned { line, ticket: Err(error) } => return Ok(LineReport::failed(line, error)),
            Planned { line, ticket: Ok(ticket) } => (line, ticket),
        };
        let job = self.state.engine.job(&self.state.owner, ticket.job.id()).await?;
        if !job.state.is_terminal() {
            return Ok(LineReport::unfinished(line));
        }
        let report = self.fetch(line, ticket).await;
        self.tell(&report);
        Ok(report)
    }

    fn tell(&self, report: &LineReport) {
        let told = match (&report.audio, &report.error) {
            (Some(audio), _) if audio.reused => format!("kept {}", audio.file),
            (Some(audio), _) => format!("done {} ({:.2} s)", audio.file, audio.duration_seconds),
            (None, Some(error)) => format!("failed {}: {}", report.name, error.message),
            (None, None) => return,
        };
        self.progress.tell(&told);
    }
}
