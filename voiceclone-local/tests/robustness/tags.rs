//! Tags before the sound, and files that are no sound at all.
use crate::{check::Case, fixture};

fn tag(size: u32, body: &[u8]) -> Vec<u8> {
    let size = [21, 14, 7, 0].map(|shift| u8::try_from((size >> shift) & 0x7F).unwrap());
    [b"ID3\x03\0\0", &size[..], body].concat()
}

/// Bytes without any order, the same on every run.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_u32;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[0]
    };
    (0..len).map(|_| next()).collect()
}

/// An APE tag of small items behind the sound.
fn ape(items: u32) -> Case {
    let item = b"\x01\0\0\0\0\0\0\0AB\0a".to_vec();
    let size = items * u32::try_from(item.len()).unwrap() + 32;
    let end = |flags: u32| {
        let fields = [2_000, size, items, flags].map(u32::to_le_bytes).concat();
        [b"APETAGEX", &fields[..], &[0; 8]].concat()
    };
    let pieces = [(fixture("layer3.mp3"), 1), (end(0xA000_0000), 1), (item, items as usize), (end(0x8000_0000), 1)];
    Case::of(format!("{items} APE items"), pieces)
}

pub(crate) fn bombs() -> Vec<Case> {
    let sound = fixture("layer3.mp3");
    let frames = b"TIT2\0\0\0\x02\0\0\0a".repeat(200_000);
    vec![
        Case::new("a tag that claims 256 MB", tag((1 << 28) - 1, &sound)),
        Case::new("200 000 frames in a tag", [tag(2_400_000, &frames), sound.clone()].concat()),
        Case::new("a thousand tags", [tag(20, &[0; 20]).repeat(1_000), sound.clone()].concat()),
        Case::new("fifteen tags", [tag(20, &[0; 20]).repeat(15), sound.clone()].concat()),
        ape(3_000_000),
        Case::new("empty", []),
        Case::new("one byte", [b'R']),
        Case::new("only RIFF", *b"RIFF"),
        Case::new("5 MB of 0xFF", vec![0xFF; 5 << 20]),
        Case::new("5 MB of zeros", vec![0; 5 << 20]),
        Case::new("5 MB of noise", noise(5 << 20)),
        Case::of("40 MB of zeros behind an MP3 frame", [(sound[..400].to_vec(), 1), (vec![0; 1 << 20], 40)]),
        Case::of("40 MB of 0xFF behind an MP3 frame", [(sound[..400].to_vec(), 1), (vec![0xFF; 1 << 20], 40)]),
        Case::of(
            "40 MB of noise behind an AAC frame",
            [(fixture("adts.aac")[..400].to_vec(), 1), (noise(1 << 20), 40)],
        ),
        Case::of("40 MB of noise behind an Ogg page", [(fixture("opus.ogg")[..47].to_vec(), 1), (noise(1 << 20), 40)]),
        Case::of("40 MB of page heads", [(fixture("opus.ogg")[..47].to_vec(), 1), (b"OggS\0\0".to_vec(), 7 << 20)]),
    ]
}
