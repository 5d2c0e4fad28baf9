//! The bytes as the parser gets them: the file's own from where the container begins, but for a start that would mislead it.
use std::io::{self, Read, Seek, SeekFrom};

use symphonia::core::io::MediaSource;

use super::{allowance::Allowance, flac, wav::Sizes};
use crate::audio::{body::ReadSeek, format::Container};

/// What a size field holds when a writer knows that it does not know.
const UNKNOWN: [u8; 4] = [0xFF; 4];

pub(super) struct Input {
    bytes: Box<dyn ReadSeek>,
    /// Length of the file.
    len: u64,
    /// Where the container begins in it.
    base: u64,
    /// Where the next byte lies in it.
    at: u64,
    /// `WebM` is read forwards only, so that no table of contents in it can send the parser back and forth.
    seekable: bool,
    /// Whether the parser is told the length.
    bounded: bool,
    /// Offsets in the file of fields that read as [`UNKNOWN`].
    unknown: Vec<u64>,
    /// Read before `bytes`, from their position on.
    start: io::Cursor<Vec<u8>>,
    allowance: Allowance,
}

impl Input {
    /// The bytes from `offset` on, where `container` begins, as far as `allowance` goes.
    pub(super) fn new(
        mut bytes: Box<dyn ReadSeek>,
        len: u64,
        (container, offset): (Container, u64),
        sizes: &Sizes,
        allowance: Allowance,
    ) -> io::Result<Self> {
        let replaced = if container == Container::Flac { flac::without_metadata(&mut bytes, offset)? } else { None };
        let bounded = replaced.is_none();
        let (start, at) = replaced.unwrap_or((Vec::new(), offset));
        bytes.seek(SeekFrom::Start(at))?;
        Ok(Self {
            bytes,
            len,
            base: offset,
            at,
            seekable: bounded && container != Container::Webm,
            bounded,
            unknown: sizes.unset.clone(),
            start: io::Cursor::new(start),
            allowance,
        })
    }

    /// The same bytes as a stream of unknown length.
    pub(super) fn forwards(self) -> Self {
        Self { seekable: false, bounded: false, ..self }
    }
}

impl Read for Input {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let first = self.start.read(into)?;
        if first > 0 {
            return Ok(first);
        }
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

/// Positions are those in the container: tags may lie before it.
impl Seek for Input {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let to = match to {
            SeekFrom::Start(at) => SeekFrom::Start(self.base.saturating_add(at)),
            other => other,
        };
        self.at = self.bytes.seek(to)?;
        let before = || io::Error::new(io::ErrorKind::InvalidInput, "a place before the start");
        self.at.checked_sub(self.base).ok_or_else(before)
    }
}

impl MediaSource for Input {
    fn is_seekable(&self) -> bool {
        self.seekable
    }

    fn byte_len(&self) -> Option<u64> {
        self.bounded.then_some(self.len.saturating_sub(self.base))
    }
}
