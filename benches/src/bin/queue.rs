//! The project's client of a job queue, in a process of its own, so that it is measured as the peer's is.
use std::{io, num::NonZeroUsize, process::ExitCode, time::Duration};

use clap::{Parser, Subcommand};
use voiceclone_benches::jobs::{idle, load, meter::Meter, raw::Raw, stores::Store};
use voiceclone_core::{Error, Result, id::LeaseId};

#[derive(Debug, Parser)]
struct Options {
    /// `postgres://…`, `sqlite:PATH`, or `raw:PATH` for bare statements instead of a store.
    url: String,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Makes the tables.
    Migrate,
    /// Queues jobs one by one.
    Enqueue {
        jobs: u32,
        #[arg(long, default_value_t = 8)]
        tasks: u32,
        #[arg(long, default_value_t = 1)]
        owners: u32,
    },
    /// Claims and finishes jobs.
    Work {
        jobs: u32,
        #[arg(long, default_value_t = 8)]
        tasks: u32,
        #[arg(long, default_value = "1")]
        batch: NonZeroUsize,
    },
    /// Claims jobs.
    Claim {
        jobs: u32,
        #[arg(long, default_value_t = 8)]
        tasks: u32,
        #[arg(long, default_value = "1")]
        batch: NonZeroUsize,
    },
    /// Works with a worker of an engine.
    Serve {
        jobs: u32,
        #[arg(long, default_value = "8")]
        concurrency: NonZeroUsize,
    },
    /// Works on whatever comes.
    Wait {
        #[arg(long, default_value = "1")]
        concurrency: NonZeroUsize,
        /// In milliseconds.
        #[arg(long, default_value_t = 30_000)]
        lease: u64,
    },
    /// Queues jobs and works on them for ever.
    Hold {
        jobs: u32,
        /// In milliseconds.
        #[arg(long)]
        lease: u64,
    },
    /// Queues single jobs with pauses between them, in milliseconds.
    Send { jobs: u32, pause: u64 },
    /// Claims jobs and prints their leases.
    Lease { jobs: u32 },
    /// Beats so many times for the leases it reads.
    Beat { rounds: u32 },
    /// Queues one owner's jobs into the work on another's.
    Overtake { workers: u32, trials: u32 },
}

fn main() -> ExitCode {
    match run(Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}", error.chain());
            ExitCode::FAILURE
        }
    }
}

fn run(options: Options) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|e| Error::unexpected("there is no runtime").with_source(e))?;
    runtime.block_on(async {
        match options.url.strip_prefix("raw:") {
            Some(path) => bare(&Raw::open(path).await?, options.verb).await,
            None => with_store(&options.url, options.verb).await,
        }
    })
}

async fn bare(raw: &Raw, verb: Verb) -> Result<()> {
    let meter = Meter::start()?;
    match verb {
        Verb::Enqueue { jobs, tasks, .. } => {
            raw.enqueue(jobs, tasks).await?;
            meter.print(jobs)
        }
        Verb::Work { jobs, tasks, .. } => {
            raw.work(jobs, tasks).await?;
            meter.print(jobs)
        }
        _ => Err(Error::invalid("bare statements only enqueue and work")),
    }
}

async fn with_store(url: &str, verb: Verb) -> Result<()> {
    if matches!(verb, Verb::Migrate) {
        return Store::migrate(url).await;
    }
    let store = Store::open(url).await?;
    let jobs = store.jobs();
    // Connections and the code's first pages are not what is measured.
    jobs.jobs(&voiceclone_core::store::JobQuery::of(load::owner(0)?).limit(1)).await?;
    let meter = Meter::start()?;
    match verb {
        Verb::Migrate => {}
        Verb::Enqueue { jobs: count, tasks, owners } => {
            load::enqueue(&jobs, count, tasks, owners).await?;
            meter.print(count)?;
        }
        Verb::Work { jobs: count, tasks, batch } => {
            load::work(&jobs, count, tasks, batch).await?;
            meter.print(count)?;
        }
        Verb::Claim { jobs: count, tasks, batch } => {
            load::claim(&jobs, count, tasks, batch).await?;
            meter.print(count)?;
        }
        Verb::Serve { jobs: count, concurrency } => {
            idle::serve(jobs, count, idle::config(concurrency, load::LONG)).await?;
            meter.print(count)?;
        }
        Verb::Wait { concurrency, lease } => {
            idle::wait(jobs, idle::config(concurrency, Duration::from_millis(lease))).await?;
        }
        Verb::Hold { jobs: count, lease } => {
            let concurrency = NonZeroUsize::new(count as usize).unwrap_or(NonZeroUsize::MIN);
            idle::hold(jobs, count, idle::config(concurrency, Duration::from_millis(lease))).await?;
        }
        Verb::Send { jobs: count, pause } => idle::send(&jobs, count, Duration::from_millis(pause)).await?,
        Verb::Lease { jobs: count } => {
            for lease in load::lease(&jobs, count).await? {
                println!("lease {lease}");
            }
        }
        Verb::Beat { rounds } => {
            let leases = read_leases()?;
            let meter = Meter::start()?;
            load::beat(&jobs, &leases, rounds).await?;
            meter.print(rounds * u32::try_from(leases.len()).unwrap_or(u32::MAX))?;
        }
        Verb::Overtake { workers, trials } => load::overtake(&jobs, workers, trials).await?,
    }
    store.close().await;
    Ok(())
}

fn read_leases() -> Result<Vec<LeaseId>> {
    let lines = io::stdin().lines();
    let parse = |line: io::Result<String>| {
        line.map_err(|e| Error::unexpected("the leases cannot be read").with_source(e))?.trim().parse()
    };
    lines.map(parse).collect()
}
