//! The arguments, and nothing of what is done with them.
use std::{num::NonZeroUsize, path::PathBuf};

use clap::{Args, Parser, Subcommand};

use crate::{providers::ProviderArgs, stores::SharedArgs};

/// Speaks text in the voice of a recording.
#[derive(Debug, Parser)]
#[command(version, about, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    /// Print the causes of an error as well
    #[arg(short, long, global = true)]
    pub(crate) verbose: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 all of it was done; 1 something failed or a recording was rejected; \
2 the arguments or the manifest cannot be used, or consent is missing; 130 stopped by Ctrl-C.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Speak one text in the voice of one recording
    Say(SayArgs),
    /// Speak every line of a manifest; run it again to go on where it stopped
    Run(RunArgs),
    /// Work on what runs on any machine have queued, over shared stores, until Ctrl-C
    Work(WorkArgs),
    /// Make the clean clip that a voice is made from
    Prepare(PrepareArgs),
    /// Measure a recording and say what it is good for
    Inspect(InspectArgs),
}

#[derive(Debug, Args)]
pub(crate) struct SayArgs {
    /// The recording: 1 s to 10 min of one person speaking
    #[arg(long, value_name = "FILE")]
    pub(crate) sample: PathBuf,
    #[command(flatten)]
    pub(crate) text: TextArgs,
    /// The file to write: .wav, .flac, or .opus or .ogg for Opus, which is a tenth of the size
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    #[command(flatten)]
    pub(crate) consent: ConsentArgs,
    /// Whose voice it is
    #[arg(long, value_name = "NAME", default_value = crate::consent::UNNAMED)]
    pub(crate) consent_subject: String,
    /// Speaking rate as a factor, 1 being the voice's own
    #[arg(long, value_name = "FACTOR")]
    pub(crate) speed: Option<f32>,
    /// BCP 47 language tag, such as en
    #[arg(long, value_name = "TAG")]
    pub(crate) language: Option<String>,
    #[command(flatten)]
    pub(crate) provider: ProviderArgs,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct TextArgs {
    /// What to say; "-" reads it from standard input
    #[arg(long)]
    pub(crate) text: Option<String>,
    /// A UTF-8 file with what to say
    #[arg(long, value_name = "FILE")]
    pub(crate) text_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ConsentArgs {
    /// State that the person in the recording agrees; without it the statement is printed and nothing is done
    #[arg(long)]
    pub(crate) i_have_consent: bool,
}

#[derive(Debug, Args)]
#[command(after_help = MANIFEST)]
pub(crate) struct RunArgs {
    /// The manifest: CSV with a header, or JSON Lines
    pub(crate) manifest: PathBuf,
    /// The folder for the audio; made if it is missing
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Where to remember what is done; .voiceclone inside the output folder unless given
    #[arg(long, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
    /// Lines at the same time
    #[arg(long, value_name = "N", default_value = "2")]
    pub(crate) jobs: NonZeroUsize,
    /// The JSON report; report.json inside the output folder unless given
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) consent: ConsentArgs,
    /// Stop at the first line that fails
    #[arg(long)]
    pub(crate) fail_fast: bool,
    #[command(flatten)]
    pub(crate) shared: SharedArgs,
    #[command(flatten)]
    pub(crate) provider: ProviderArgs,
}

#[derive(Debug, Args)]
pub(crate) struct WorkArgs {
    /// Jobs at the same time
    #[arg(long, value_name = "N", default_value = "2")]
    pub(crate) jobs: NonZeroUsize,
    #[command(flatten)]
    pub(crate) shared: SharedArgs,
    #[command(flatten)]
    pub(crate) provider: ProviderArgs,
}

const MANIFEST: &str = "\
Columns of a manifest (keys, in JSON Lines): sample and text; optionally name, language, speed, format (wav, flac,
opus or ogg) and consent_subject. Paths of samples are relative to the manifest. The output is called after the name, or 0001-<sample>.

Run the same command again at any time: finished lines are kept as they are, failed ones are tried again.
Ctrl-C lets the lines in progress finish; a second one stops at once. Neither loses anything.";

#[derive(Debug, Args)]
pub(crate) struct PrepareArgs {
    /// The recording
    pub(crate) input: PathBuf,
    /// The clip to write: .wav or .flac
    pub(crate) output: PathBuf,
    /// What the clip is for
    #[arg(long, value_enum, default_value_t)]
    pub(crate) profile: ClipFor,
    /// The longest clip, instead of the profile's own, seconds
    #[arg(long, value_name = "SECONDS")]
    pub(crate) max_seconds: Option<f64>,
    /// Leave the noise as it is
    #[arg(long)]
    pub(crate) keep_noise: bool,
}

/// What a clip is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ClipFor {
    /// All of the recording at its own rate: what voices are made from here
    #[default]
    Master,
    /// At most 30 s at 24 kHz: suits every model that clones
    Generic,
    /// The cleanest 10 s at 44.1 kHz
    Cartesia,
    /// At most 30 s at 24 kHz
    PocketTts,
    /// The cleanest 2 minutes at 44.1 kHz, for services that make instant clones
    InstantClone,
}

#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    /// The recording
    pub(crate) file: PathBuf,
    /// Print JSON instead of a table
    #[arg(long)]
    pub(crate) json: bool,
    /// Also write the outline of the recording as JSON for a player: 1000 peaks at most, and seconds
    #[arg(long, value_name = "FILE")]
    pub(crate) waveform: Option<PathBuf>,
    /// Also draw the recording over time and pitch, as PNG
    #[arg(long, value_name = "FILE")]
    pub(crate) spectrogram: Option<PathBuf>,
}
