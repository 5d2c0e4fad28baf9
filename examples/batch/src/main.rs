//! The command line of voiceclone: one text, or a manifest of many, spoken in the voice of a recording.
//!
//! Thin on purpose: arguments become verbs of the engine, and what the engine answers becomes files, tables and exit codes.
mod cli;
mod consent;
mod failure;
mod inspect;
mod manifest;
mod names;
mod output;
mod plan;
mod prepare;
mod progress;
mod providers;
mod quality;
mod recordings;
mod report;
mod run;
mod say;
mod state;
mod stores;
mod terminal;
mod work;

use std::{process::ExitCode, time::Duration};

use clap::Parser as _;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use self::{
    cli::{Cli, Command},
    failure::Failure,
};

/// How long work that cannot be dropped, such as a write in progress, may hold up the end.
const PATIENCE: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
    let cli = Cli::parse();
    // Removed when nothing can write into it any more.
    let mut scratch = None;
    let done = Runtime::new().map_err(Failure::from).and_then(|runtime| {
        let done = runtime.block_on(perform(cli.command, &mut scratch));
        runtime.shutdown_timeout(PATIENCE);
        done
    });
    drop(scratch);
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.tell(cli.verbose);
            failure.exit_code()
        }
    }
}

async fn perform(command: Command, scratch: &mut Option<TempDir>) -> Result<(), Failure> {
    match command {
        Command::Say(args) => unless_interrupted(say::say(args, scratch)).await,
        Command::Prepare(args) => unless_interrupted(prepare::prepare(args)).await,
        Command::Inspect(args) => unless_interrupted(inspect::inspect(args)).await,
        Command::Run(args) => run::run(args).await,
        Command::Work(args) => work::work(args).await,
    }
}

/// Dropping the work removes its temporary files, which a signal's own ending would leave.
async fn unless_interrupted(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    tokio::select! {
        done = work => done,
        _ = tokio::signal::ctrl_c() => Err(Failure::Interrupted),
    }
}
