//! A folder to work in, the program, and independent ways to look at what it left.
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::SystemTime,
};

use serde_json::Value;
use tempfile::TempDir;

/// The shipped recording.
pub(crate) fn recording() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/sense-and-sensibility.wav")
}

/// A folder of its own for one test.
pub(crate) struct Bench {
    dir: TempDir,
}

/// What a command answered.
pub(crate) struct Answer {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Answer {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

impl Answer {
    #[track_caller]
    pub(crate) fn assert_code(&self, code: i32) -> &Self {
        assert_eq!(self.code, Some(code), "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        self
    }

    #[track_caller]
    pub(crate) fn assert_says(&self, words: &str) -> &Self {
        assert!(self.stderr.contains(words), "{words:?} is not in: {}", self.stderr);
        self
    }
}

impl Bench {
    pub(crate) fn new() -> Self {
        let bench = Self { dir: tempfile::tempdir().unwrap() };
        fs::create_dir(bench.path("tmp")).unwrap();
        fs::copy(recording(), bench.path("voice.wav")).unwrap();
        bench
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        fs::write(self.path(name), content).unwrap();
        self.path(name)
    }

    /// The program, working in this folder and with its temporary files below it.
    pub(crate) fn command<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_voiceclone-batch"));
        command.args(args).current_dir(self.dir.path()).env("TMPDIR", self.path("tmp"));
        command
    }

    pub(crate) fn call<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Answer {
        self.command(args).output().unwrap().into()
    }

    /// `run` over a manifest into a folder, under consent.
    pub(crate) fn run(&self, manifest: &str, out: &str) -> Answer {
        self.call(["run", manifest, "--out", out, "--i-have-consent"])
    }

    /// The report of a run into `out`.
    pub(crate) fn report(&self, out: &str) -> Value {
        serde_json::from_slice(&fs::read(self.path(out).join("report.json")).unwrap()).unwrap()
    }

    /// Every file below a folder, hidden ones too, with the time it was written.
    pub(crate) fn files(&self, folder: &str) -> BTreeMap<PathBuf, SystemTime> {
        let mut found = BTreeMap::new();
        let mut folders = vec![self.path(folder)];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let written = fs::metadata(&path).unwrap().modified().unwrap();
                    found.insert(path, written);
                }
            }
        }
        found
    }

    /// The audio files of a run, by name, with the time they were written.
    pub(crate) fn outputs(&self, out: &str) -> BTreeMap<String, SystemTime> {
        let state = self.path(out).join(".voiceclone");
        let audio = |path: &PathBuf| !path.starts_with(&state) && !path.ends_with("report.json");
        let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
        self.files(out).into_iter().filter(|(path, _)| audio(path)).map(|(path, at)| (name(&path), at)).collect()
    }
}

/// The samples of a WAV file, by a reader that is not ours.
pub(crate) fn samples(wav: &Path) -> Vec<i16> {
    hound::WavReader::open(wav).unwrap().into_samples().map(Result::unwrap).collect()
}

/// A 16-bit mono WAV file at 16 kHz.
pub(crate) fn wav(samples: &[i16]) -> Vec<u8> {
    let mut file = std::io::Cursor::new(Vec::new());
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 16_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::new(&mut file, spec).unwrap();
    for sample in samples {
        writer.write_sample(*sample).unwrap();
    }
    writer.finalize().unwrap();
    file.into_inner()
}
