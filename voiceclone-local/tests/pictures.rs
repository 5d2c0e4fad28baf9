//! Waveforms and spectrograms of signals whose pictures are known.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "counts of samples and pixels"
)]
use std::{f32::consts::TAU, num::NonZeroUsize, path::Path};

use voiceclone_core::{
    ErrorKind,
    audio::{AudioBody, Container, DecodeLimits, Pcm, RawAudio, decode, encode},
};
use voiceclone_local::picture::{Peak, PictureSize, Pictures, Spectrogram, Waveform, WaveformBits};

const ANY: DecodeLimits = DecodeLimits::unlimited();

fn recording() -> RawAudio {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/librivox_sense_01.wav");
    RawAudio::new(AudioBody::from_file(path).unwrap())
}

fn raw(samples: Vec<f32>, rate: u32, channels: u16, container: Container) -> RawAudio {
    RawAudio::new(encode(&Pcm::new(samples, rate, channels).unwrap(), container).unwrap().body)
}

fn tone(hertz: f32, seconds: f32, rate: u32) -> Vec<f32> {
    (0..(seconds * rate as f32) as usize)
        .map(|i| 0.5 * (TAU * (hertz * i as f32 / rate as f32).fract()).sin())
        .collect()
}

fn many(buckets: usize) -> NonZeroUsize {
    NonZeroUsize::new(buckets).unwrap()
}

/// Lowest and highest sample of every `frames` frames, from the whole recording in memory.
fn peaks_of(audio: &RawAudio, frames: usize) -> Vec<Peak> {
    let (pcm, _) = decode(&audio.body, None, &ANY).unwrap();
    let stretches = pcm.samples().chunks(frames * usize::from(pcm.channels()));
    let peak = |s: &[f32]| Peak {
        min: s.iter().copied().reduce(f32::min).unwrap(),
        max: s.iter().copied().reduce(f32::max).unwrap(),
    };
    stretches.map(peak).collect()
}

#[test]
fn peaks_are_those_of_the_decoded_samples() {
    let stereo: Vec<f32> = (0..60_002).map(|i| ((i * 7_919 % 2_003) as f32 / 1_001.5 - 1.0) * 0.9).collect();
    let audios = [
        recording(),
        raw(stereo.clone(), 44_100, 2, Container::Flac),
        raw(stereo, 24_000, 1, Container::Ogg),
        raw(vec![0.25], 16_000, 1, Container::Wav),
    ];
    for audio in audios {
        let frames = decode(&audio.body, None, &ANY).unwrap().1.frames;
        for buckets in [1, 2, 3, 7, 64, 801, 4_000] {
            let waveform = Waveform::of(&audio, many(buckets), &ANY).unwrap();
            let each = waveform.frames_per_peak();
            let expected = peaks_of(&audio, each as usize);
            assert!(waveform.peaks() == expected, "{buckets} buckets of {each} frames");
            assert!(expected.len() <= buckets && each.is_power_of_two());
            assert!(each == 1 || frames.div_ceil(each / 2) > buckets as u64, "no finer ones would have been enough");
        }
    }
}

