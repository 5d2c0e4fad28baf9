//! Files that we write, read back by our decoder and by readers that are not ours (`hound`, `lofty`, FLAC's own MD5).
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]
use std::io::{Cursor, Read as _};

use lofty::{file::AudioFile as _, flac::FlacFile, iff::wav::WavFile};
use proptest::prelude::*;
use voiceclone_core::{
    ErrorKind,
    audio::{
        AudioBody, AudioWriter, Container, DecodeLimits, EncodedAudio, Pcm, SPOOL_THRESHOLD, decode, encode, from_s16,
        read_tags, to_s16, write_tags,
    },
};

fn noise(samples: usize) -> Vec<f32> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        from_s16(i16::from_le_bytes([state.to_le_bytes()[2], state.to_le_bytes()[3]]))
    };
    (0..samples).map(|_| next()).collect()
}

fn bytes(body: &AudioBody) -> Vec<u8> {
    let mut bytes = Vec::new();
    body.reader().unwrap().read_to_end(&mut bytes).unwrap();
    bytes
}

fn decoded(audio: &EncodedAudio) -> Vec<f32> {
    let (pcm, info) = decode(&audio.body, None, &DecodeLimits::unlimited()).unwrap();
    assert_eq!(info.format, audio.format);
    assert_eq!((info.duration, info.truncated), (audio.duration, false));
    pcm.into_samples()
}

/// Written in pieces of uneven length.
fn written(container: Container, samples: &[f32], rate: u32, channels: u16) -> EncodedAudio {
    let mut writer = AudioWriter::create(container, rate, channels).unwrap();
    for piece in samples.chunks(usize::from(channels) * 1_237) {
        writer.write(piece).unwrap();
    }
    writer.finish().unwrap()
}

/// The fields of a FLAC file's STREAMINFO that tests look at: smallest and largest block, total frames, MD5.
fn stream_info(flac: &[u8]) -> (u16, u16, u64, [u8; 16]) {
    assert_eq!(&flac[..4], b"fLaC");
    let total = u64::from_be_bytes(flac[18..26].try_into().unwrap()) & 0xF_FFFF_FFFF;
    let block = |at: usize| u16::from_be_bytes(flac[at..at + 2].try_into().unwrap());
    (block(8), block(10), total, flac[26..42].try_into().unwrap())
}

#[test]
fn what_is_written_comes_back_bit_for_bit() {
    for container in [Container::Wav, Container::Flac] {
        for (frames, rate, channels) in
            [(1, 8_000, 1), (4_095, 16_000, 1), (4_096, 24_000, 2), (70_001, 48_000, 3), (20_000, 44_100, 8)]
        {
            let samples = noise(frames * usize::from(channels));
            let audio = written(container, &samples, rate, channels);
            assert!(decoded(&audio) == samples, "{container:?}, {frames} frames, {channels} channels");
        }
    }
}

#[test]
fn the_headers_of_a_wav_hold_its_true_sizes() {
    for channels in [1, 2, 6] {
        let samples = noise(6_000);
        let wav = bytes(&written(Container::Wav, &samples, 24_000, channels).body);
        let riff = u32::from_le_bytes(wav[4..8].try_into().unwrap());
        assert_eq!(riff as usize + 8, wav.len());
        let mut reader = hound::WavReader::new(Cursor::new(&wav)).unwrap();
        assert_eq!((reader.spec().channels, reader.spec().sample_rate), (channels, 24_000));
        assert_eq!(reader.len() as usize, samples.len());
        let read: Vec<f32> = reader.samples::<i16>().map(|s| from_s16(s.unwrap())).collect();
        assert!(read == samples);
    }
}

#[test]
fn the_header_of_a_flac_holds_its_length_and_the_md5_of_its_samples() {
    // MD5 of the 16-bit little-endian bytes 00 40 (0.5), 10 000 times, by md5sum.
    let flac = bytes(&written(Container::Flac, &vec![0.5; 10_000], 24_000, 1).body);
    let (min, max, total, md5) = stream_info(&flac);
    assert_eq!((min, max, total), (4_096, 4_096, 10_000));
    assert_eq!(u128::from_be_bytes(md5), 0x2f36_7b58_36ff_5cc6_341b_efd9_6ad1_db8b);
}

