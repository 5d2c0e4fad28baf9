//! What people upload by mistake or on purpose: each thing is refused with its own words and leaves nothing behind, or is
//! taken with a record that says what is wrong with it.
use std::{
    collections::HashSet,
    fs::{self, File},
    io::{Read as _, Write as _},
    path::Path,
};

use voiceclone_core::{
    ErrorKind,
    audio::{AudioBody, AudioWriter, Container, Pcm, encode},
    domain::{Measure, SampleState, Verdict},
    speak::SpeakRequest,
    testkit::run_on_runtime,
};

use super::house::{House, RECORDING};

fn wav_head(rate: u32, data: u32) -> Vec<u8> {
    let fields = [
        b"RIFF".as_slice(),
        &data.saturating_add(36).to_le_bytes(),
        b"WAVEfmt \x10\0\0\0\x01\0\x01\0",
        &rate.to_le_bytes(),
        &(rate * 2).to_le_bytes(),
        b"\x02\0\x10\0data",
        &data.to_le_bytes(),
    ];
    fields.concat()
}

fn reader() -> Vec<u8> {
    fs::read(RECORDING).unwrap()
}

fn reader_as(container: Container) -> Vec<u8> {
    let mut wav = hound::WavReader::open(RECORDING).unwrap();
    let samples = wav.samples::<i16>().map(|s| f32::from(s.unwrap()) / 32_768.0).collect();
    bytes_of(&encode(&Pcm::new(samples, 16_000, 1).unwrap(), container).unwrap().body)
}

fn bytes_of(body: &AudioBody) -> Vec<u8> {
    let mut bytes = Vec::new();
    body.reader().unwrap().read_to_end(&mut bytes).unwrap();
    bytes
}

/// Equal on every run and without a pattern that any container has.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let mut byte = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    (0..len).map(|_| byte()).collect()
}

/// Three hours of silence: 1.5 MB of FLAC.
fn three_hours_of_flac() -> AudioBody {
    let mut writer = AudioWriter::create(Container::Flac, 16_000, 1).unwrap();
    let minute = vec![0.0; 16_000 * 60];
    for _ in 0..180 {
        writer.write(&minute).unwrap();
    }
    writer.finish().unwrap().body
}

/// Three hours of WAV that take no room on the disk.
fn three_hours_of_wav(folder: &Path) -> AudioBody {
    let path = folder.join("long.wav");
    let mut file = File::create(&path).unwrap();
    let data = 16_000 * 2 * 3 * 3_600;
    file.write_all(&wav_head(16_000, data)).unwrap();
    file.set_len(u64::from(data) + 44).unwrap();
    AudioBody::from_file(path).unwrap()
}

/// Name, bytes, and what the refusal must say.
fn refused(folder: &Path) -> Vec<(&'static str, AudioBody, Vec<&'static str>)> {
    let kinds = "accepted are WAV";
    let brief = reader()[..44 + 6_400].to_vec();
    let flac = reader_as(Container::Flac);
    vec![
        ("empty.wav", AudioBody::from(Vec::new()), vec!["the file is empty (0 bytes)", kinds]),
        ("head.wav", reader()[..30].to_vec().into(), vec!["WAV", "headers are damaged or cut off"]),
        ("head.flac", flac[..20].to_vec().into(), vec!["FLAC", "headers are damaged or cut off"]),
        ("bare.wav", reader()[..44].to_vec().into(), vec!["this is WAV, but no audio could be decoded"]),
        ("letter.wav", b"%PDF-1.7\n%\xE2\xE3\xCF\xD3\n".to_vec().into(), vec!["a PDF document", "letter.wav", kinds]),
        ("notes.wav", "Dear Sir or Madam, ".repeat(50).into_bytes().into(), vec!["this is text", "notes.wav", kinds]),
        ("photo.wav", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec().into(), vec!["a PNG image", "photo.wav", kinds]),
        ("voices.zip", b"PK\x03\x04\x14\0\0\0\x08\0".to_vec().into(), vec!["a ZIP archive", "voices.zip", kinds]),
        ("noise.wav", noise(20_000).into(), vec!["this is unknown data", "noise.wav", kinds]),
        ("short.wav", brief.into(), vec!["lasts 0.20 s", "at least 1.00 s"]),
        ("long.flac", three_hours_of_flac(), vec!["lasts longer than the 600 s"]),
        ("long.wav", three_hours_of_wav(folder), vec!["has 345600044 bytes", "at most 52428800"]),
        ("boast.wav", [wav_head(16_000, 2_000_000_000), vec![0; 1_000]].concat().into(), vec!["lasts 0.03 s"]),
    ]
}

