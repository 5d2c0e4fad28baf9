//! The recordings that every chain gets: speech with pauses, in pink noise and mains hum, and the same without.
//!
//! They are made once, by ffmpeg, from the public-domain recording of the examples, and kept. It knows nothing of what
//! is measured with them.
use std::{
    fmt, fs,
    path::{Path, PathBuf},
    process::Command,
};

use clap::ValueEnum;
use voiceclone_core::{Error, Result};

use crate::child;

/// Change it with anything that changes the files, so that no old ones are taken for new.
const VERSION: &str = "inputs-1";

/// Stretches of the recording, cut in its own pauses, with the speed they are played at and the pause after them, in
/// seconds. The first ten seconds are whole phrases, and all of it is a little under [`REEL_SECONDS`].
const REEL: [(Stretch, f64, f64); 10] = [
    (THIRD, 1.0, 1.0),
    (SECOND, 1.0, 0.8),
    (FIRST, 0.94, 1.6),
    (THIRD, 1.06, 0.7),
    (SECOND, 0.9, 1.2),
    (FIRST, 1.08, 0.9),
    (THIRD, 0.92, 2.5),
    (SECOND, 1.1, 0.6),
    (FIRST, 1.0, 1.0),
    (SECOND, 0.96, 0.6),
];
const REEL_SECONDS: u32 = 60;
/// Before the first word: the second of bare noise from which sox takes its profile.
const LEAD: f64 = 1.0;

type Stretch = (f64, f64);
const FIRST: Stretch = (0.0, 7.0);
const SECOND: Stretch = (7.33, 9.93);
const THIRD: Stretch = (10.1, 15.39);

/// The reader speaks at −24 dBFS (root mean square while speaking) and ffmpeg's pink noise of amplitude 1 has −14.2 dBFS:
/// this is −39 dBFS, 15 dB below.
const NOISE: f64 = 0.0575;
/// A mains hum of −41 dBFS; ffmpeg's `sine` has −21 dBFS.
const HUM: f64 = 0.1;
/// The floor of a quiet room, −75 dBFS.
const FLOOR: f64 = 0.00091;

/// A kind of input file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, ValueEnum)]
pub enum Kind {
    /// WAV, 16 bits.
    Wav,
    /// MP3, 128 kbit/s.
    Mp3,
    /// AAC in MP4, 96 kbit/s.
    M4a,
    /// FLAC, 16 bits.
    Flac,
    /// Opus in `WebM`, 64 kbit/s.
    Webm,
    /// WAV, without the noise and the hum.
    Clean,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 6] = [Self::Wav, Self::Mp3, Self::M4a, Self::Flac, Self::Webm, Self::Clean];

    fn extension(self) -> &'static str {
        match self {
            Self::Wav | Self::Clean => "wav",
            Self::Mp3 => "mp3",
            Self::M4a => "m4a",
            Self::Flac => "flac",
            Self::Webm => "webm",
        }
    }

    fn encoding(self) -> &'static [&'static str] {
        match self {
            Self::Wav | Self::Clean => &["-c:a", "pcm_s16le"],
            Self::Mp3 => &["-c:a", "libmp3lame", "-b:a", "128k"],
            Self::M4a => &["-c:a", "aac", "-b:a", "96k"],
            Self::Flac => &["-c:a", "flac"],
            Self::Webm => &["-c:a", "libopus", "-b:a", "64k", "-ar", "48000"],
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == Self::Clean { "clean wav" } else { self.extension() })
    }
}

/// A recording to prepare.
#[derive(Debug, Clone, PartialEq)]
pub struct Input {
    /// What it is called in tables.
    pub name: String,
    /// Its length.
    pub seconds: u32,
    /// What it is encoded as.
    pub kind: Kind,
    /// Sample rate in hertz.
    pub rate: u32,
    /// Where it is.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
}

/// Makes inputs, and keeps them.
#[derive(Debug)]
pub struct Inputs {
    dir: PathBuf,
    recording: PathBuf,
}

impl Inputs {
    /// Inputs made from `recording` (one channel, 16 kHz), kept under `dir`.
    ///
    /// # Errors
    /// If the directory cannot be made.
    pub fn new(dir: &Path, recording: PathBuf) -> Result<Self> {
        let dir = dir.join(VERSION);
        fs::create_dir_all(&dir).map_err(|e| Error::unexpected("the inputs have no place").with_source(e))?;
        Ok(Self { dir, recording })
    }

    /// Two channels at 44.1 kHz (48 kHz as `WebM`), `seconds` long.
    ///
    /// # Errors
    /// If ffmpeg is missing or cannot encode this kind.
    pub fn recording(&self, seconds: u32, kind: Kind) -> Result<Input> {
        let stem = if kind == Kind::Clean { "clean" } else { "noisy" };
        let rate = if kind == Kind::Webm { 48_000 } else { 44_100 };
        let name = format!("{seconds} s {kind}");
        let source = self.scene(seconds, kind == Kind::Clean)?;
        let path = self.made(&format!("{stem}-{seconds}.{}", kind.extension()), |to| {
            ffmpeg([&["-i", text(&source)?][..], kind.encoding(), &[to]].concat())
        })?;
        Input { name, seconds, kind, rate, path, bytes: 0 }.sized()
    }

