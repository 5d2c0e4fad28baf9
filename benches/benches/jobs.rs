//! The job queue against its peer and against what its databases can do at all: the same machine, the same server, the same
//! minutes. The crate's documentation says how to run it and how to read it.
use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use clap::{Parser, ValueEnum};
use voiceclone_benches::{
    goals::Verdict,
    jobs::{
        cluster::{self, Cluster},
        contest::Arena,
        fairness, heartbeats,
        peer::Graphile,
        rescue, sqlite, throughput, wakeup,
    },
};
use voiceclone_core::{Error, Result};

/// Measures the job queue and its peer on the same server.
#[derive(Debug, Parser)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
struct Options {
    /// Parts of the run; all of them unless given.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Part::ALL)]
    only: Vec<Part>,
    /// How often each is run; medians count, with the least and the greatest beside them.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Jobs of a round, one by one; five times as many in batches.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(100..))]
    jobs: u32,
    /// Seconds that the killed worker's leases hold.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..))]
    lease: u64,
    /// A run of a minute or two, whose figures only show that everything works.
    #[arg(long)]
    quick: bool,
    /// Installs the peer first, in the target directory.
    #[arg(long)]
    install_peers: bool,
    /// Fails if a goal is missed or not measured.
    #[arg(long)]
    strict: bool,
    /// Given by `cargo bench`, and not when benches are only tried out.
    #[arg(long, hide = true)]
    bench: bool,
}

/// What can be measured by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Queueing and working, beside the peer.
    #[value(aliases = ["enqueue", "work"])]
    Throughput,
    /// Jobs of a killed worker.
    Rescue,
    /// An idle worker.
    Wakeup,
    /// What heartbeats do to the database.
    Heartbeats,
    /// Many owners.
    Fairness,
    /// The store in a file, beside bare statements.
    Sqlite,
}

impl Part {
    const ALL: [Self; 6] =
        [Self::Throughput, Self::Rescue, Self::Wakeup, Self::Heartbeats, Self::Fairness, Self::Sqlite];
}

/// How much of everything.
struct Plan {
    rounds: u32,
    jobs: u32,
    lease: Duration,
    wakeups: u32,
    queued: u32,
    trials: u32,
}

impl Plan {
    fn of(options: &Options) -> Self {
        let lease = Duration::from_secs(options.lease);
        if options.quick {
            return Self { rounds: 1, jobs: options.jobs.min(300), lease, wakeups: 30, queued: 5_000, trials: 5 };
        }
        Self { rounds: options.rounds, jobs: options.jobs, lease, wakeups: 300, queued: 50_000, trials: 30 }
    }
}

fn main() -> ExitCode {
    // A test runner that lists or tries the benches wants to know of no test here.
    if !std::env::args().any(|a| a == "--bench" || a == "--help" || a == "-h") {
        return ExitCode::SUCCESS;
    }
    let options = Options::parse();
    match run(&options) {
        Ok(met) if met || !options.strict => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{}", error.chain());
            ExitCode::FAILURE
        }
    }
}

/// True if every goal is met.
fn run(options: &Options) -> Result<bool> {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("jobs");
    fs::create_dir_all(&dir).map_err(|e| Error::unexpected("the run has no place").with_source(e))?;
    let graphile = Graphile::new(&Path::new(env!("CARGO_MANIFEST_DIR")).join("peers"), &dir);
    if options.install_peers {
        eprintln!("installing graphile-worker in {}", dir.display());
        graphile.install()?;
    }
    let queue = PathBuf::from(env!("CARGO_BIN_EXE_queue"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|e| Error::unexpected("there is no runtime").with_source(e))?;
    let plan = Plan::of(options);
    println!("load before: {}", fs::read_to_string("/proc/loadavg").unwrap_or_default().trim());
    runtime.block_on(async {
        let mut verdicts = Vec::new();
        if options.only.iter().any(|part| *part != Part::Sqlite)
            && let Some(arena) = arena(&dir, &queue, graphile).await?
        {
            with_server(&options.only, &plan, &arena, &mut verdicts).await?;
        }
        if options.only.contains(&Part::Sqlite) {
            println!("{}", sqlite::table(&sqlite::measure(&queue, &dir, plan.rounds, plan.jobs).await?));
        }
        println!("goals");
        for (asked, verdict) in &verdicts {
            println!("  {asked:<72}{verdict}");
        }
        Ok(!verdicts.is_empty() && verdicts.iter().all(|(_, verdict)| matches!(verdict, Verdict::Pass(_))))
    })
}

/// The server and who can take part, unless there is no server.
async fn arena(dir: &Path, queue: &Path, graphile: Graphile) -> Result<Option<Arena>> {
    if let Some(why) = cluster::missing() {
        println!("everything with PostgreSQL is left out: {why}\n");
        return Ok(None);
    }
    let cluster = Cluster::start(dir).await?;
    println!("PostgreSQL {}, fsync, checksums, on the disk of {}", cluster.version().await?, dir.display());
    let graphile = match graphile.missing() {
        None => {
            println!("graphile-worker {}", graphile.version()?);
            Some(graphile)
        }
        Some(why) => {
            println!("the peer is left out: {why}");
            None
        }
    };
    println!();
    Ok(Some(Arena { cluster, queue: queue.to_owned(), graphile }))
}

/// Every part that needs the server, and its goals.
async fn with_server(parts: &[Part], plan: &Plan, arena: &Arena, verdicts: &mut Vec<(String, Verdict)>) -> Result<()> {
    if parts.contains(&Part::Throughput) {
        let figures = throughput::measure(arena, plan.rounds, plan.jobs).await?;
        println!("{}", throughput::table(&figures));
        verdicts.extend(throughput::judge(&figures));
    }
    if parts.contains(&Part::Rescue) {
        let seconds = rescue::measure(arena, plan.rounds, plan.lease).await?;
        println!("{}", rescue::table(&seconds, plan.lease));
        verdicts.push(rescue::judge(&seconds, plan.lease));
    }
    if parts.contains(&Part::Wakeup) {
        let latencies = wakeup::measure(arena, plan.wakeups).await?;
        println!("{}", wakeup::table(&latencies));
        verdicts.push(wakeup::judge(&latencies));
    }
    if parts.contains(&Part::Heartbeats) {
        let beats = heartbeats::measure(arena, 1000, 16).await?;
        println!("{}", heartbeats::table(&beats));
        verdicts.push(heartbeats::judge(Some(&beats)));
    }
    if parts.contains(&Part::Fairness) {
        let fairness = fairness::measure(arena, plan.queued, plan.trials, plan.rounds).await?;
        println!("{}", fairness::table(&fairness));
        verdicts.push(fairness::judge(Some(&fairness)));
    }
    Ok(())
}