#[test]
fn each_bad_upload_is_refused_in_its_own_words_and_leaves_nothing() {
    run_on_runtime(async {
        let house = House::new();
        house.reader().await;
        let before = house.kept().await;
        let mut seen = HashSet::new();
        let folder = tempfile::tempdir().unwrap();
        for (name, body, parts) in refused(folder.path()) {
            let error = house.ingest(body, name).await.err().unwrap_or_else(|| panic!("{name} was taken"));
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{name}: {}", error.chain());
            for part in parts {
                assert!(error.message().contains(part), "{name}: {:?} should say {part:?}", error.message());
            }
            assert!(seen.insert(error.message().to_owned()), "{name} is refused like another: {}", error.message());
            assert_eq!(house.kept().await, before, "{name} left something behind");
        }
    });
}

#[test]
fn a_recording_that_was_cut_is_taken_and_said_to_be_cut() {
    run_on_runtime(async {
        let house = House::new();
        let (wav, flac) = (reader(), reader_as(Container::Flac));
        let boast = [wav_head(16_000, 2_000_000_000), wav[44..].to_vec()].concat();
        for (name, bytes) in [
            ("cut.wav", wav[..wav.len() * 2 / 3].to_vec()),
            ("cut.flac", flac[..flac.len() * 2 / 3].to_vec()),
            ("boast.wav", boast),
        ] {
            let sample = house.prepared(bytes, name).await;
            assert_eq!(sample.state(), SampleState::Ready, "{name}: {:?}", sample.rejections);
            let quality = sample.quality.unwrap();
            let cut = quality.findings.iter().find(|f| f.measure == Measure::Truncated);
            let cut = cut.unwrap_or_else(|| panic!("{name} is not said to be cut: {quality:#?}"));
            assert_eq!((cut.value, cut.verdict), (1.0, Verdict::Warn), "{name}: {cut:?}");
        }
    });
}

#[test]
fn a_useless_recording_is_kept_as_rejected_with_its_reason_and_cannot_speak() {
    run_on_runtime(async {
        let house = House::new();
        let silent = encode(&Pcm::new(vec![0.0; 80_000], 16_000, 1).unwrap(), Container::Wav).unwrap();
        let hiss = noise(80_000).iter().map(|byte| f32::from(*byte) / 2_550.0 - 0.05).collect();
        let hiss = encode(&Pcm::new(hiss, 16_000, 1).unwrap(), Container::Wav).unwrap();
        for (body, reason) in [(silent.body, "The recording is silent."), (hiss.body, "No speech was found")] {
            let sample = house.prepared(body, "useless.wav").await;
            assert_eq!((sample.state(), &sample.processed), (SampleState::Rejected, &None));
            assert!(sample.rejections.join(" ").contains(reason), "{:?} for {reason}", sample.rejections);
            let before = house.kept().await;
            let request = SpeakRequest::new(sample.id, "Good morning.").unwrap();
            let live = house.engine.speak(&house.owner, request.clone()).await.unwrap_err();
            let queued = house.engine.submit(&house.owner, request, None).await.unwrap_err();
            for error in [live, queued] {
                assert_eq!(error.kind(), ErrorKind::InvalidInput, "{}", error.chain());
                assert!(error.message().contains(reason), "{}", error.message());
            }
            assert_eq!(house.kept().await, before);
        }
    });
}
