//! What ten minutes cost in memory: the most that the process ever held, by the kernel's own count. A peak never sinks, so the
//! measurement runs in a process of its own.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "functions that tests share fail as tests do")]
use std::{fs, path::Path, process::Command};

use voiceclone_core::{
    audio::{AudioBody, RawAudio},
    domain::ClipProfile,
    preprocess::Preprocessor as _,
};
use voiceclone_local::LocalPreprocessor;

/// What a preparation may hold besides the recording, which lies in a file here.
const ALLOWED_MB: u64 = 64;
const CHILD: &str = "VOICECLONE_MEMORY_TEST_RECORDING";
const NAME: &str = "ten_minutes_are_prepared_in_64_mb";

/// The most memory that was resident since the process began: proc(5), `VmHWM`.
fn peak_mb() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let kib: u64 = line.trim().strip_suffix(" kB").unwrap().trim().parse().unwrap();
    kib * 1024 / 1_000_000
}

/// A noisy reader again and again, two channels at 44.1 kHz, nearly ten minutes.
fn write_recording(path: &Path) {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/librivox_sense_01.wav");
    let voice: Vec<i16> = hound::WavReader::open(source).unwrap().into_samples().map(Result::unwrap).collect();
    let spec = hound::WavSpec {
        channels: 2,
        sample_rate: 44_100,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut file = hound::WavWriter::create(path, spec).unwrap();
    let mut noise = 1_u32;
    for frame in 0..44_100 * 595_usize {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let hiss = i16::try_from(noise >> 24).unwrap() - 128;
        let sample = voice[frame * 160 / 441 % voice.len()].saturating_add(hiss);
        file.write_sample(sample).unwrap();
        file.write_sample(sample / 2).unwrap();
    }
    file.finalize().unwrap();
}

async fn prepare(path: &Path) {
    let recording = RawAudio::new(AudioBody::from_file(path).unwrap());
    let limits = voiceclone_core::audio::DecodeLimits::default().max_bytes(128 << 20);
    let prepared =
        LocalPreprocessor::new().with_limits(limits).process(recording, &ClipProfile::master()).await.unwrap();
    assert!(prepared.clip.unwrap().duration.as_secs() > 500);
    let peak = peak_mb();
    println!("at most {peak} MB");
    assert!(peak < ALLOWED_MB, "{peak} MB");
}

#[test]
fn ten_minutes_are_prepared_in_64_mb() {
    if let Some(recording) = std::env::var_os(CHILD) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        return runtime.block_on(prepare(recording.as_ref()));
    }
    let home = tempfile::tempdir().unwrap();
    let recording = home.path().join("long.wav");
    write_recording(&recording);
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args([NAME, "--exact", "--nocapture"]).env(CHILD, &recording).env("TMPDIR", home.path());
    let ended = child.output().unwrap();
    let said = [ended.stdout, ended.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    println!("{said}");
    assert!(ended.status.success() && said.contains("at most"), "{said}");
}
