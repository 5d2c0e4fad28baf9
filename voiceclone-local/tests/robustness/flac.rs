//! FLAC files made frame by frame (RFC 9639).
use crate::{check::Case, fixture, ogg::empty_comments};

const BLOCK: u64 = 16_384;

fn crc(bits: u32, polynomial: u32, bytes: &[u8]) -> u32 {
    let top = 1 << (bits - 1);
    bytes.iter().fold(0, |crc, byte| {
        let mixed = (0..8).fold(crc ^ (u32::from(*byte) << (bits - 8)), |crc, _| {
            (crc << 1) ^ if crc & top == 0 { 0 } else { polynomial }
        });
        mixed & (top | (top - 1))
    })
}

/// The stream's head: 48 kHz, one channel, 16 bits, `samples` in all.
fn head(samples: u64) -> Vec<u8> {
    let block = u16::try_from(BLOCK).unwrap().to_be_bytes();
    let shape = (48_000_u64 << 44) | (15 << 36) | samples;
    [&b"fLaC\x80\0\0\x22"[..], &block, &block, &[0; 6], &shape.to_be_bytes(), &[0; 16]].concat()
}

/// One frame of silence (section 9): a constant subframe, whatever its length.
fn silent_frame(number: u32) -> Vec<u8> {
    // The number is coded as UTF-8 codes a character (section 9.1.5).
    let coded = char::from_u32(number).unwrap().to_string();
    // Fixed blocks of 16 384; 48 kHz; one channel of 16 bits.
    let mut frame = [&[0xFF, 0xF8, 0xEA, 0x08][..], coded.as_bytes()].concat();
    frame.push(u8::try_from(crc(8, 0x07, &frame)).unwrap());
    frame.extend([0, 0, 0]);
    let sum = u16::try_from(crc(16, 0x8005, &frame)).unwrap();
    frame.extend(sum.to_be_bytes());
    frame
}

/// Three hours of silence in 1.5 MB or less.
pub(crate) fn long() -> Case {
    let frames = 3 * 3600 * 48_000 / BLOCK;
    let sound: Vec<u8> = (0..u32::try_from(frames).unwrap()).flat_map(silent_frame).collect();
    assert!(sound.len() < 1_500_000);
    Case::new("three hours of silence as FLAC", [head(frames * BLOCK), sound].concat())
}

/// The fixture with a metadata block behind the stream's head, which then is not the last.
fn with_block(kind: u8, len: usize, body: &[u8]) -> Vec<u8> {
    let file = fixture("stereo.flac");
    let len = u32::try_from(len).unwrap().to_be_bytes();
    let (head, rest) = file.split_at(42);
    let mut head = head.to_vec();
    head[4] &= 0x7F;
    [&head[..], &[kind], &len[1..], body, rest].concat()
}

pub(crate) fn bombs() -> Vec<Case> {
    let most = (1 << 24) - 1;
    let picture = [&[0, 0, 0, 3, 0, 0, 0, 9][..], b"image/png", &[0; 20], &[0, 0xFF, 0xFF, 0xFF], &[0; 2000]].concat();
    let comments = empty_comments(b"", 2_700_000);
    let points = vec![0; 18 * 900_000];
    let shape = |samples: u64| [head(samples), (0..20).flat_map(silent_frame).collect()].concat();
    vec![
        Case::new("FLAC of 2^36 samples", shape((1 << 36) - 1)),
        Case::new("FLAC of no known length", shape(0)),
        Case::new("a picture of 16 MB in 2 kB", with_block(6, most, &picture)),
        Case::new("comments of 16 MB in 2 kB", with_block(4, most, &[0xFF; 2000])),
        Case::new("a table of 16 MB in 2 kB", with_block(3, most, &[0; 2000])),
        Case::new("2.7 million FLAC comments", with_block(4, comments.len(), &comments)),
        Case::new("900 000 seek points", with_block(3, points.len(), &points)),
        Case::of(
            "20 000 empty blocks",
            [
                (head(0)[..4].to_vec(), 1),
                ([&[0], &head(0)[5..]].concat(), 1),
                (vec![1, 0, 0, 0], 20_000),
                ((0..20).flat_map(silent_frame).collect(), 1),
            ],
        ),
    ]
}
