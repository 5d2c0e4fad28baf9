//! The blob store beside the plain means it is made of. The crate's documentation says how to run it and how to read it.
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use clap::{Parser, ValueEnum};
use voiceclone_benches::{
    blobs::{contest, stream::Streamed},
    goals::Verdict,
    jobs::process::Client,
};
use voiceclone_core::{Error, Result};

/// Measures the blob store beside plain files and plain requests.
#[derive(Debug, Parser)]
struct Options {
    /// Parts of the run; all of them unless given.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Part::ALL)]
    only: Vec<Part>,
    /// Sizes of blobs, in KiB.
    #[arg(long, value_delimiter = ',', default_values_t = [64, 1024, 32 * 1024],
        value_parser = clap::value_parser!(u32).range(1..=1_048_576))]
    sizes: Vec<u32>,
    /// How often each is run; medians count, with the least and the greatest beside them.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Length of the blob that is streamed through a directory, in megabytes; it needs as much of the disk.
    #[arg(long, default_value_t = 5000)]
    stream: u64,
    /// Length of the blob that is streamed through a bucket, in megabytes; it needs twice as much of the disk.
    #[arg(long, default_value_t = 1000)]
    bucket_stream: u64,
    /// A run of a minute, whose figures only show that everything works.
    #[arg(long)]
    quick: bool,
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
    /// Blobs in a directory.
    Files,
    /// Blobs in a bucket.
    Objects,
    /// A long blob in little memory.
    Stream,
}

impl Part {
    const ALL: [Self; 3] = [Self::Files, Self::Objects, Self::Stream];
}

fn main() -> ExitCode {
    // A test runner that lists or tries the benches wants to know of no test here.
    if !std::env::args().any(|a| a == "--bench" || a == "--help" || a == "-h") {
        return ExitCode::SUCCESS;
    }
    let mut options = Options::parse();
    if options.quick {
        (options.rounds, options.stream, options.bucket_stream) = (1, options.stream.min(500), 100);
    }
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
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("blobs");
    fs::create_dir_all(&dir).map_err(|e| Error::unexpected("the run has no place").with_source(e))?;
    println!("one blob after the other, on the disk of {}", dir.display());
    println!("load before: {}", fs::read_to_string("/proc/loadavg").unwrap_or_default());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|e| Error::unexpected("there is no runtime").with_source(e))?;
    let met = runtime.block_on(measure(options, &dir));
    // Gigabytes are not kept from run to run.
    let _ = fs::remove_dir_all(&dir);
    met
}

async fn measure(options: &Options, dir: &Path) -> Result<bool> {
    let sizes: Vec<usize> = options.sizes.iter().map(|kib| *kib as usize * 1024).collect();
    let (server, endpoint) = serve(&dir.join("bucket")).await?;
    if options.only.contains(&Part::Files) {
        let rates = contest::files(&dir.join("files"), &sizes, options.rounds).await?;
        println!("{}", contest::table("directory", "write, fsync, rename", &rates));
    }
    if options.only.contains(&Part::Objects) {
        let rates = contest::objects(&endpoint, &sizes, options.rounds).await?;
        println!("{}", contest::table("bucket of s3s-fs", "reqwest, presigned", &rates));
    }
    let mut verdicts = Vec::new();
    if options.only.contains(&Part::Stream) {
        let directory = dir.join("stream").display().to_string();
        println!(
            "{:<28}{:>13}{:>17}{:>17}{:>15}{:>15}",
            "one long blob", "length", "put", "get", "RSS before", "RSS peak"
        );
        for (name, place, megabytes) in
            [("directory", &directory, options.stream), ("bucket", &endpoint, options.bucket_stream)]
        {
            let streamed = stream(place, megabytes).await?;
            println!("{}", streamed.row(name));
            verdicts.push((format!("{name}: a long blob in less than 64 MiB more memory"), streamed.judge()));
        }
        println!();
    }
    println!("goals");
    for (asked, verdict) in &verdicts {
        println!("  {asked:<64}{verdict}");
    }
    server.kill().await?;
    Ok(!verdicts.is_empty() && verdicts.iter().all(|(_, verdict)| matches!(verdict, Verdict::Pass(_))))
}

fn program() -> Command {
    Command::new(PathBuf::from(env!("CARGO_BIN_EXE_blob")))
}

/// A server in a process of its own, and its endpoint.
async fn serve(dir: &Path) -> Result<(Client, String)> {
    let mut command = program();
    command.arg("serve").arg(dir);
    let mut server = Client::start(command)?;
    let endpoint = server.say("ready").await?.into_iter().next();
    Ok((server, endpoint.ok_or_else(|| Error::unexpected("the server does not say where it is"))?))
}

async fn stream(place: &str, megabytes: u64) -> Result<Streamed> {
    eprintln!("one blob of {megabytes} MB");
    let mut command = program();
    command.arg("stream").arg(place).arg((megabytes * 1_000_000).to_string());
    let mut client = Client::start(command)?;
    let said = client.say("streamed").await?;
    client.end().await?;
    Streamed::of(&said).ok_or_else(|| Error::unexpected("the client does not say what it took"))
}
