//! The bytes as the parser gets them: the file's own, but for a start that would mislead it.
use std::io::{self, Read, Seek, SeekFrom};

use symphonia::core::io::MediaSource;

use super::{flac, wav::Sizes};
use crate::audio::{body::ReadSeek, format::Container};

/// What a size field holds when a writer knows that it does not know.
const UNKNOWN: [u8; 4] = [0xFF; 4];

pub(super) struct Input {
    bytes: Box<dyn ReadSeek>,
    len: u64,
    at: u64,
    seekable: bool,
    /// Offsets of fields that read as [`UNKNOWN`].
    unknown: Vec<u64>,
    /// Read before `bytes`, from their position on.
    start: io::Cursor<Vec<u8>>,
}

impl Input {
    /// The bytes from `offset` on, where `container` begins.
    pub(super) fn new(
        mut bytes: Box<dyn ReadSeek>,
        len: u64,
        container: Container,
        offset: u64,
        sizes: &Sizes,
    ) -> io::Result<Self> {
        let replaced = if container == Container::Flac { flac::without_metadata(&mut bytes, offset)? } else { None };
        let seekable = replaced.is_none();
        let (start, at) = replaced.unwrap_or((Vec::new(), offset));
        bytes.seek(SeekFrom::Start(at))?;
        Ok(Self { bytes, len, at, seekable, unknown: sizes.unset.clone(), start: io::Cursor::new(start) })
    }

    /// The same bytes as a stream of unknown length.
    pub(super) fn forwards(self) -> Self {
        Self { seekable: false, ..self }
    }
}

impl Read for Input {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let first = self.start.read(into)?;
        if first > 0 {
            return Ok(first);
        }
        let n = self.bytes.read(into)?;
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
        self.seekable.then_some(self.len)
    }
}