#[test]
fn a_waveform_is_json_for_players() {
    let audio = raw([0.5, -0.25, 0.000_01, -0.000_01].repeat(4_000), 16_000, 1, Container::Wav);
    let waveform = Waveform::of(&audio, many(1), &ANY).unwrap();
    assert_eq!(serde_json::to_string(&waveform).unwrap(), r#"{"duration":1.0,"peaks":[[0.5],[-0.25]]}"#);
    let eight = serde_json::to_string(&waveform.audiowaveform(WaveformBits::Eight)).unwrap();
    let expected = r#"{"version":2,"channels":1,"sample_rate":16000,"samples_per_pixel":16384,"bits":8,"length":1,"data":[-32,64]}"#;
    assert_eq!(eight, expected);
    assert_eq!(waveform.audiowaveform(WaveformBits::Sixteen).data, [-8_192, 16_384]);
    let silent = Waveform::of(&raw(vec![0.0; 4], 16_000, 1, Container::Wav), many(2), &ANY).unwrap();
    assert_eq!(serde_json::to_string(&silent).unwrap(), r#"{"duration":0.00025,"peaks":[[0.0,0.0],[0.0,0.0]]}"#);
}

/// The picture's brightness, row by row from the top, and its palette.
struct Image {
    width: usize,
    pixels: Vec<u8>,
}

fn image(bytes: &[u8]) -> Image {
    let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap();
    assert_eq!(
        (reader.info().color_type, reader.info().palette.as_ref().unwrap().len()),
        (png::ColorType::Indexed, 768)
    );
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    reader.next_frame(&mut pixels).unwrap();
    Image { width: reader.info().width as usize, pixels }
}

impl Image {
    fn brightest_row(&self, column: usize) -> usize {
        let rows = self.pixels.len() / self.width;
        (0..rows).max_by_key(|row| self.pixels[row * self.width + column]).unwrap()
    }

    fn column(&self, column: usize) -> impl Iterator<Item = u8> {
        self.pixels.iter().skip(column).step_by(self.width).copied()
    }
}

fn drawn(audio: &RawAudio, width: u32, height: u32) -> Image {
    image(&Spectrogram::default().png(audio, PictureSize::new(width, height).unwrap(), &ANY).unwrap())
}

/// The row of a frequency when 0 to `top` hertz are on `height` rows.
fn row_of(hertz: f64, top: f64, height: usize) -> usize {
    let mel = |hertz: f64| 1_127.0 * (hertz / 700.0).ln_1p();
    (height as f64 * (1.0 - mel(hertz) / mel(top))) as usize
}

#[test]
fn a_tone_is_a_line_at_its_frequency() {
    for (hertz, rate) in [(200.0, 16_000), (1_000.0, 24_000), (3_000.0, 44_100), (9_000.0, 48_000)] {
        let top = f64::from(rate / 2).min(10_000.0);
        let image = drawn(&raw(tone(hertz, 2.0, rate), rate, 1, Container::Wav), 100, 256);
        for column in 0..100 {
            let (found, expected) = (image.brightest_row(column), row_of(f64::from(hertz), top, 256));
            assert!(found.abs_diff(expected) <= 3, "{hertz} Hz: row {found}, not {expected}, in column {column}");
        }
        let bright = image.column(50).filter(|value| *value > 200).count();
        assert!((1..40).contains(&bright), "{hertz} Hz: {bright} bright rows");
    }
}

#[test]
fn time_runs_from_left_to_right_to_the_very_end() {
    for seconds in [0.05, 1.0, 7.3] {
        let mut samples = tone(500.0, seconds, 16_000);
        samples.extend(tone(4_000.0, seconds, 16_000));
        let image = drawn(&raw(samples, 16_000, 1, Container::Wav), 64, 128);
        let (low, high) = (row_of(500.0, 8_000.0, 128), row_of(4_000.0, 8_000.0, 128));
        for (column, expected) in [(0, low), (20, low), (43, high), (63, high)] {
            let found = image.brightest_row(column);
            assert!(found.abs_diff(expected) <= 2, "{seconds} s: row {found}, not {expected}, in column {column}");
        }
    }
}

#[test]
fn silence_is_black_and_the_shortest_recording_has_a_picture() {
    assert!(drawn(&raw(vec![0.0; 48_000], 24_000, 1, Container::Wav), 80, 40).pixels.iter().all(|value| *value == 0));
    for frames in [1, 100, 1_000] {
        let click = drawn(&raw(vec![0.5; frames], 24_000, 1, Container::Wav), 80, 40);
        assert!(click.pixels.contains(&255), "{frames} frames");
    }
}

#[test]
fn a_reversed_channel_takes_nothing_away() {
    let mono = tone(700.0, 1.0, 16_000);
    let both: Vec<f32> = mono.iter().flat_map(|sample| [*sample, -*sample]).collect();
    let (one, two) = (raw(mono, 16_000, 1, Container::Flac), raw(both, 16_000, 2, Container::Flac));
    let (one, two) = (drawn(&one, 64, 64), drawn(&two, 64, 64));
    assert!(one.pixels.iter().zip(&two.pixels).all(|(a, b)| a.abs_diff(*b) <= 1));
}

#[test]
fn what_cannot_be_drawn_is_refused_with_a_reason() {
    let error = PictureSize::new(4_000, 10).unwrap_err();
    assert_eq!(error.message(), "a picture of 4000 × 10 pixels; 16 to 2048 each way are accepted");
    let (audio, size) = (raw(vec![0.1; 16_000], 8_000, 1, Container::Wav), PictureSize::new(16, 16).unwrap());
    let mut spectrogram = Spectrogram::default();
    spectrogram.low = 5_000.0;
    let error = spectrogram.png(&audio, size, &ANY).unwrap_err();
    assert!(error.message().contains("begins at 5000 Hz and the recording ends at 4000 Hz"), "{error}");
    let text = RawAudio::new(b"these are words".to_vec()).declared("words.wav");
    for error in
        [Waveform::of(&text, many(9), &ANY).unwrap_err(), Spectrogram::default().png(&text, size, &ANY).unwrap_err()]
    {
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.message().contains("this is text") && error.message().contains("words.wav"), "{error}");
    }
    let short = DecodeLimits::default();
    let hundredth = raw(vec![0.1; 80], 8_000, 1, Container::Wav);
    assert!(Waveform::of(&hundredth, many(9), &short).unwrap_err().message().contains("at least 1.00 s"));
}

#[tokio::test]
async fn beside_the_async_threads_the_pictures_are_the_same() {
    let (pictures, size) = (Pictures::new().with_concurrency(NonZeroUsize::MIN), PictureSize::new(300, 100).unwrap());
    let limits = DecodeLimits::default();
    let both = tokio::join!(pictures.waveform(recording(), many(100)), pictures.spectrogram(recording(), size));
    assert_eq!(both.0.unwrap(), Waveform::of(&recording(), many(100), &limits).unwrap());
    assert!(both.1.unwrap() == Spectrogram::default().png(&recording(), size, &limits).unwrap());
}
