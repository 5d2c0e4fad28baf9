//! Decoding against values that ffmpeg read from the same files (`tests/audio/ffmpeg.tsv`), and against files made to hurt.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]
use std::time::Duration;

use proptest::prelude::*;
use sha2::{Digest as _, Sha256};
use voiceclone_core::{
    ErrorKind, Result,
    audio::{
        ACCEPTED_AUDIO, AudioBody, AudioWriter, ClipInfo, Codec, Container, DecodeLimits, Decoder, Pcm, decode, encode,
        probe,
    },
};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/audio");

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(format!("{FOLDER}/{name}")).unwrap()
}

/// Fixtures are 1.2 s long; what the tests cut is shorter.
fn short() -> DecodeLimits {
    DecodeLimits::default().min_duration(Duration::ZERO)
}

fn decode_bytes(bytes: Vec<u8>) -> Result<(Pcm, ClipInfo)> {
    decode(&bytes.into(), None, &short())
}

fn message(bytes: Vec<u8>) -> String {
    let error = probe(&bytes.into(), Some("voice.wav"), &DecodeLimits::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{}", error.chain());
    error.message().to_owned()
}

struct Oracle {
    name: &'static str,
    rate: u32,
    channels: u16,
    frames: u64,
    /// The frames of ffmpeg's that the file says are the recording.
    part: std::ops::Range<usize>,
    /// What ffmpeg decodes, where decoders may differ in the last bits.
    reference: &'static str,
    sha256: &'static str,
}

fn oracle() -> impl Iterator<Item = Oracle> {
    include_str!("audio/ffmpeg.tsv").lines().filter(|line| !line.starts_with('#')).map(|line| {
        let [name, rate, channels, frames, from, to, reference, sha256] =
            line.split('\t').collect::<Vec<_>>().try_into().unwrap();
        let (rate, channels, frames) = (rate.parse().unwrap(), channels.parse().unwrap(), frames.parse().unwrap());
        let part = from.parse().unwrap()..to.parse().unwrap();
        Oracle { name, rate, channels, frames, part, reference, sha256 }
    })
}

fn power(samples: impl Iterator<Item = f64>) -> f64 {
    samples.map(|sample| sample * sample).sum()
}

/// Power of the difference relative to the power of what is expected, sample by sample as they lie, in dB.
fn difference(found: &[f32], expected: &[f32]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let pairs = found.iter().zip(expected).map(|(found, expected)| f64::from(*found) - f64::from(*expected));
    10.0 * (power(pairs) / power(expected.iter().map(|sample| f64::from(*sample)))).log10()
}

fn sha256(samples: &[f32]) -> String {
    let bytes: Vec<u8> = samples.iter().flat_map(|s| s.to_le_bytes()).collect();
    Sha256::digest(bytes).iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

#[test]
fn every_accepted_kind_decodes_as_ffmpeg_decodes_it() {
    for expected in oracle() {
        let (pcm, info) =
            decode_bytes(fixture(expected.name)).unwrap_or_else(|e| panic!("{}: {}", expected.name, e.chain()));
        let name = expected.name;
        assert_eq!((pcm.sample_rate(), pcm.channels()), (expected.rate, expected.channels), "{name}");
        assert_eq!(info.frames, pcm.frames() as u64, "{name}");
        assert_eq!((info.damaged_packets, info.cleaned_samples, info.truncated), (0, 0, false), "{name}");
        assert_eq!(pcm.frames(), expected.part.len(), "{name}");
        let lossless = !matches!(info.format.codec(), Codec::Mp3 | Codec::Aac | Codec::Vorbis | Codec::Opus);
        assert_eq!(lossless, expected.reference == "-", "{name}");
        if lossless {
            assert_eq!(info.frames, expected.frames, "{name}");
            assert_eq!(sha256(pcm.samples()), expected.sha256, "{name}");
        } else {
            let (reference, _) = decode_bytes(fixture(&format!("reference/{}", expected.reference))).unwrap();
            assert_eq!(reference.frames() as u64, expected.frames, "{name}");
            let channels = usize::from(expected.channels);
            let part = &reference.samples()[expected.part.start * channels..expected.part.end * channels];
            let difference = difference(pcm.samples(), part);
            assert!(difference < -80.0, "{name}: {difference} dB");
        }
    }
}

#[test]
fn what_is_refused_is_named_with_what_is_accepted() {
    let cases = [
        ("surround.ogg", "Opus with more than two channels"),
        ("speex.ogg", "Speex"),
        ("tone.au", "Sun AU"),
        ("tone.wv", "WavPack"),
        ("tone.w64", "Wave64"),
        ("tone.rf64", "RF64"),
        ("tone.wma", "Windows Media"),
        ("tone.ac3", "AC-3"),
        ("surround.m4a", "AAC of 6 channels"),
        ("he.aac", "HE-AAC"),
        ("he.m4a", "HE-AAC"),
        ("image.png", "PNG"),
    ];
    for (name, found) in cases {
        let message = message(fixture(&format!("refused/{name}")));
        assert!(message.contains(found) && message.contains(ACCEPTED_AUDIO), "{name}: {message}");
    }
    assert_eq!(message(fixture("refused/video.mp4")), "this is MP4 without an audio track");
    let text = message(b"I am not a recording.\n".to_vec());
    assert!(text.contains("this is text (sent as \"voice.wav\")"), "{text}");
    assert!(message(Vec::new()).contains("empty (0 bytes)"));
}

#[test]
fn every_fixture_cut_anywhere_gives_audio_or_a_reason() {
    for Oracle { name, .. } in oracle() {
        let whole = fixture(name);
        let frames = decode_bytes(whole.clone()).unwrap().1.frames;
        for percent in (0..100).step_by(5) {
            let cut = whole[..whole.len() * percent / 100].to_vec();
            match decode_bytes(cut) {
                Ok((_, info)) => assert!(info.frames <= frames, "{name} at {percent} %"),
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{name} at {percent} %: {}", error.chain());
                }
            }
        }
    }
}

#[test]
fn the_front_of_a_file_still_gives_its_sound_where_the_container_allows_it() {
    let streamable = [
        "s16.wav",
        "stereo.flac",
        "layer3.mp3",
        "adts.aac",
        "vorbis.ogg",
        "opus.ogg",
        "opus.webm",
        "vorbis.webm",
        "live.webm",
        "fragmented.mp4",
    ];
    for name in streamable {
        let whole = fixture(name);
        let frames = decode_bytes(whole.clone()).unwrap().1.frames;
        let (_, front) =
            decode_bytes(whole[..whole.len() * 6 / 10].to_vec()).unwrap_or_else(|e| panic!("{name}: {}", e.chain()));
        // Vorbis spends half of so short a file on its tables.
        assert!(front.frames * 6 > frames && front.frames < frames, "{name}: {} of {frames}", front.frames);
    }
    let cut = message(fixture("aac.m4a")[..4000].to_vec());
    assert!(cut.contains("no index (moov)"), "{cut}");
}

#[test]
fn a_cut_file_says_that_it_was_cut_and_a_whole_one_does_not() {
    let whole = fixture("s16.wav");
    assert!(!decode_bytes(whole.clone()).unwrap().1.truncated);
    assert!(decode_bytes(whole[..20_000].to_vec()).unwrap().1.truncated);
    let whole = fixture("opus.webm");
    assert!(!decode_bytes(whole.clone()).unwrap().1.truncated);
    assert!(decode_bytes(whole[..2_000].to_vec()).unwrap().1.truncated);
}

#[test]
fn a_cut_stream_keeps_its_front_and_says_that_it_was_cut() {
    let front = |name: &str| {
        let whole = fixture(name);
        decode_bytes(whole[..=(whole.len() * 7 / 10)].to_vec()).map(|(_, info)| info)
    };
    let kept = [
        "s24-stereo.wav",
        "stereo.flac",
        "layer3.mp3",
        "adts.aac",
        "vorbis.ogg",
        "opus.ogg",
        "opus.webm",
        "live-opus.webm",
        "live.webm",
        "fragmented.mp4",
        "phone.mp4",
        "phone-opus.mp4",
    ];
    for name in kept {
        let info = front(name).unwrap_or_else(|e| panic!("{name}: {}", e.chain()));
        assert!(info.truncated && info.frames > 0, "{name}: {info:?}");
    }
    assert!(front("aac.m4a").unwrap_err().message().contains("no index (moov)"));
}

#[test]
fn damage_in_the_middle_is_counted_and_the_rest_is_kept() {
    for name in ["stereo.flac", "layer3.mp3", "adts.aac", "vorbis.ogg", "opus.ogg"] {
        let mut bytes = fixture(name);
        let frames = decode_bytes(bytes.clone()).unwrap().1.frames;
        let middle = bytes.len() * 3 / 4;
        // Twice as long as one frame of MP3, so that a frame's header is among them.
        for byte in &mut bytes[middle..middle + 300] {
            *byte ^= 0xA5;
        }
        let (_, info) = decode_bytes(bytes).unwrap_or_else(|e| panic!("{name}: {}", e.chain()));
        assert!(info.damaged_packets > 0 && !info.truncated, "{name}: {info:?}");
        assert!(info.frames * 10 > frames * 4 && info.frames <= frames, "{name}: {} of {frames}", info.frames);
    }
}

#[test]
fn a_chained_ogg_is_decoded_to_its_very_end() {
    for name in ["vorbis.ogg", "opus.ogg"] {
        let one = decode_bytes(fixture(name)).unwrap().1.frames;
        let (_, info) = decode_bytes(fixture(name).repeat(2)).unwrap();
        assert_eq!((info.frames, info.damaged_packets), (2 * one, 0), "{name}");
    }
    let other = decode_bytes([fixture("vorbis.ogg"), fixture("opus.ogg")].concat()).unwrap_err();
    assert!(other.message().contains("changes from 16000 Hz, 1 channel(s) to 48000 Hz"), "{other}");
}

#[test]
fn an_mp3_joined_to_another_is_decoded_to_its_very_end() {
    let one = decode_bytes(fixture("layer3.mp3")).unwrap().1.frames;
    for name in ["layer3.mp3", "tagged.mp3"] {
        let (_, info) = decode_bytes([fixture("layer3.mp3"), fixture(name)].concat()).unwrap();
        // Nobody says where the run-in of the second one ends: at most two frames of 576.
        assert!((2 * one..2 * one + 3 * 576).contains(&info.frames), "{name}: {info:?}");
    }
}

#[test]
fn metadata_that_is_odd_or_before_the_audio_does_not_matter() {
    let expected = decode_bytes(fixture("stereo.flac")).unwrap().0;
    let mut odd = fixture("stereo.flac");
    // A cue sheet of three bytes.
    odd.splice(42..42, [5, 0, 0, 3, 1, 2, 3]);
    assert_eq!(decode_bytes(odd).unwrap().0, expected);
    let tag = b"ID3\x03\0\0\0\0\x01\0".iter().copied().chain([0; 128]).collect::<Vec<_>>();
    for name in ["stereo.flac", "s16.wav", "layer3.mp3", "adts.aac", "vorbis.ogg", "opus.webm"] {
        let plain = decode_bytes(fixture(name)).unwrap();
        let tagged = decode_bytes([tag.clone(), fixture(name)].concat());
        assert_eq!(tagged.unwrap_or_else(|e| panic!("{name}: {}", e.chain())), plain, "{name}");
    }
}

#[test]
fn a_bad_checksum_on_the_first_page_of_an_ogg_is_named() {
    let mut bytes = fixture("vorbis.ogg");
    bytes[22] ^= 1;
    let message = message(bytes);
    assert!(message.contains("Ogg") && message.contains("damaged"), "{message}");
}

#[test]
fn an_lpcm_entry_that_stops_the_parser_is_an_error_of_ours() {
    // Version 1 of the entry has no place for the width of `lpcm` samples; symphonia 0.6.1 panics (upstream issue 560).
    let mut file = fixture("aac.m4a");
    let entry = file.windows(4).rposition(|w| w == b"mp4a").unwrap();
    file[entry..entry + 4].copy_from_slice(b"lpcm");
    file[entry + 12..entry + 14].copy_from_slice(&1_u16.to_be_bytes());
    let error = decode_bytes(file).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{}", error.chain());
}

#[test]
fn amr_in_a_3gp_is_named() {
    let mut file = fixture("aac.m4a");
    file[8..12].copy_from_slice(b"3gp4");
    let entry = file.windows(4).rposition(|w| w == b"mp4a").unwrap();
    file[entry..entry + 4].copy_from_slice(b"samr");
    let message = message(file);
    assert!(message.contains("MP4 with AMR audio") && message.contains(ACCEPTED_AUDIO), "{message}");
}

#[test]
fn duration_limits_are_measured_not_read_from_headers() {
    let limits = DecodeLimits::default();
    let fifth = encode(&Pcm::new(vec![0.1; 4_800], 24_000, 1).unwrap(), Container::Wav).unwrap();
    let error = probe(&fifth.body, None, &limits).unwrap_err();
    assert_eq!(error.message(), "the recording lasts 0.20 s; at least 1.00 s are accepted");

    let minute = encode(&Pcm::new(vec![0.1; 61 * 8_000], 8_000, 1).unwrap(), Container::Wav).unwrap();
    let error = probe(&minute.body, None, &limits.max_duration(Duration::from_mins(1))).unwrap_err();
    assert_eq!(error.message(), "the recording lasts longer than the 60 s that are accepted");

    let error = probe(&minute.body, None, &limits.max_bytes(1000)).unwrap_err();
    assert_eq!(error.message(), "the file has 976044 bytes; at most 1000 are accepted");

    let error = probe(&minute.body, None, &limits.max_time(Duration::ZERO)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
}

#[test]
fn three_hours_of_silence_in_a_small_flac_stop_at_the_limit() {
    let mut writer = AudioWriter::create(Container::Flac, 48_000, 1).unwrap();
    let second = vec![0.0; 48_000];
    for _ in 0..3 * 3600 {
        writer.write(&second).unwrap();
    }
    let bomb = writer.finish().unwrap();
    assert!(bomb.body.len() < 4 << 20, "{:?}", bomb.body);
    let mut decoder = Decoder::open(&bomb.body, None, &DecodeLimits::default()).unwrap();
    let error = loop {
        match decoder.next_block() {
            Ok(block) => assert!(block.is_some_and(|block| block.len() <= 65_536)),
            Err(error) => break error,
        }
    };
    assert!(error.message().contains("longer than the 600 s"), "{error}");
    assert_eq!(decoder.report().duration.as_secs(), 600);
    assert!(decoder.next_block().unwrap().is_none(), "after an error there is nothing more");
}

fn wav_claiming(riff: u32, data: u32, samples: usize) -> Vec<u8> {
    let mut bytes = fixture("s16.wav");
    bytes.truncate(44 + samples * 2);
    bytes[4..8].copy_from_slice(&riff.to_le_bytes());
    bytes[40..44].copy_from_slice(&data.to_le_bytes());
    bytes
}

#[test]
fn a_wav_header_that_claims_gigabytes_gives_what_is_really_there() {
    for (riff, data) in [(0x7FFF_FFFF, 0x7FFF_F000), (u32::MAX, u32::MAX), (0x7FFF_F024, 0x7FFF_F000)] {
        let (pcm, info) = decode_bytes(wav_claiming(riff, data, 18_000)).unwrap();
        assert_eq!((pcm.frames(), info.truncated), (18_000, false), "{riff:#x}, {data:#x}");
        let little = message(wav_claiming(riff, data, 800));
        assert!(little.contains("lasts 0.05 s; at least 1.00 s"), "{little}");
        let none = message(wav_claiming(riff, data, 0));
        assert!(none.contains("no audio could be decoded"), "{none}");
    }
}

#[test]
fn a_wav_whose_recorder_never_wrote_its_sizes_is_read_to_the_end() {
    for (riff, data) in [(0, 0), (36, 0), (0, u32::MAX)] {
        let (pcm, info) = decode_bytes(wav_claiming(riff, data, 18_000)).unwrap();
        assert_eq!((pcm.frames(), info.truncated), (18_000, false), "{riff:#x}, {data:#x}");
        let mut cut = wav_claiming(riff, data, 18_000);
        cut.pop();
        assert!(decode_bytes(cut).unwrap().1.truncated, "half a sample: {riff:#x}, {data:#x}");
    }
}

#[test]
fn samples_that_are_not_numbers_become_silence_and_are_counted() {
    let mut bytes = fixture("f32.wav");
    let data = bytes.windows(4).position(|w| w == b"data").unwrap() + 8;
    for (at, value) in [(10, f32::NAN), (20, f32::INFINITY), (30, f32::NEG_INFINITY)] {
        bytes[data + at * 4..data + at * 4 + 4].copy_from_slice(&value.to_le_bytes());
    }
    let (pcm, info) = decode_bytes(bytes).unwrap();
    assert_eq!(info.cleaned_samples, 3);
    assert!([10, 20, 30].iter().all(|at| pcm.samples()[*at] == 0.0));
    let mut bytes = fixture("f32.wav");
    for (at, value) in [(10, 1e30_f32), (20, -f32::MAX), (30, 32_768.0)] {
        bytes[data + at * 4..data + at * 4 + 4].copy_from_slice(&value.to_le_bytes());
    }
    let (pcm, info) = decode_bytes(bytes).unwrap();
    assert_eq!((info.cleaned_samples, pcm.samples()[10], pcm.samples()[30]), (2, 0.0, 32_768.0));
}

#[test]
fn rates_outside_the_limits_are_refused_by_number() {
    for (rate, found) in [(1_u32, "1 Hz"), (3_999, "3999 Hz"), (500_000, "500000 Hz")] {
        let mut bytes = fixture("s16.wav");
        bytes[24..28].copy_from_slice(&rate.to_le_bytes());
        let message = message(bytes);
        assert!(message.contains(found) && message.contains("4000 to 384000 Hz"), "{message}");
    }
}

fn boxed(kind: [u8; 4], body: &[u8]) -> Vec<u8> {
    [&u32::try_from(body.len() + 8).unwrap().to_be_bytes()[..], &kind, body].concat()
}

/// Rewrites the first box of a kind, wherever it lies.
fn patch(mut file: Vec<u8>, kind: [u8; 4], edit: impl FnOnce(&mut [u8])) -> Vec<u8> {
    let at = file.windows(4).position(|w| w == kind).unwrap();
    edit(&mut file[at + 4..]);
    file
}

#[test]
fn a_fragment_that_claims_billions_of_samples_is_refused_before_they_are_counted() {
    // Without per-sample fields the parser would loop four billion times inside one call.
    let run = boxed(*b"trun", &[&[0, 0, 0, 0][..], &u32::MAX.to_be_bytes()].concat());
    let fragment = boxed(*b"moof", &boxed(*b"traf", &run.repeat(8)));
    let mut file = fixture("fragmented.mp4");
    let moof = file.windows(4).position(|w| w == b"moof").unwrap() - 4;
    file.splice(moof..moof, fragment);
    assert_eq!(message(file), "this MP4 file claims more sound than a file of its size can hold");
}

#[test]
fn a_head_without_end_is_refused_and_a_long_gap_is_not() {
    let table = [&6_000_000_i64.to_be_bytes()[..], &[0; 16], &vec![1; 6_000_000]].concat();
    let shape = [0_u32, 4_096, 1, 16].map(u32::to_be_bytes).concat();
    let head =
        [&b"caff\0\x01\0\0desc\0\0\0\0\0\0\0\x20"[..], &16_000_f64.to_be_bytes(), b"alac\0\0\0\0", &shape].concat();
    let caf = [&head[..], b"pakt", &6_000_024_i64.to_be_bytes(), &table].concat();
    let refused = message(caf);
    assert!(refused.contains("CAF has more than 4194304 bytes of tags, pictures and tables"), "{refused}");

    let mut file = fixture("aac.m4a");
    let moov = file.windows(4).position(|w| w == b"moov").unwrap() - 4;
    file.splice(moov..moov, boxed(*b"free", &vec![0; 6_000_000]));
    assert_eq!(decode_bytes(file).unwrap().1.frames, decode_bytes(fixture("aac.m4a")).unwrap().1.frames);
}

#[test]
fn a_vorbis_header_that_asks_for_gigabytes_of_tables_is_refused() {
    // The setup header of the fixture begins with its number of codebooks, of which the first becomes the largest there is.
    let mut file = fixture("vorbis.webm");
    let setup = file.windows(7).position(|w| w == b"\x05vorbis").unwrap() + 7;
    file[setup + 4..setup + 9].copy_from_slice(&[1, 0, 0xFF, 0xFF, 0xFF]);
    assert!(message(file).contains("claims more sound"), "refused before the tables are made");
}

#[test]
fn a_table_of_contents_that_leads_in_circles_is_not_followed() {
    let file = fixture("opus.webm");
    let segment = file.windows(4).position(|w| w == b"\x18\x53\x80\x67").unwrap();
    let size = |len: usize| ((1 << 56) | len as u64).to_be_bytes();
    let name = [&b"\x67\xC8"[..], &size(4), b"\x45\xA3\x81A"].concat().repeat(4_000);
    let tags = [&b"\x12\x54\xC3\x67"[..], &size(name.len() + 10), b"\x73\x73", &size(name.len()), &name].concat();
    // All entries name the tags, which lie at the very end.
    let place =
        |at: usize| [&b"\x4D\xBB\x92\x53\xAB\x84\x12\x54\xC3\x67\x53\xAC\x88"[..], &(at as u64).to_be_bytes()].concat();
    let table = 12 + 4_000 * place(0).len();
    let children = &file[segment + 12..];
    let mut bomb = [&file[..segment + 4], &size((1 << 56) - 1), b"\x11\x4D\x9B\x74", &size(table - 12)].concat();
    bomb.extend(place(table + children.len()).repeat(4_000));
    bomb.extend([children, &tags].concat());
    let info = decode_bytes(bomb).unwrap().1;
    assert_eq!(info.frames, decode_bytes(file).unwrap().1.frames);
}

#[test]
fn a_panic_inside_the_parser_is_an_error_of_ours() {
    // A run whose first-sample flags have bit 2 set makes symphonia 0.6.1 index an empty table (upstream issue 559).
    let file = patch(fixture("fragmented.mp4"), *b"trun", |run| {
        run[1..4].copy_from_slice(&0x00_00_05_u32.to_be_bytes()[1..]);
        run[4..8].copy_from_slice(&4_u32.to_be_bytes());
        run[12..16].copy_from_slice(&4_u32.to_be_bytes());
    });
    let error = decode_bytes(file).unwrap_err();
    assert_eq!(error.message(), "this MP4 file is malformed in a way that stopped the decoder", "{}", error.chain());
}

#[test]
fn noise_behind_the_first_bytes_of_each_container_is_refused() {
    let noise: Vec<u8> = (0..200_000_u32).map(|i| u8::try_from(i.wrapping_mul(2_654_435_761) >> 24).unwrap()).collect();
    for Oracle { name, .. } in oracle() {
        let file = [&fixture(name)[..16], &noise].concat();
        if let Err(error) = decode_bytes(file) {
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{name}: {}", error.chain());
        }
    }
    assert!(message([b"\xFF\xFB\x90\x64".as_slice(), &noise].concat()).contains("MP3"));
}

#[test]
fn nothing_depends_on_where_the_bytes_are() {
    for Oracle { name, .. } in oracle() {
        let file = AudioBody::from_file(format!("{FOLDER}/{name}")).unwrap();
        let memory = AudioBody::from(fixture(name));
        assert_eq!(probe(&file, None, &short()).unwrap(), probe(&memory, None, &short()).unwrap(), "{name}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn a_mutated_file_gives_audio_or_a_reason(
        which in 0..oracle().count(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        early in any::<bool>(),
    ) {
        let mut bytes = fixture(oracle().nth(which).unwrap().name);
        // Half of the time only the first bytes, where the structure is.
        let reach = if early { bytes.len().min(600) } else { bytes.len() };
        for (at, value) in edits {
            bytes[at.index(reach)] = value;
        }
        match decode_bytes(bytes) {
            Ok((pcm, info)) => prop_assert_eq!(pcm.frames() as u64, info.frames),
            Err(error) => prop_assert_eq!(error.kind(), ErrorKind::InvalidInput, "{}", error.chain()),
        }
    }
}
