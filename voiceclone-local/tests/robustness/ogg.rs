//! Ogg files made page by page (RFC 3533), with Opus (RFC 7845) and Vorbis inside.
use crate::check::Case;

const FIRST: u8 = 2;
const CONTINUED: u8 = 1;

/// The checksum of a page: the polynomial of Ethernet's, not reflected, from zero.
fn crc(bytes: impl IntoIterator<Item = u8>) -> u32 {
    bytes.into_iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ (u32::from(byte) << 24), |crc, _| (crc << 1) ^ if crc >> 31 == 1 { 0x04C1_1DB7 } else { 0 })
    })
}

/// Writes packets into pages of at most 255 segments.
#[derive(Default)]
struct Pages {
    bytes: Vec<u8>,
    sequence: u32,
}

impl Pages {
    fn page(&mut self, flags: u8, granule: u64, lacing: &[u8], body: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend([&b"OggS\0"[..], &[flags], &granule.to_le_bytes(), b"\x01\0\0\0"].concat());
        self.bytes.extend([self.sequence.to_le_bytes(), [0; 4]].concat());
        self.bytes.push(u8::try_from(lacing.len()).unwrap());
        self.bytes.extend([lacing, body].concat());
        let sum = crc(self.bytes[start..].iter().copied());
        self.bytes[start + 22..start + 26].copy_from_slice(&sum.to_le_bytes());
        self.sequence += 1;
    }

    /// One packet over as many pages as it needs.
    fn packet(&mut self, flags: u8, granule: u64, packet: &[u8]) {
        let lacing: Vec<u8> =
            std::iter::repeat_n(255, packet.len() / 255).chain([u8::try_from(packet.len() % 255).unwrap()]).collect();
        for (at, lacing) in lacing.chunks(255).enumerate() {
            let body = &packet[at * 255 * 255..];
            let len = lacing.iter().map(|len| usize::from(*len)).sum();
            let ends = lacing.last() != Some(&255);
            let granule = if ends { granule } else { u64::MAX };
            self.page(if at == 0 { flags } else { CONTINUED }, granule, lacing, &body[..len]);
        }
    }
}

fn opus(tags: &[u8]) -> Pages {
    let mut pages = Pages::default();
    pages.packet(FIRST, 0, b"OpusHead\x01\x01\x38\x01\x80\x3e\0\0\0\0\0");
    pages.packet(0, 0, tags);
    pages
}

/// Vorbis comments, or Opus tags, without a name and without a value.
pub(crate) fn empty_comments(head: &[u8], comments: u32) -> Vec<u8> {
    let mut out = [head, &[0; 4], &comments.to_le_bytes()].concat();
    out.extend(b"\x02\0\0\0A=".repeat(comments as usize));
    out
}

/// Three hours from packets of 120 ms: two SILK frames of nothing (RFC 6716, section 3.2.5).
fn three_hours() -> Vec<u8> {
    let mut pages = opus(&empty_comments(b"OpusTags", 0));
    for page in 1..=3 * 3600 * 25 / 3 / 100 {
        pages.page(0, page * 100 * 5_760, &[2; 100], &[0x1B, 0x02].repeat(100));
    }
    pages.bytes
}

/// The least significant bit first, as Vorbis packs.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    free: u32,
}

impl Bits {
    fn put(&mut self, value: u32, bits: u32) {
        for bit in 0..bits {
            if self.free == 0 {
                self.bytes.push(0);
                self.free = 8;
            }
            if let Some(last) = self.bytes.last_mut() {
                *last |= u8::from((value >> bit) & 1 == 1) << (8 - self.free);
            }
            self.free -= 1;
        }
    }
}

/// A setup header (Vorbis I specification, section 3.2.1) of 256 codebooks of 131 072 entries of 31 numbers each: 16 MB of
/// tables from some 20 bytes, if one believes it.
fn vorbis_tables(dimensions: u32) -> Vec<u8> {
    let mut bits = Bits::default();
    bits.put(255, 8);
    for _ in 0..256 {
        bits.put(0x56_4342, 24);
        bits.put(dimensions, 16);
        bits.put(1 << 17, 24);
        // Ordered: all codewords are 17 bits long.
        bits.put(1, 1);
        bits.put(16, 5);
        bits.put(1 << 17, 18);
        // One multiplicand for all.
        bits.put(1, 4);
        bits.put(0, 32);
        bits.put(0, 32);
        bits.put(0, 4);
        bits.put(0, 1);
        bits.put(1, 1);
    }
    bits.put(0, 6);
    [&b"\x05vorbis"[..], &bits.bytes].concat()
}

fn vorbis(comments: &[u8], setup: &[u8]) -> Vec<u8> {
    let mut pages = Pages::default();
    pages.packet(FIRST, 0, b"\x01vorbis\0\0\0\0\x01\x80\x3e\0\0\0\0\0\0\0\x7d\0\0\0\0\0\0\xb8\x01");
    pages.packet(0, 0, comments);
    pages.packet(0, 0, setup);
    (1..20).for_each(|page| pages.packet(0, page * 128, &[0; 20]));
    pages.bytes
}

fn many_streams(name: &str) -> Vec<u8> {
    let mut pages = Pages::default();
    for _ in 0..20_000 {
        pages.packet(FIRST, 0, name.as_bytes());
    }
    pages.bytes
}

pub(crate) fn bombs() -> Vec<Case> {
    let no_comments = [empty_comments(b"\x03vorbis", 0).as_slice(), b"\x01"].concat();
    let million = [empty_comments(b"\x03vorbis", 1_000_000).as_slice(), b"\x01"].concat();
    vec![
        Case::new("256 large Vorbis tables", vorbis(&no_comments, &vorbis_tables(31))),
        Case::new("more dimensions than the Ogg parser can count", vorbis(&no_comments, &vorbis_tables(32))),
        Case::new("a million Vorbis comments", vorbis(&million, &vorbis_tables(31)[..100])),
        Case::new("a million Opus tags", opus(&empty_comments(b"OpusTags", 1_000_000)).bytes),
        Case::new("20 000 streams in one Ogg", many_streams("OpusHead\x01\x01\x38\x01\0\0\0\0\0\0\0")),
        Case::new("20 000 unknown streams in one Ogg", many_streams("nothing known")),
    ]
}

pub(crate) fn long() -> Case {
    Case::new("three hours of silence as Opus", three_hours())
}
