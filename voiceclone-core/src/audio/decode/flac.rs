//! The start of a FLAC file without what is not sound (RFC 9639, section 8).
//!
//! Pictures, cue sheets and comments come before the first frame. The parser reads them all and refuses a file for an odd
//! one, though nothing of them is needed to decode. So it gets the stream's description alone.
use std::io::{self, Read, Seek, SeekFrom};

/// More blocks than this are not metadata of a recording.
const MAX_BLOCKS: usize = 1_000;
const STREAM_INFO: u8 = 0;
const STREAM_INFO_BYTES: usize = 34;
const LAST: u8 = 0x80;

/// The bytes to read first and the offset of the frames after them, of the FLAC file at `offset`; `None` if the blocks
/// are not as they should be, which is for the parser to judge.
pub(super) fn without_metadata(bytes: &mut (impl Read + Seek), offset: u64) -> io::Result<Option<(Vec<u8>, u64)>> {
    let mut at = offset + 4;
    let mut start = None;
    for _ in 0..MAX_BLOCKS {
        let mut block = Vec::with_capacity(4 + STREAM_INFO_BYTES);
        bytes.seek(SeekFrom::Start(at))?;
        bytes.by_ref().take(4 + STREAM_INFO_BYTES as u64).read_to_end(&mut block)?;
        let Some([kind, a, b, c]) = block.first_chunk::<4>().copied() else { return Ok(None) };
        let len = u32::from_be_bytes([0, a, b, c]);
        at += 4 + u64::from(len);
        if kind & !LAST == STREAM_INFO && start.is_none() && block.len() == 4 + STREAM_INFO_BYTES && len == 34 {
            start = Some([&b"fLaC"[..], &[LAST | STREAM_INFO, a, b, c], block.get(4..).unwrap_or_default()].concat());
        }
        if kind & LAST != 0 {
            return Ok(start.map(|start| (start, at)));
        }
    }
    Ok(None)
}