#[test]
fn a_long_file_leaves_memory_and_is_the_same_file() {
    let samples = noise(SPOOL_THRESHOLD / 2 + 100_000);
    for container in [Container::Wav, Container::Flac] {
        let audio = written(container, &samples, 24_000, 1);
        assert!(format!("{:?}", audio.body).contains("temporary file"), "{:?}", audio.body);
        assert!(decoded(&audio) == samples);
    }
}

#[test]
fn what_cannot_be_written_is_refused_with_a_reason() {
    let error = AudioWriter::create(Container::Mp3, 24_000, 1).unwrap_err();
    assert_eq!(
        (error.kind(), error.message()),
        (ErrorKind::Unsupported, "audio cannot be written as MP3; accepted are WAV, FLAC and Ogg (Opus)")
    );
    let error = AudioWriter::create(Container::Flac, 192_000, 1).unwrap_err();
    assert!(error.message().contains("192000 Hz") && error.message().contains("96000 Hz"), "{error}");
    let mut writer = AudioWriter::create(Container::Wav, 24_000, 2).unwrap();
    assert_eq!(writer.write(&[0.0; 3]).unwrap_err().message(), "3 samples are no whole frames of 2 channels");
    assert!(writer.write(&[0.0, f32::NAN]).unwrap_err().message().contains("not a finite number"));
    assert_eq!(writer.finish().unwrap_err().message(), "no audio was written");
}

