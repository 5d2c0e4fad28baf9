//! Audio preparation against its peers: the same files, the same run, ratios of CPU time. The crate's documentation says how
//! to run it and how to read it.
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    time::Duration,
};

use clap::Parser;
use voiceclone_benches::{
    chains::{Chain, Peer, Programs},
    child,
    goals::{self, Verdict},
    inputs::{Input, Inputs, Kind},
    results::{FileResults, Outcome},
};
use voiceclone_core::{Error, Result};

/// Measures audio preparation and its peers on the same files.
#[derive(Debug, Parser)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
struct Options {
    /// Lengths of the recordings.
    #[arg(long, value_delimiter = ',', default_values_t = [10, 60, 600])]
    seconds: Vec<u32>,
    /// Kinds of files; all of them unless given.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Kind::ALL)]
    kinds: Vec<Kind>,
    /// Peers; all of them unless given.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Peer::ALL)]
    peers: Vec<Peer>,
    /// How often each is run; the least of each figure counts.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    repeat: u32,
    /// The sample rate of every clip, in hertz; each recording's own unless given.
    #[arg(long)]
    rate: Option<u32>,
    /// Compares what the chains make, too, on ten seconds with and without noise.
    #[arg(long)]
    quality: bool,
    /// Makes the environment of the Python peers first, in the target directory.
    #[arg(long)]
    make_venv: bool,
    /// Uses this interpreter for the Python peers.
    #[arg(long)]
    python: Option<PathBuf>,
    /// Fails if a goal is missed or not measured.
    #[arg(long)]
    strict: bool,
    /// Given by `cargo bench`, and not when benches are only tried out.
    #[arg(long, hide = true)]
    bench: bool,
}

struct Bench {
    options: Options,
    programs: Programs,
    inputs: Inputs,
    clips: PathBuf,
    /// The chains asked for, each with the reason why it cannot run, if it cannot.
    chains: Vec<(Chain, Option<String>)>,
}

fn main() -> ExitCode {
    // A test runner that lists or tries the benches wants to know of no test here.
    if !std::env::args().any(|a| a == "--bench" || a == "--help" || a == "-h") {
        return ExitCode::SUCCESS;
    }
    match Bench::prepare(Options::parse()).and_then(|bench| bench.run()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{}", error.chain());
            ExitCode::FAILURE
        }
    }
}

impl Bench {
    fn prepare(options: Options) -> Result<Self> {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("preparation");
        let scripts = here.join("peers");
        let venv = dir.join("venv");
        if options.make_venv {
            eprintln!("making {}", venv.display());
            let mut setup = Command::new("sh");
            setup.arg(scripts.join("setup")).arg(&venv);
            child::run(setup)?;
        }
        let made = venv.join("bin/python");
        let python = options.python.clone().unwrap_or_else(|| if made.exists() { made } else { "python3".into() });
        let programs = Programs { prepare: env!("CARGO_BIN_EXE_prepare").into(), scripts, python };
        let inputs = Inputs::new(&dir, here.join("../examples/batch/assets/sense-and-sensibility.wav"))?;
        let clips = dir.join("clips");
        fs::create_dir_all(&clips).map_err(|e| Error::unexpected("the clips have no place").with_source(e))?;
        let asked =
            Chain::ALL.into_iter().filter(|chain| chain.peer().is_none_or(|peer| options.peers.contains(&peer)));
        let chains = asked.map(|chain| (chain, chain.missing(&programs))).collect();
        Ok(Self { options, programs, inputs, clips, chains })
    }

    /// True if nothing was asked that was not met.
    fn run(&self) -> Result<bool> {
        println!("CPU is user and system time; each figure is the least of {}.\n", self.options.repeat);
        let mut results = Vec::new();
        for seconds in &self.options.seconds {
            for kind in &self.options.kinds {
                let file = self.measure(self.inputs.recording(*seconds, *kind)?);
                println!("{}", file.table());
                results.push(file);
            }
        }
        let latency = self.latency()?;
        let met = self.judge(&results, latency);
        if self.options.quality {
            self.quality()?;
        }
        Ok(met || !self.options.strict)
    }

