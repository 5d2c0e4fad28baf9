//! One preparation in a process of its own, so that its CPU time and its memory can be taken from outside like a peer's.
//!
//! It does what the engine does with an upload, and nothing else: no store, no job, no consent.
use std::{fs::File, io, path::PathBuf, process::ExitCode, time::Duration};

use clap::Parser;
use voiceclone_core::{
    Error, Result,
    audio::{AudioBody, DecodeLimits, RawAudio},
    domain::{ClipProfile, NoiseReduction},
    preprocess::Preprocessor as _,
};
use voiceclone_local::LocalPreprocessor;

#[derive(Debug, Parser)]
enum Job {
    /// Writes the clean clip of a recording.
    Clip {
        input: PathBuf,
        output: PathBuf,
        /// The clip's sample rate in hertz; the recording's own unless given.
        #[arg(long)]
        rate: Option<u32>,
        /// Leaves the noise in.
        #[arg(long)]
        keep_noise: bool,
    },
    /// Prints the report of a recording.
    Inspect { input: PathBuf },
}

fn main() -> ExitCode {
    match run(Job::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}", error.chain());
            ExitCode::FAILURE
        }
    }
}

fn run(job: Job) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.map_err(|e| Error::unexpected("there is no runtime").with_source(e))?;
    runtime.block_on(async {
        let local = LocalPreprocessor::new().with_limits(limits());
        match job {
            Job::Inspect { input } => {
                let report = local.inspect(RawAudio::new(AudioBody::from_file(input)?)).await?;
                for finding in &report.findings {
                    println!("{}", finding.sentence);
                }
                Ok(())
            }
            Job::Clip { input, output, rate, keep_noise } => {
                let mut profile = ClipProfile::master();
                if let Some(hertz) = rate {
                    profile = profile.at_rate(hertz);
                }
                if keep_noise {
                    profile = profile.noise_reduction(NoiseReduction::Never);
                }
                let prepared = local.process(RawAudio::new(AudioBody::from_file(input)?), &profile).await?;
                let Some(clip) = prepared.clip else {
                    return Err(Error::invalid(prepared.quality.rejections().join(" ")));
                };
                let mut from = clip.body.reader()?;
                let copied = File::create(&output).and_then(|mut to| io::copy(&mut from, &mut to));
                copied.map_err(|e| Error::unexpected("the clip cannot be written").with_source(e))?;
                Ok(())
            }
        }
    })
}

/// Wide enough for ten minutes of 44.1 kHz stereo WAV, and for the padding that AAC and Opus add to ten minutes.
fn limits() -> DecodeLimits {
    DecodeLimits::default().max_bytes(200_000_000).max_duration(Duration::from_mins(11))
}
