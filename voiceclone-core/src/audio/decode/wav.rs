//! The sizes in a WAV header that a recorder never came to write.
//!
//! A recorder writes zero as the sizes of the file and its data and the true ones when it stops; a program that writes into
//! a pipe puts the largest number there. Both left a good recording behind. The parser takes zero at its word, and the end
//! of the file for a cut.
use std::io::{self, Read, Seek, SeekFrom};

/// Chunks before the data, in files of real recorders, are fewer than ten.
const MAX_CHUNKS: usize = 100;

/// What is behind the sizes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Sizes {
    /// Offsets of sizes that should be read as "unknown".
    pub(super) unset: Vec<u64>,
    /// The data ends before its size or inside a frame; `None` where there is no data.
    pub(super) cut: Option<bool>,
}

/// Reads the chunk headers of the file that begins at `offset` and is `len` bytes long with what is before it.
pub(super) fn sizes(bytes: &mut (impl Read + Seek), offset: u64, len: u64) -> io::Result<Sizes> {
    let mut found = Sizes::default();
    let riff_end = offset + 8 + u64::from(field(bytes, offset + 4)?.unwrap_or_default().1);
    let mut frame = 1;
    let mut at = offset + 12;
    for _ in 0..MAX_CHUNKS {
        let Some((kind, size)) = field(bytes, at + 4)? else { break };
        let start = at + 8;
        if kind == *b"fmt " {
            // The frame's size stands between the byte rate and the sample's width.
            frame = field(bytes, start + 12)?.map_or(1, |(_, fields)| u64::from(fields & 0xFFFF).max(1));
        }
        if kind == *b"data" {
            let here = len.saturating_sub(start);
            if riff_end < start + u64::from(size).min(here) || riff_end <= start {
                found.unset.push(offset + 4);
            }
            let unwritten = size == 0 && riff_end <= start;
            if unwritten {
                found.unset.push(at + 4);
            }
            let open = unwritten || is_placeholder(size);
            found.cut = Some(if open { !here.is_multiple_of(frame) } else { u64::from(size) > here });
            break;
        }
        at = start + u64::from(size) + u64::from(size % 2);
    }
    Ok(found)
}

/// The largest number, signed or not, less the headers that some writers take off (sox rounds down to pages).
fn is_placeholder(size: u32) -> bool {
    matches!(size, 0x7FFF_EF00..=0x8000_0000 | 0xFFFF_EF00..)
}

/// The size at an offset and the name before it; `None` past the end.
fn field(bytes: &mut (impl Read + Seek), at: u64) -> io::Result<Option<([u8; 4], u32)>> {
    let (mut kind, mut size) = ([0; 4], [0; 4]);
    bytes.seek(SeekFrom::Start(at - 4))?;
    match bytes.read_exact(&mut kind).and_then(|()| bytes.read_exact(&mut size)) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        read => read.map(|()| Some((kind, u32::from_le_bytes(size)))),
    }
}
