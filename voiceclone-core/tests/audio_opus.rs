//! Ogg Opus that we write, read back by our decoder and by a reader that is not ours (`lofty`).
#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "counts of samples, and samples")]
use std::{io::Cursor, io::Read as _, path::Path, time::Duration};

use lofty::{file::AudioFile as _, ogg::OpusFile};
use voiceclone_core::{
    ErrorKind,
    audio::{
        AudioBody, AudioFormat, AudioWriter, Codec, Container, DecodeLimits, EncodedAudio, decode, read_tags,
        write_tags,
    },
};

/// A glide with harmonics that swells and fades, as a voice does.
fn voice(frames: usize, rate: u32, channels: u16) -> Vec<f32> {
    let sample = |i: usize, channel: u16| {
        let t = i as f64 / f64::from(rate);
        let phase = std::f64::consts::TAU * (140.0 * t + 15.0 * t * t + 0.1 * f64::from(channel));
        let sum: f64 = (1..=12).map(|h| (phase * f64::from(h)).sin() / f64::from(h)).sum();
        (0.2 * sum * (0.6 - 0.4 * (std::f64::consts::TAU * 3.0 * t).cos())) as f32
    };
    (0..frames).flat_map(|i| (0..channels).map(move |channel| sample(i, channel))).collect()
}

fn written(samples: &[f32], rate: u32, channels: u16) -> EncodedAudio {
    let mut writer = AudioWriter::create(Container::Ogg, rate, channels).unwrap();
    for piece in samples.chunks(usize::from(channels) * 1_237) {
        writer.write(piece).unwrap();
    }
    writer.finish().unwrap()
}

fn bytes(body: &AudioBody) -> Vec<u8> {
    let mut bytes = Vec::new();
    body.reader().unwrap().read_to_end(&mut bytes).unwrap();
    bytes
}

fn decoded(audio: &EncodedAudio) -> Vec<f32> {
    let (pcm, info) = decode(&audio.body, None, &DecodeLimits::unlimited()).unwrap();
    assert_eq!((info.format, info.duration, info.truncated), (audio.format, audio.duration, false));
    pcm.into_samples()
}

fn energy(samples: impl Iterator<Item = f32>) -> f64 {
    samples.map(|sample| f64::from(sample).powi(2)).sum()
}

#[test]
fn every_frame_comes_back_and_no_more() {
    // 312 frames at 48 kHz are the codec's delay: lengths around whole packets of 960, with and without it.
    let lengths = [1, 647, 648, 649, 959, 960, 961, 1_608, 1_609, 47_999];
    for (rate, frames) in [(48_000, lengths.as_slice()), (24_000, &[1, 323, 324, 325, 24_001]), (8_000, &[1, 108, 109])]
    {
        for (frames, channels) in frames.iter().flat_map(|frames| [(*frames, 1), (*frames, 2)]) {
            let audio = written(&voice(frames, rate, channels), rate, channels);
            let expected = AudioFormat::new(Container::Ogg, Codec::Opus, 48_000, channels).unwrap();
            assert_eq!(audio.format, expected);
            let back = decoded(&audio).len();
            let ticks = 48_000 / rate as usize;
            assert_eq!(back, frames * ticks * usize::from(channels), "{frames} frames of {channels} at {rate} Hz");
        }
    }
}

#[test]
fn it_sounds_the_same() {
    for (rate, channels) in [(8_000, 1), (12_000, 1), (16_000, 1), (24_000, 1), (48_000, 1), (48_000, 2)] {
        let samples = voice(rate as usize * 2, rate, channels);
        let audio = written(&samples, rate, channels);
        let back = decoded(&audio);
        // Every tick-th frame is one that was given.
        let (ticks, channels) = (48_000 / rate as usize, usize::from(channels));
        let back: Vec<f32> = back.chunks(channels).step_by(ticks).flatten().copied().collect();
        let (sound, heard) = (energy(samples.iter().copied()), energy(back.iter().copied()));
        let level = 10.0 * (heard / sound).log10();
        let noise = energy(samples.iter().zip(&back).map(|(a, b)| a - b));
        let snr = 10.0 * (sound / noise).log10();
        println!("{rate} Hz, {channels}: level {level:.2} dB, SNR {snr:.1} dB, {} bytes", audio.body.len());
        assert!(level.abs() < 0.5 && snr > 9.0, "{rate} Hz: level {level:.2} dB, SNR {snr:.1} dB");
        assert!(audio.body.len() < 24_000 * channels as u64, "{} bytes for two seconds", audio.body.len());
    }
}