    /// Every chain on one file, in turns, so that what disturbs the machine for a while disturbs them all.
    fn measure(&self, input: Input) -> FileResults {
        let first = self.chains.iter().map(|(chain, missing)| {
            let skipped = missing.clone().or_else(|| chain.unreadable(input.kind));
            (*chain, skipped.map_or_else(|| self.once(*chain, &input), Outcome::Skipped))
        });
        let mut outcomes: Vec<_> = first.collect();
        for _ in 1..self.options.repeat {
            for (chain, outcome) in &mut outcomes {
                if let Outcome::Done(least) = *outcome {
                    *outcome = match self.once(*chain, &input) {
                        Outcome::Done(cost) => Outcome::Done(least.least(cost)),
                        other => other,
                    };
                }
            }
        }
        FileResults { input, outcomes }
    }

    fn once(&self, chain: Chain, input: &Input) -> Outcome {
        eprintln!("{}: {chain}", input.name);
        match chain.run(&self.programs, input, &self.clip(chain, input), self.options.rate) {
            Ok(cost) => Outcome::Done(cost),
            Err(error) => Outcome::Failed(error.chain()),
        }
    }

    fn clip(&self, chain: Chain, input: &Input) -> PathBuf {
        self.clips.join(format!("{}-{}.wav", input.name.replace(' ', "-"), chain.slug()))
    }

    /// The least time from the start of a process to the end of its report, on a telephone's recording.
    fn latency(&self) -> Result<Duration> {
        let phone = self.inputs.phone()?;
        let mut took = Duration::MAX;
        for _ in 0..self.options.repeat {
            let mut inspect = Command::new(&self.programs.prepare);
            inspect.arg("inspect").arg(&phone.path);
            took = took.min(child::run(inspect)?.wall);
        }
        Ok(took)
    }

    /// Prints the goals; true if every one is met.
    fn judge(&self, results: &[FileResults], latency: Duration) -> bool {
        let mut verdicts = Vec::new();
        for seconds in &self.options.seconds {
            for goal in goals::SPEED {
                verdicts.push((format!("{seconds} s: {}", goal.asked), goal.judge(results, *seconds)));
            }
        }
        verdicts.push(("10 minutes: peak memory at most 64 MB beyond the file".to_owned(), goals::memory(results)));
        verdicts.push(("report of a 15 s phone recording in under 0.5 s".to_owned(), goals::latency(latency)));
        println!("goals, by the worst file");
        for (asked, verdict) in &verdicts {
            println!("  {asked:<64}{verdict}");
        }
        verdicts.iter().all(|(_, verdict)| matches!(verdict, Verdict::Pass(_)))
    }

    /// What the chains make of ten seconds with and without noise, by ffmpeg's meters and DNSMOS.
    fn quality(&self) -> Result<()> {
        for kind in [Kind::Wav, Kind::Clean] {
            let input = self.inputs.recording(10, kind)?;
            let mut judge = Command::new(&self.programs.python);
            judge.arg(self.programs.scripts.join("quality.py")).arg(format!("input={}", input.path.display()));
            for (chain, missing) in &self.chains {
                let outcome = missing.clone().map_or_else(|| self.once(*chain, &input), Outcome::Skipped);
                match outcome {
                    Outcome::Done(_) => _ = judge.arg(format!("{chain}={}", self.clip(*chain, &input).display())),
                    Outcome::Skipped(why) | Outcome::Failed(why) => println!("{chain} is left out: {why}"),
                }
            }
            println!("\n{}", input.name);
            let judged = judge.status();
            let judged = judged.map_err(|e| Error::invalid("the quality cannot be judged").with_source(e))?;
            if !judged.success() {
                return Err(Error::invalid(format!(
                    "quality.py failed ({judged}); --make-venv installs what it needs"
                )));
            }
        }
        Ok(())
    }
}
