//! Who prepares: this project, and the peers with the tools and scripts they need.
//!
//! Every chain is a command that takes a recording and leaves a clip. What each peer leaves out of the job is said at the
//! top of its script.
use std::{
    ffi::OsStr,
    fmt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use clap::ValueEnum;
use voiceclone_core::Result;

use crate::{
    child::{self, Cost},
    inputs::{Input, Kind},
};

/// Where the programs are.
#[derive(Debug, Clone)]
pub struct Programs {
    /// The binary that prepares with this project.
    pub prepare: PathBuf,
    /// The folder of the peers' scripts.
    pub scripts: PathBuf,
    /// The interpreter that has the Python peers' packages.
    pub python: PathBuf,
}

/// A family of peers, as the command line names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Peer {
    /// ffmpeg, in two passes with noise reduction and in one without.
    Ffmpeg,
    /// sox, with and without noise reduction.
    Sox,
    /// librosa, noisereduce and pyloudnorm.
    Librosa,
    /// pydub.
    Pydub,
}

impl Peer {
    /// Every peer.
    pub const ALL: [Self; 4] = [Self::Ffmpeg, Self::Sox, Self::Librosa, Self::Pydub];
}

/// One way to prepare a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Chain {
    /// This project, as every sample is prepared.
    Ours,
    /// This project, without noise reduction.
    OursPlain,
    /// ffmpeg: afftdn, silenceremove, loudnorm measured and then linear.
    FfmpegTwoPass,
    /// ffmpeg in one pass, without noise reduction.
    FfmpegOnePass,
    /// librosa, noisereduce, pyloudnorm.
    Librosa,
    /// sox: noisered, silence, rate, norm.
    Sox,
    /// sox without noisered.
    SoxPlain,
    /// pydub: silence and peak only.
    Pydub,
}

impl Chain {
    /// Every chain, ours first.
    pub const ALL: [Self; 8] = [
        Self::Ours,
        Self::OursPlain,
        Self::FfmpegTwoPass,
        Self::FfmpegOnePass,
        Self::Librosa,
        Self::Sox,
        Self::SoxPlain,
        Self::Pydub,
    ];

    /// The family it belongs to; `None` for ours.
    pub fn peer(self) -> Option<Peer> {
        match self {
            Self::Ours | Self::OursPlain => None,
            Self::FfmpegTwoPass | Self::FfmpegOnePass => Some(Peer::Ffmpeg),
            Self::Librosa => Some(Peer::Librosa),
            Self::Sox | Self::SoxPlain => Some(Peer::Sox),
            Self::Pydub => Some(Peer::Pydub),
        }
    }

    /// The chain of ours that does the same job: with or without noise reduction.
    #[must_use]
    pub fn counterpart(self) -> Self {
        match self {
            Self::Ours | Self::FfmpegTwoPass | Self::Librosa | Self::Sox => Self::Ours,
            Self::OursPlain | Self::FfmpegOnePass | Self::SoxPlain | Self::Pydub => Self::OursPlain,
        }
    }

    /// A name for files.
    pub fn slug(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::OursPlain => "ours-plain",
            Self::FfmpegTwoPass => "ffmpeg-two-pass",
            Self::FfmpegOnePass => "ffmpeg-one-pass",
            Self::Librosa => "librosa",
            Self::Sox => "sox",
            Self::SoxPlain => "sox-plain",
            Self::Pydub => "pydub",
        }
    }

    /// Why it cannot run here at all, if it cannot.
    pub fn missing(self, programs: &Programs) -> Option<String> {
        match self.peer()? {
            Peer::Ffmpeg => absent("ffmpeg", "-version"),
            Peer::Sox => absent("sox", "--version"),
            Peer::Librosa => unimportable(programs, "librosa, noisereduce, pyloudnorm, soundfile"),
            Peer::Pydub => unimportable(programs, "pydub"),
        }
    }

    /// Why it cannot prepare files of this kind, if it cannot.
    pub fn unreadable(self, kind: Kind) -> Option<String> {
        let refused = self.peer() == Some(Peer::Sox) && matches!(kind, Kind::M4a | Kind::Webm);
        refused.then(|| format!("sox reads no {kind}"))
    }

    /// Runs it once.
    ///
    /// # Errors
    /// If the process fails or leaves no clip.
    pub fn run(self, programs: &Programs, input: &Input, output: &Path, rate: Option<u32>) -> Result<Cost> {
        let cost = child::run(self.command(programs, input, output, rate))?;
        let clip = std::fs::metadata(output).map_or(0, |meta| meta.len());
        if clip <= 44 {
            return Err(voiceclone_core::Error::invalid("it succeeded and left no clip"));
        }
        Ok(cost)
    }

    fn command(self, programs: &Programs, input: &Input, output: &Path, rate: Option<u32>) -> Command {
        let (program, script) = match self.peer() {
            None => (programs.prepare.as_path(), None),
            Some(Peer::Ffmpeg | Peer::Sox) => (Path::new("sh"), Some(format!("{}.sh", self.slug()))),
            Some(Peer::Librosa | Peer::Pydub) => (programs.python.as_path(), Some(format!("{}_chain.py", self.slug()))),
        };
        let mut command = Command::new(program);
        // The peers' libraries would start a thread for every core; ours has one for the work.
        for variable in ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"] {
            command.env(variable, "1");
        }
        if let Some(script) = script {
            // A peer has no "as it was": it is told the rate that the recording has.
            let rate = rate.unwrap_or(input.rate).to_string();
            command.arg(programs.scripts.join(script)).arg(&input.path).arg(output).arg(rate);
            return command;
        }
        command.arg("clip").arg(&input.path).arg(output);
        if let Some(rate) = rate {
            command.arg("--rate").arg(rate.to_string());
        }
        if self == Self::OursPlain {
            command.arg("--keep-noise");
        }
        command
    }
}

impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ours => "ours",
            Self::OursPlain => "ours, noise left in",
            Self::FfmpegTwoPass => "ffmpeg two-pass, afftdn",
            Self::FfmpegOnePass => "ffmpeg one-pass, noise left in",
            Self::Librosa => "librosa + noisereduce + pyloudnorm",
            Self::Sox => "sox, noisered",
            Self::SoxPlain => "sox, noise left in",
            Self::Pydub => "pydub, noise left in",
        })
    }
}

fn absent(program: &str, version: &str) -> Option<String> {
    let started = works(Command::new(program).arg(version));
    (!started).then(|| format!("{program} is not installed"))
}

fn unimportable(programs: &Programs, packages: &str) -> Option<String> {
    let imported =
        works(Command::new(&programs.python).args([OsStr::new("-c"), format!("import {packages}").as_ref()]));
    (!imported).then(|| format!("{} cannot import {packages}; --make-venv installs them", programs.python.display()))
}

fn works(command: &mut Command) -> bool {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}