    /// Fifteen seconds as a telephone's recorder leaves them: one channel of 48 kHz AAC at 64 kbit/s, quiet room.
    ///
    /// # Errors
    /// If ffmpeg is missing or cannot encode it.
    pub fn phone(&self) -> Result<Input> {
        let source = self.scene(15, true)?;
        let path = self.made("phone-15.m4a", |to| {
            ffmpeg(["-i", text(&source)?, "-ac", "1", "-ar", "48000", "-c:a", "aac", "-b:a", "64k", to])
        })?;
        Input { name: "15 s phone m4a".to_owned(), seconds: 15, kind: Kind::M4a, rate: 48_000, path, bytes: 0 }.sized()
    }

    /// The speech again and again, in noise and hum or in a quiet room. The second channel is the same, but softer.
    fn scene(&self, seconds: u32, clean: bool) -> Result<PathBuf> {
        let reel = self.reel()?;
        let (stem, noise, hum) = if clean { ("clean", FLOOR, 0.0) } else { ("noisy", NOISE, HUM) };
        let noise = format!("anoisesrc=color=pink:amplitude={noise}:seed=1:sample_rate=44100");
        let mix = format!(
            "[2]volume={hum}[hum];[0][1][hum]amix=inputs=3:normalize=0:duration=first,pan=stereo|c0=c0|c1=0.8*c0"
        );
        let length = seconds.to_string();
        self.made(&format!("{stem}-{seconds}.wav"), |to| {
            let voice = ["-stream_loop", "-1", "-i", text(&reel)?];
            let others = ["-f", "lavfi", "-i", &noise, "-f", "lavfi", "-i", "sine=frequency=50:sample_rate=44100"];
            let end = ["-filter_complex", &mix, "-t", &length, "-c:a", "pcm_s16le", to];
            ffmpeg([&voice[..], &others, &end].concat())
        })
    }

    /// The speech alone, as floating point.
    fn reel(&self) -> Result<PathBuf> {
        let length = REEL_SECONDS.to_string();
        self.made("reel.wav", |to| {
            let input = ["-i", text(&self.recording)?];
            let end = ["-filter_complex", &reel_filter(), "-map", "[reel]", "-t", &length, "-c:a", "pcm_f32le", to];
            ffmpeg([&input[..], &end].concat())
        })
    }

    /// The file of this name, made now unless it is there. Half a file never has the name of a whole one.
    fn made(&self, name: &str, make: impl FnOnce(&str) -> Result<()>) -> Result<PathBuf> {
        let path = self.dir.join(name);
        if !path.exists() {
            let half = self.dir.join(format!("half-{name}"));
            make(text(&half)?)?;
            fs::rename(&half, &path).map_err(|e| Error::unexpected("an input cannot be kept").with_source(e))?;
        }
        Ok(path)
    }
}

impl Input {
    fn sized(mut self) -> Result<Self> {
        let meta = fs::metadata(&self.path).map_err(|e| Error::unexpected("an input is gone").with_source(e))?;
        self.bytes = meta.len();
        Ok(self)
    }
}

/// Speed and pitch together, as a tape would: it costs nothing and makes the stretches differ.
fn reel_filter() -> String {
    let count = REEL.len();
    let labels = |of: &str| (0..count).map(|i| format!("[{of}{i}]")).collect::<Vec<_>>().concat();
    let mut steps = vec![format!("[0]asplit={count}{}", labels("cut"))];
    for (i, ((from, to), speed, pause)) in REEL.iter().enumerate() {
        let rate = 16_000.0 * speed;
        let cut = format!("[cut{i}]atrim={from}:{to},asetpts=N/SR/TB,afade=d=0.01");
        steps.push(format!("{cut},asetrate={rate:.0},aresample=44100,apad=pad_dur={pause}[said{i}]"));
    }
    let lead = LEAD * 1000.0;
    steps.push(format!("{}concat=n={count}:v=0:a=1,adelay={lead:.0},apad[reel]", labels("said")));
    steps.join(";")
}

fn ffmpeg<'a>(arguments: impl AsRef<[&'a str]>) -> Result<()> {
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-v", "error", "-y", "-threads", "1"]).args(arguments.as_ref());
    child::run(command).map(|_| ())
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().ok_or_else(|| Error::invalid(format!("this path is no text: {}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stretches_fill_the_reel_and_no_more() {
        let spoken: f64 = REEL.iter().map(|((from, to), speed, pause)| (to - from) / speed + pause).sum();
        let silence = f64::from(REEL_SECONDS) - LEAD - spoken;
        assert!((0.0..2.0).contains(&silence), "{silence} s of silence at the end");
    }
}