#[test]
fn other_readers_see_the_same_stream() {
    let audio = written(&voice(24_001, 24_000, 1), 24_000, 1);
    let file = bytes(&audio.body);
    let options = lofty::config::ParseOptions::new();
    let read = OpusFile::read_from(&mut Cursor::new(&file), options).unwrap();
    let properties = read.properties();
    assert_eq!((properties.channels(), properties.input_sample_rate()), (1, 24_000));
    assert_eq!(properties.duration().as_millis(), 1_000);
    assert!(read.vorbis_comments().vendor().starts_with("voiceclone/"), "{}", read.vorbis_comments().vendor());
    assert_eq!(bytes(&written(&voice(24_001, 24_000, 1), 24_000, 1).body), file, "equal samples, equal bytes");
}

#[test]
fn what_opus_has_no_rate_or_channels_for_is_refused() {
    let error = AudioWriter::create(Container::Ogg, 44_100, 1).unwrap_err();
    assert_eq!(
        (error.kind(), error.message()),
        (
            ErrorKind::InvalidInput,
            "a sample rate of 44100 Hz cannot be written as Opus; accepted are 8000, 12000, 16000, 24000 and 48000 Hz"
        )
    );
    let error = AudioWriter::check(Container::Ogg, 48_000, 3).unwrap_err();
    assert!(error.message().starts_with("3 channels cannot be written as Opus; at most 2"), "{error}");
    assert!(AudioWriter::check(Container::Ogg, 48_000, 2).is_ok());
}

#[test]
fn tags_come_back_and_the_sound_stays() {
    let long = "é".repeat(100_000);
    for frames in [1, 24_001] {
        let audio = written(&voice(frames, 24_000, 1), 24_000, 1);
        let (before, sound) = (bytes(&audio.body), decoded(&audio));
        let tagged = write_tags(&audio, &[("artist", "Zoë".to_owned()), ("comment", long.clone())]).unwrap();
        let expected = [("artist".to_owned(), "Zoë".to_owned()), ("comment".to_owned(), long.clone())];
        assert_eq!(read_tags(&tagged.body).unwrap(), expected);
        assert!(decoded(&tagged) == sound);
        assert!(bytes(&audio.body) == before, "the untagged body is someone else's and stays");
        let mut file = Cursor::new(bytes(&tagged.body));
        let read = OpusFile::read_from(&mut file, lofty::config::ParseOptions::new().read_properties(false)).unwrap();
        assert_eq!(read.vorbis_comments().get("COMMENT"), Some(long.as_str()));

        let again = write_tags(&tagged, &[("title", "Other".to_owned())]).unwrap();
        assert_eq!(read_tags(&again.body).unwrap(), [("title".to_owned(), "Other".to_owned())]);
        assert!(bytes(&write_tags(&again, &[]).unwrap().body) == before, "without its tags it is the file it was");
    }
}

fn fixture(name: &str) -> EncodedAudio {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/audio").join(name);
    let format = AudioFormat::new(Container::Ogg, Codec::Opus, 48_000, 1).unwrap();
    EncodedAudio::new(format, Duration::ZERO, AudioBody::from_file(path).unwrap())
}

#[test]
fn files_of_other_encoders_are_tagged_and_what_cannot_be_is_refused() {
    let title = [("title", "Tone".to_owned())];
    let theirs = fixture("opus.ogg");
    let sound = |audio: &EncodedAudio| decode(&audio.body, None, &DecodeLimits::unlimited()).unwrap();
    let tagged = write_tags(&theirs, &title).unwrap();
    assert!(sound(&tagged) == sound(&theirs));
    assert_eq!(read_tags(&tagged.body).unwrap(), [("title".to_owned(), "Tone".to_owned())]);

    let vorbis = fixture("vorbis.ogg");
    for error in [write_tags(&vorbis, &title).unwrap_err(), read_tags(&vorbis.body).unwrap_err()] {
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.message().ends_with("not in Ogg that is not Opus"), "{error}");
    }
    let whole = bytes(&written(&voice(24_001, 24_000, 1), 24_000, 1).body);
    let mut spoilt = whole.clone();
    spoilt[whole.len() / 2] ^= 1;
    for damaged in [&whole[..whole.len() * 2 / 3], &whole[..whole.len() - 1], &whole[..60], &spoilt] {
        let audio = EncodedAudio::new(theirs.format, Duration::ZERO, damaged.to_vec());
        assert_eq!(write_tags(&audio, &title).unwrap_err().kind(), ErrorKind::InvalidInput);
    }
}
