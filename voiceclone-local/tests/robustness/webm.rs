//! Matroska files whose elements claim or refer to more than they hold (RFC 8794, RFC 9559).
use crate::{check::Case, fixture};

const SEGMENT: &[u8] = b"\x18\x53\x80\x67";
const INFO: &[u8] = b"\x15\x49\xA9\x66";
const TRACKS: &[u8] = b"\x16\x54\xAE\x6B";
const TAGS: &[u8] = b"\x12\x54\xC3\x67";
const TAG: &[u8] = b"\x73\x73";
const SIMPLE_TAG: &[u8] = b"\x67\xC8";
const TAG_NAME: &[u8] = b"\x45\xA3";
const CUES: &[u8] = b"\x1C\x53\xBB\x6B";
const CUE_POINT: &[u8] = b"\xBB";
const CHAPTERS: &[u8] = b"\x10\x43\xA7\x70";
const EDITION: &[u8] = b"\x45\xB9";
const CHAPTER: &[u8] = b"\xB6";
const ATTACHMENTS: &[u8] = b"\x19\x41\xA4\x69";
const ATTACHED: &[u8] = b"\x61\xA7";
const SEEK_HEAD: &[u8] = b"\x11\x4D\x9B\x74";
const SEEK: &[u8] = b"\x4D\xBB";
const CLUSTER: &[u8] = b"\x1F\x43\xB6\x75";
const BLOCK: &[u8] = b"\xA3";

/// A size in eight bytes.
fn size(len: u64) -> [u8; 8] {
    ((1 << 56) | len).to_be_bytes()
}

fn element(id: &[u8], body: &[u8]) -> Vec<u8> {
    [id, &size(body.len() as u64), body].concat()
}

/// The fixture in three parts: up to the segment's first child, which gets no size; its information and tracks; its clusters.
fn parts() -> (Vec<u8>, Vec<u8>, Vec<u8>) {
    let file = fixture("opus.webm");
    let find = |id: &[u8]| file.windows(id.len()).rposition(|window| window == id).unwrap();
    let segment = file.windows(4).position(|window| window == SEGMENT).unwrap();
    let (info, tags, cluster) = (find(INFO), find(TAGS), find(CLUSTER));
    let head = [&file[..segment + 4], &[1], &[0xFF; 7]].concat();
    (head, file[info..tags].to_vec(), file[cluster..].to_vec())
}

/// Elements of a kind inside others, in front of the clusters.
fn filled(name: &str, open: &[&[u8]], unit: Vec<u8>, times: usize) -> Case {
    let (head, tracks, clusters) = parts();
    let mut len = (unit.len() * times) as u64;
    let mut heads = Vec::new();
    for id in open.iter().rev() {
        heads.push([*id, &size(len)].concat());
        len += 8 + id.len() as u64;
    }
    heads.reverse();
    Case::of(name, [(head, 1), (tracks, 1), (heads.concat(), 1), (unit, times), (clusters, 1)])
}

/// A table of contents that refers to the same tags again and again.
fn circles(name: &str, refers: usize, tags: usize) -> Case {
    let (head, tracks, clusters) = parts();
    let tags = element(TAGS, &element(TAG, &element(SIMPLE_TAG, &element(TAG_NAME, b"A")).repeat(tags)));
    let seek = |at: usize| {
        let id = element(b"\x53\xAB", TAGS);
        element(SEEK, &[id, element(b"\x53\xAC", &(at as u64).to_be_bytes())].concat())
    };
    let table = SEEK_HEAD.len() + 8 + seek(0).len() * refers;
    // The tags lie behind the clusters, where only the table of contents leads.
    let at = table + tracks.len() + clusters.len();
    let pieces = [(head, 1), ([SEEK_HEAD, &size((seek(0).len() * refers) as u64)].concat(), 1), (seek(at), refers)];
    Case::of(name, [pieces.as_slice(), &[(tracks, 1), (clusters, 1), (tags, 1)]].concat())
}

pub(crate) fn bombs() -> Vec<Case> {
    let (head, tracks, clusters) = parts();
    let mut cases = Vec::new();
    for bits in (40..=56).step_by(4) {
        let claim = size((1 << bits) - 2);
        for (name, id) in [("tags", TAGS), ("tracks", TRACKS), ("cues", CUES), ("cluster", CLUSTER), ("void", b"\xEC")]
        {
            let claims = [id, &claim].concat();
            let before = [&head[..], &claims, &tracks, &clusters].concat();
            let after = [&head[..], &tracks, &claims, &clusters].concat();
            cases.push(Case::new(format!("{name} of 2^{bits} before all"), before));
            cases.push(Case::new(format!("{name} of 2^{bits} behind the tracks"), after));
        }
        let block = [CLUSTER, &size(1 << 20), BLOCK, &claim, &[0x81, 0, 0, 0]].concat();
        cases.push(Case::new(format!("a block of 2^{bits}"), [&head[..], &tracks, &block, &clusters].concat()));
    }
    let empty_tag = element(SIMPLE_TAG, &element(TAG_NAME, b"A"));
    cases.extend([
        circles("5 000 ways to 5 000 tags", 5_000, 5_000),
        filled("two million tags", &[TAGS, TAG], empty_tag, 1_000_000),
        filled("a million tags apart", &[TAGS], element(TAG, b""), 1_000_000),
        filled("two million short tags", &[TAGS, TAG], [SIMPLE_TAG, b"\x84", TAG_NAME, b"\x81A"].concat(), 2_000_000),
        filled("four million cue points", &[CUES], [CUE_POINT, b"\x83\xB3\x81\0"].concat(), 4_000_000),
        filled("two million chapters", &[CHAPTERS, EDITION], [CHAPTER, b"\x84\x73\xC4\x81\x01"].concat(), 2_000_000),
        filled("two million attachments", &[ATTACHMENTS], [ATTACHED, b"\x80"].concat(), 2_000_000),
        filled(
            "two million tracks",
            &[TRACKS],
            b"\xAE\x89\xD7\x81\x01\x73\xC5\x81\x01\x83\x81\x02".to_vec(),
            2_000_000,
        ),
        filled("a laced block of nothing", &[CLUSTER], [BLOCK, b"\x85\x81\0\0\x02\xFF"].concat(), 2_000_000),
    ]);
    cases
}