fn tags() -> Vec<(&'static str, String)> {
    let json = format!(r#"{{"synthetic":true,"voice":"Zoë","note":"{}"}}"#, "é".repeat(5_000));
    vec![("artist", "Zoë".to_owned()), ("comment", json), ("software", "voiceclone 0.1.0".to_owned())]
}

#[test]
fn tags_come_back_and_the_samples_stay() {
    let long = noise(SPOOL_THRESHOLD / 2 + 100_000);
    for container in [Container::Wav, Container::Flac] {
        for samples in [&long[..1], &long[..24_001], &long] {
            let audio = written(container, samples, 24_000, 1);
            let before = bytes(&audio.body);
            let tagged = write_tags(&audio, &tags()).unwrap();
            let expected: Vec<_> = tags().into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
            assert_eq!(read_tags(&tagged.body).unwrap(), expected);
            assert!(decoded(&tagged) == *samples);
            assert!(bytes(&audio.body) == before, "the untagged body is someone else's and stays");

            let again = write_tags(&tagged, &[("title", "Other".to_owned())]).unwrap();
            assert_eq!(read_tags(&again.body).unwrap(), [("title".to_owned(), "Other".to_owned())]);
            assert!(decoded(&again) == *samples);
            let none = write_tags(&again, &[]).unwrap();
            assert_eq!(read_tags(&none.body).unwrap(), []);
            assert!(decoded(&none) == *samples);
        }
    }
}

#[test]
fn other_readers_see_the_tags_and_true_sizes() {
    let audio = written(Container::Wav, &noise(24_001), 24_000, 1);
    let untagged = bytes(&audio.body);
    let wav = bytes(&write_tags(&audio, &tags()).unwrap().body);
    assert_eq!(u32::from_le_bytes(wav[4..8].try_into().unwrap()) as usize + 8, wav.len());
    assert!(wav[44..untagged.len()] == untagged[44..], "the data chunk is where it was");
    assert_eq!(hound::WavReader::new(Cursor::new(&wav)).unwrap().len(), 24_001);
    let file = WavFile::read_from(&mut Cursor::new(&wav), lofty::config::ParseOptions::new()).unwrap();
    assert_eq!(file.riff_info().unwrap().get("ISFT"), Some("voiceclone 0.1.0"));

    let audio = written(Container::Flac, &noise(24_001), 24_000, 1);
    let info = stream_info(&bytes(&audio.body));
    let flac = bytes(&write_tags(&audio, &tags()).unwrap().body);
    assert_eq!(stream_info(&flac), info);
    let file = FlacFile::read_from(&mut Cursor::new(&flac), lofty::config::ParseOptions::new()).unwrap();
    assert_eq!(file.vorbis_comments().unwrap().get("ENCODER"), Some("voiceclone 0.1.0"));
    assert_eq!(file.properties().duration().as_millis(), 1_000);
}

#[test]
fn an_info_list_in_front_of_the_data_is_replaced_and_other_chunks_stay() {
    let wav = bytes(&written(Container::Wav, &noise(100), 24_000, 1).body);
    let list = b"LIST\x10\0\0\0INFOINAM\x04\0\0\0Old\0";
    let other = b"junk\x03\0\0\0abc\0";
    let mut file = [&wav[..36], list, other, &wav[36..]].concat();
    let riff = u32::try_from(file.len() - 8).unwrap();
    file[4..8].copy_from_slice(&riff.to_le_bytes());
    let audio = EncodedAudio::new(written(Container::Wav, &[0.0], 24_000, 1).format, std::time::Duration::ZERO, file);
    let tagged = write_tags(&audio, &[("artist", "New".to_owned())]).unwrap();
    assert_eq!(read_tags(&tagged.body).unwrap(), [("artist".to_owned(), "New".to_owned())]);
    let back = bytes(&tagged.body);
    assert!(back.windows(other.len()).any(|w| w == other));
    assert!(!back.windows(4).any(|w| w == b"Old\0"));
}

#[test]
fn tags_that_cannot_be_kept_are_refused() {
    let wav = || written(Container::Wav, &[0.0; 10], 24_000, 1);
    let refused =
        |audio: &EncodedAudio, name: &str, value: &str| write_tags(audio, &[(name, value.to_owned())]).unwrap_err();
    assert!(refused(&wav(), "mood", "x").message().contains("\"mood\" is not known; accepted are title, artist"));
    assert!(refused(&wav(), "title", "").message().contains("empty"));
    assert!(refused(&wav(), "title", "a\0b").message().contains("zero byte"));
    assert!(refused(&wav(), "title", &"x".repeat(2 << 20)).message().contains("at most 1048576"));
    let twice = write_tags(&wav(), &[("title", "a".to_owned()), ("title", "b".to_owned())]).unwrap_err();
    assert!(twice.message().contains("given twice"));
    let raw = voiceclone_core::audio::AudioFormat::raw_s16(24_000).unwrap();
    let error = refused(&EncodedAudio::new(raw, std::time::Duration::ZERO, vec![0, 0]), "title", "x");
    assert_eq!(
        (error.kind(), error.message()),
        (ErrorKind::Unsupported, "tags can be kept in WAV, FLAC and Ogg Opus, not in raw samples")
    );
    let mut cut = bytes(&wav().body);
    cut.truncate(50);
    let damaged = EncodedAudio::new(wav().format, std::time::Duration::ZERO, cut);
    assert_eq!(refused(&damaged, "title", "x").kind(), ErrorKind::InvalidInput);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn any_samples_and_any_text_survive(
        samples in prop::collection::vec(-1.2_f32..1.2, 2..9_000),
        value in "[^\0]{1,300}",
        channels in 1_u16..3,
        wav in any::<bool>(),
    ) {
        let container = if wav { Container::Wav } else { Container::Flac };
        let whole = samples.len() - samples.len() % usize::from(channels);
        let pcm = Pcm::new(samples[..whole].to_vec(), 24_000, channels).unwrap();
        let tagged = write_tags(&encode(&pcm, container).unwrap(), &[("comment", value.clone())]).unwrap();
        prop_assert_eq!(read_tags(&tagged.body).unwrap(), [("comment".to_owned(), value)]);
        let rounded: Vec<f32> = pcm.samples().iter().map(|s| from_s16(to_s16(*s))).collect();
        prop_assert!(decoded(&tagged) == rounded);
    }
}
