//! The bytes as the parser reads them: the file's own, except for WAV sizes that a recorder never came to write.
//!
//! A recorder writes zero as the sizes of the file and its data and the true ones when it stops. One that crashed left a
//! good recording behind zeros, which the parser takes at their word. They are read as "unknown" instead.
use std::io::{self, Read, Seek, SeekFrom};

use symphonia::core::io::MediaSource;

use super::allowance::Allowance;
use crate::audio::{body::ReadSeek, format::Container};

/// What the field holds when a writer knows that it does not know.
const UNKNOWN: [u8; 4] = [0xFF; 4];
/// Chunks before the data, in files of real recorders, are fewer than ten.
const MAX_CHUNKS: usize = 100;

pub(super) struct Input {
    bytes: Box<dyn ReadSeek>,
    len: u64,
    at: u64,
    /// `WebM` is read forwards only, so that no table of contents in it can send the parser back and forth.
    seekable: bool,
    bounded: bool,
    /// Offsets of fields that read as [`UNKNOWN`].
    unknown: Vec<u64>,
    allowance: Allowance,
}

impl Input {
    /// The bytes from `offset` on, where `container` begins, as far as `allowance` goes.
    pub(super) fn new(
        mut bytes: Box<dyn ReadSeek>,
        len: u64,
        container: Container,
        offset: u64,
        allowance: Allowance,
    ) -> io::Result<Self> {
        let unknown = if container == Container::Wav { unset_sizes(&mut bytes, offset, len)? } else { Vec::new() };
        bytes.seek(SeekFrom::Start(offset))?;
        Ok(Self { bytes, len, at: offset, seekable: container != Container::Webm, bounded: true, unknown, allowance })
    }

    /// The same bytes as a stream of unknown length.
    pub(super) fn unbounded(self) -> Self {
        Self { bounded: false, ..self }
    }
}

/// Where the sizes are that were never written: a file size that ends before the data does, and a data size of zero at the
/// end of what the file size covers, with more bytes after it.
fn unset_sizes(bytes: &mut Box<dyn ReadSeek>, offset: u64, len: u64) -> io::Result<Vec<u64>> {
    let mut unset = Vec::new();
    let riff_end = offset + 8 + u64::from(field(bytes, offset + 4)?.unwrap_or_default().1);
    let mut at = offset + 12;
    for _ in 0..MAX_CHUNKS {
        let Some((kind, size)) = field(bytes, at + 4)? else { break };
        let start = at + 8;
        if kind == *b"data" {
            if riff_end < start + u64::from(size).min(len - start) || riff_end <= start {
                unset.push(offset + 4);
            }
            if size == 0 && riff_end <= start {
                unset.push(at + 4);
            }
            break;
        }
        at = start + u64::from(size) + u64::from(size % 2);
    }
    Ok(unset)
}

/// The size at an offset and the name before it; `None` past the end.
fn field(bytes: &mut Box<dyn ReadSeek>, at: u64) -> io::Result<Option<([u8; 4], u32)>> {
    let (mut kind, mut size) = ([0; 4], [0; 4]);
    bytes.seek(SeekFrom::Start(at - 4))?;
    match bytes.read_exact(&mut kind).and_then(|()| bytes.read_exact(&mut size)) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        read => read.map(|()| Some((kind, u32::from_le_bytes(size)))),
    }
}

impl Read for Input {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let n = self.bytes.read(into)?;
        self.allowance.spend(n)?;
        for field in &self.unknown {
            for (byte, value) in (*field..).zip(UNKNOWN) {
                let place = byte.checked_sub(self.at).and_then(|i| usize::try_from(i).ok()).filter(|i| *i < n);
                if let Some(place) = place.and_then(|i| into.get_mut(i)) {
                    *place = value;
                }
            }
        }
        self.at += n as u64;
        Ok(n)
    }
}

impl Seek for Input {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.at = self.bytes.seek(to)?;
        Ok(self.at)
    }
}

impl MediaSource for Input {
    fn is_seekable(&self) -> bool {
        self.seekable
    }

    fn byte_len(&self) -> Option<u64> {
        self.bounded.then_some(self.len)
    }
}
