//! What a long upload and a long text cost in memory: the most that the process ever held, by the kernel's own count.
//!
//! A peak is a process's and never sinks, so each case runs in a process of its own.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "functions that tests share fail as tests do")]
use std::{
    fs::{self, File},
    future::Future,
    io::{BufWriter, Read as _, Write as _},
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::Duration,
};

use futures_util::TryStreamExt as _;
use voiceclone_core::{
    audio::DecodeLimits,
    consent::Consent,
    domain::{JobOutput, Measure, SampleState, SpokenAudio, VoiceSample},
    engine::{Engine, EngineLimits, Provider, Upload},
    id::{JobId, OwnerId},
    speak::SpeakRequest,
    testkit::{fakes::ToneSynthesizer, run_on_runtime},
    worker::WorkerConfig,
};
use voiceclone_local::LocalPreprocessor;
use voiceclone_store::{ObjectBlobStore, SqliteStore};

const ALLOWED_MB: u64 = 300;
const CHILD: &str = "VOICECLONE_MEMORY_TEST_DIR";
const RECORDING: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../voiceclone-local/tests/data/librivox_sense_01.wav");

/// Runs `case` of the test `name` in a process that does nothing else, with a directory for everything it writes.
fn alone<F: Future<Output = ()>>(name: &str, case: impl FnOnce(PathBuf) -> F) {
    if let Some(home) = std::env::var_os(CHILD) {
        run_on_runtime(case(home.into()));
        let peak = peak_mb();
        println!("{name}: at most {peak} MB");
        assert!(peak < ALLOWED_MB, "{name} took {peak} MB of memory; {ALLOWED_MB} are allowed");
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args([name, "--exact", "--nocapture"]).env(CHILD, home.path()).env("TMPDIR", home.path());
    let ended = child.output().unwrap();
    let said = [ended.stdout, ended.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    println!("{said}");
    assert!(ended.status.success() && said.contains(&format!("{name}: at most")), "{said}");
}

/// The most memory that was resident since the process began: proc(5), `VmHWM`.
fn peak_mb() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let kib: u64 = line.trim().strip_suffix(" kB").unwrap().trim().parse().unwrap();
    kib * 1024 / 1_000_000
}

struct House {
    engine: Engine,
    tone: ToneSynthesizer,
    owner: OwnerId,
}

impl House {
    async fn over_files(home: &Path, decode: DecodeLimits) -> Self {
        let store = Arc::new(SqliteStore::open(home.join("voiceclone.db")).await.unwrap());
        let tone = ToneSynthesizer::by_reference();
        let engine = Engine::builder()
            .provider(Provider::new("tone", tone.clone()).unwrap())
            .preprocessor(LocalPreprocessor::new().with_limits(decode))
            .blobs(ObjectBlobStore::filesystem(home.join("blobs")).await.unwrap())
            .catalog(Arc::clone(&store))
            .jobs(store)
            .limits(EngineLimits::default().with(|limits| limits.decode = decode))
            .build()
            .unwrap();
        Self { engine, tone, owner: OwnerId::new("ada").unwrap() }
    }

    /// The recording, prepared.
    async fn ready(&self, path: &Path) -> VoiceSample {
        let upload = Upload::from_file(path, Consent::by_subject("Ada")).unwrap();
        let ingested = self.engine.ingest(&self.owner, upload).await.unwrap();
        ingested.job.output().await.unwrap();
        let sample = self.engine.sample(&self.owner, ingested.sample.id).await.unwrap();
        assert_eq!(sample.state(), SampleState::Ready, "{:?}", sample.rejections);
        sample
    }

    /// The finished audio of a job, copied to a file.
    async fn download(&self, job: JobId, to: &Path) {
        let mut chunks = self.engine.audio(&self.owner, job, None).await.unwrap().chunks;
        let mut file = File::create(to).unwrap();
        while let Some(chunk) = chunks.try_next().await.unwrap() {
            file.write_all(&chunk).unwrap();
        }
    }
}

/// A reader, again and again, as 48 kHz 16-bit stereo of at least `bytes`; its length.
fn write_recording(path: &Path, bytes: usize) -> Duration {
    let mut clip = hound::WavReader::open(RECORDING).unwrap();
    let voice: Vec<i16> = clip.samples().map(Result::unwrap).collect();
    let next = voice.iter().skip(1).chain(voice.first());
    let frames: Vec<u8> = voice
        .iter()
        .zip(next)
        .flat_map(|(now, next)| {
            (0..3).map(move |third| i32::from(*now) + (i32::from(*next) - i32::from(*now)) * third / 3)
        })
        .flat_map(|sample| [sample, sample * 9 / 10])
        .flat_map(|sample| i16::try_from(sample).unwrap().to_le_bytes())
        .collect();
    let times = bytes.div_ceil(frames.len());
    let len = u32::try_from(times * frames.len()).unwrap();
    let (channels, rate, frame) = (2_u16, 48_000_u32, 4_u16);
    let mut file = BufWriter::new(File::create(path).unwrap());
    let head = [
        b"RIFF".as_slice(),
        &(len + 36).to_le_bytes(),
        b"WAVEfmt \x10\0\0\0\x01\0",
        &channels.to_le_bytes(),
        &rate.to_le_bytes(),
        &(rate * u32::from(frame)).to_le_bytes(),
        &frame.to_le_bytes(),
        b"\x10\0data",
        &len.to_le_bytes(),
    ];
    file.write_all(&head.concat()).unwrap();
    for _ in 0..times {
        file.write_all(&frames).unwrap();
    }
    file.flush().unwrap();
    Duration::from_secs_f64(f64::from(len) / f64::from(rate * u32::from(frame)))
}

#[test]
fn an_upload_of_200_mb_is_taken_and_prepared_in_bounded_memory() {
    alone("an_upload_of_200_mb_is_taken_and_prepared_in_bounded_memory", |home| async move {
        let (path, minute) = (home.join("long.wav"), Duration::from_mins(1));
        let length = write_recording(&path, 200 << 20);
        assert!(length > 17 * minute, "{length:?}");
        let limits = DecodeLimits::default().max_bytes(256 << 20).max_duration(60 * minute).max_time(10 * minute);
        let house = House::over_files(&home, limits).await;
        let worker = house.engine.start_worker(WorkerConfig::default());
        let sample = house.ready(&path).await;
        let measured = sample.quality.unwrap().value(Measure::Duration).unwrap();
        assert!((measured - length.as_secs_f64()).abs() < 0.01, "{measured} s of {length:?}");
        assert_eq!(sample.original_bytes, fs::metadata(&path).unwrap().len());
        worker.shutdown().await;
    });
}

/// Sentences of an ordinary length, `characters` in all.
fn long_text(characters: usize) -> String {
    let sentence = |n: usize| {
        let end = if n.is_multiple_of(12) { "\n\n" } else { "" };
        format!("The traveller wrote letter number {n} and posted it before the evening train. {end}")
    };
    let mut text: String = (1..=characters / 60).map(sentence).collect();
    assert!(text.len() >= characters);
    text.truncate(characters);
    text
}

/// What a WAV file says of itself, read by nothing of ours: its frames and its rate. The sizes must be those of the file.
fn wav_header(path: &Path) -> (u32, u32) {
    let mut head = [0; 8];
    File::open(path).unwrap().read_exact(&mut head).unwrap();
    let [_, _, _, _, size @ ..] = head;
    assert_eq!(u64::from(u32::from_le_bytes(size)) + 8, fs::metadata(path).unwrap().len(), "the size in the header");
    let wav = hound::WavReader::open(path).unwrap();
    assert_eq!((wav.spec().channels, wav.spec().bits_per_sample), (1, 16));
    (wav.duration(), wav.spec().sample_rate)
}

#[test]
fn a_text_of_100_000_characters_becomes_one_whole_file_in_bounded_memory() {
    alone("a_text_of_100_000_characters_becomes_one_whole_file_in_bounded_memory", |home| async move {
        let house = House::over_files(&home, DecodeLimits::default()).await;
        let worker = house.engine.start_worker(WorkerConfig::default());
        let sample = house.ready(RECORDING.as_ref()).await;
        let text = long_text(100_000);
        let request = SpeakRequest::new(sample.id, &text).unwrap();
        let job = house.engine.submit(&house.owner, request, None).await.unwrap();
        let JobOutput::Speech(spoken) = job.output().await.unwrap() else { panic!("no speech") };
        worker.shutdown().await;
        let file = home.join("speech.wav");
        house.download(job.id(), &file).await;
        check_speech(&house.tone.texts(), &text, &spoken, &file);
    });
}

/// The tone takes 1,600 samples for each character, and pauses of 80 to 600 ms lie between the segments.
fn check_speech(segments: &[String], text: &str, spoken: &SpokenAudio, file: &Path) {
    let mut in_order: Vec<_> = segments.iter().map(|segment| (text.find(segment), segment.as_str())).collect();
    in_order.sort_unstable();
    let said: String = in_order.into_iter().map(|(_, segment)| segment).collect();
    assert!(said == text, "each part of the text is spoken once");
    let characters = text.len();
    let (frames, rate) = wav_header(file);
    let pauses = frames as usize - characters * 1_600;
    let between = segments.len() - 1;
    assert!((between * 1_920..=between * 14_400).contains(&pauses), "{pauses} samples in {between} pauses");
    assert_eq!(rate, 24_000);
    let length = Duration::from_secs_f64(f64::from(frames) / f64::from(rate));
    assert!(
        spoken.duration.abs_diff(length) < Duration::from_micros(1),
        "{:?} told, {length:?} found",
        spoken.duration
    );
    assert_eq!(spoken.bytes, fs::metadata(file).unwrap().len());
    assert!(spoken.duration > Duration::from_mins(110), "{:?}", spoken.duration);
}
