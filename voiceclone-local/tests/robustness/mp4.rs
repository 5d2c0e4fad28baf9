//! MP4 files that claim more than they hold, or hold more than the recording needs (ISO/IEC 14496-12).
use crate::{check::Case, fixture};

fn boxed(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
    [&u32::try_from(body.len() + 8).unwrap().to_be_bytes()[..], kind, body].concat()
}

fn place(file: &[u8], kind: &[u8; 4]) -> usize {
    file.windows(4).position(|window| window == kind).unwrap()
}

/// A fixture with other bytes behind the name of the first box of a kind.
fn patched(name: &str, kind: &[u8; 4], behind: usize, bytes: &[u8]) -> Vec<u8> {
    let mut file = fixture(name);
    let at = place(&file, kind) + 4 + behind;
    file[at..at + bytes.len()].copy_from_slice(bytes);
    file
}

/// A run without fields of its own, so that it can claim any number of samples in 16 bytes.
fn run(samples: u32) -> Vec<u8> {
    boxed(b"trun", &[&[0; 4][..], &samples.to_be_bytes()].concat())
}

/// The fixture with boxes before its first fragment.
fn before_fragments(name: &str, unit: Vec<u8>, times: usize) -> Case {
    let file = fixture("fragmented.mp4");
    let (head, tail) = file.split_at(place(&file, b"moof") - 4);
    Case::of(name, [(head.to_vec(), 1), (unit, times), (tail.to_vec(), 1)])
}

/// An index with boxes inside, in place of the fixture's own `udta`, the last box of the file.
fn inside_index(name: &str, open: &[&[u8; 4]], unit: Vec<u8>, times: usize) -> Case {
    let mut file = fixture("aac.m4a");
    let (moov, udta) = (place(&file, b"moov") - 4, place(&file, b"udta") - 4);
    file.truncate(udta);
    let mut len = unit.len() * times;
    let mut heads = Vec::new();
    for kind in open.iter().rev() {
        // `meta` has a version and flags before its children.
        let extra: &[u8] = if *kind == b"meta" { &[0; 4] } else { &[] };
        len += 8 + extra.len();
        heads.push([&u32::try_from(len).unwrap().to_be_bytes()[..], *kind, extra].concat());
    }
    let size = u32::try_from(udta - moov + len).unwrap();
    file[moov..moov + 4].copy_from_slice(&size.to_be_bytes());
    heads.reverse();
    Case::of(name, [(file, 1), (heads.concat(), 1), (unit, times)])
}

fn nested(kind: &[u8; 4], depth: u32) -> Vec<u8> {
    let file = fixture("aac.m4a");
    let boxes = (1..=depth).rev().flat_map(|left| [(left * 8).to_be_bytes(), *kind].concat());
    file[..36].iter().copied().chain(boxes).collect()
}

/// The head of a fragment.
fn head() -> Vec<u8> {
    boxed(b"mfhd", &[0; 8])
}

/// The first track's part of a fragment.
fn track(runs: &[u8]) -> Vec<u8> {
    boxed(b"traf", &[boxed(b"tfhd", &[0, 0, 0, 0, 0, 0, 0, 1]).as_slice(), runs].concat())
}

/// A fragment with all that it needs.
fn whole(runs: &[u8]) -> Vec<u8> {
    boxed(b"moof", &[head(), track(runs)].concat())
}

pub(crate) fn bombs() -> Vec<Case> {
    let count = u32::MAX.to_be_bytes();
    let fragment = |runs: &[u8]| boxed(b"moof", &boxed(b"traf", runs));
    let many_fragments = [run(u32::MAX / 3).as_slice(); 3].map(fragment).concat();
    let large = [&[0, 0, 0, 1][..], b"mdat", &(1_u64 << 60).to_be_bytes(), &fixture("aac.m4a")[44..]].concat();
    let tag = boxed(b"\xA9nam", &boxed(b"data", &[0, 0, 0, 1, 0, 0, 0, 0, b'a']));
    vec![
        before_fragments("trun of four billion samples", fragment(&run(u32::MAX)), 1),
        before_fragments("eight such runs", fragment(&run(u32::MAX)), 8),
        before_fragments("runs in many fragments", many_fragments, 1),
        Case::new("first sample flags (upstream 559)", first_sample_flags()),
        Case::new("lpcm of version 0 (upstream 560)", patched("aac.m4a", b"mp4a", 0, &[]).replace(b"mp4a", b"lpcm")),
        Case::new("stsz of four billion", patched("aac.m4a", b"stsz", 8, &count)),
        Case::new("stts of four billion", patched("aac.m4a", b"stts", 4, &count)),
        Case::new("stts whose one entry is four billion", patched("aac.m4a", b"stts", 8, &count)),
        Case::new("stsc of four billion", patched("aac.m4a", b"stsc", 4, &count)),
        Case::new("stsc of four billion in a chunk", patched("aac.m4a", b"stsc", 12, &count)),
        Case::new("stco of four billion", patched("aac.m4a", b"stco", 4, &count)),
        Case::new("stco past the end", patched("aac.m4a", b"stco", 8, &count)),
        Case::new("elst of four billion", patched("aac.m4a", b"elst", 4, &count)),
        Case::new("stsz of samples of four billion bytes", patched("alac.m4a", b"stsz", 4, &count)),
        Case::new("64-bit mdat without an end", [&fixture("aac.m4a")[..36], &large].concat()),
        Case::new("20 000 nested moov", nested(b"moov", 20_000)),
        Case::new("20 000 nested udta", nested(b"udta", 20_000)),
        Case::new("20 000 nested meta", nested(b"meta", 20_000)),
        before_fragments("190 000 fragments of nothing", whole(&run(0)), 190_000),
        before_fragments("900 000 runs of nothing", whole(&run(0).repeat(900_000)), 1),
        before_fragments(
            "450 000 tracks in a fragment",
            boxed(b"moof", &[head(), track(&[]).repeat(450_000)].concat()),
            1,
        ),
        before_fragments("a million free boxes", boxed(b"free", &[]), 1_000_000),
        inside_index("a million tags", &[b"udta", b"meta", b"ilst"], tag, 1_000_000),
        inside_index("a million tracks", &[], boxed(b"trak", &[]), 1_000_000),
        inside_index("a million user data", &[], boxed(b"udta", &[]), 1_000_000),
        inside_index("a million extends", &[b"mvex"], boxed(b"trex", &[0; 24]), 1_000_000),
    ]
}

fn first_sample_flags() -> Vec<u8> {
    let mut file = fixture("fragmented.mp4");
    let run = place(&file, b"trun") + 4;
    file[run..run + 4].copy_from_slice(&5_u32.to_be_bytes());
    file[run + 4..run + 8].copy_from_slice(&4_u32.to_be_bytes());
    file[run + 12..run + 16].copy_from_slice(&4_u32.to_be_bytes());
    file
}

trait Replace {
    fn replace(self, from: &[u8; 4], to: &[u8; 4]) -> Self;
}

impl Replace for Vec<u8> {
    fn replace(mut self, from: &[u8; 4], to: &[u8; 4]) -> Self {
        let at = place(&self, from);
        self[at..at + 4].copy_from_slice(to);
        self
    }
}
