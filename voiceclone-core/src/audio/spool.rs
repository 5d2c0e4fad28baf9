//! Bytes on their way into a body: in memory while they are few, in a temporary file once they are many.
use std::io::{self, Cursor, Seek, SeekFrom, Write};

use tempfile::NamedTempFile;

use super::body::{AudioBody, SPOOL_THRESHOLD, spool_failed};
use crate::error::Result;

/// A place to write and seek in. Nothing is left behind if it is dropped before [`Spool::finish`].
#[derive(Debug)]
pub(super) struct Spool(Place);

#[derive(Debug)]
enum Place {
    Memory(Cursor<Vec<u8>>),
    File(NamedTempFile),
}

impl Default for Spool {
    fn default() -> Self {
        Self(Place::Memory(Cursor::default()))
    }
}

impl Spool {
    /// True if writing `more` bytes touches the disk.
    pub(super) fn would_block(&self, more: usize) -> bool {
        match &self.0 {
            Place::Memory(memory) => memory.get_ref().len() + more > SPOOL_THRESHOLD,
            Place::File(_) => true,
        }
    }

    /// Everything written, as a body.
    pub(super) fn finish(self) -> Result<AudioBody> {
        match self.0 {
            Place::Memory(memory) => Ok(memory.into_inner().into()),
            Place::File(mut file) => {
                file.flush().map_err(spool_failed)?;
                AudioBody::from_temporary(file)
            }
        }
    }

    fn move_to_file(memory: &mut Cursor<Vec<u8>>) -> io::Result<NamedTempFile> {
        let mut file = NamedTempFile::new()?;
        file.write_all(memory.get_ref())?;
        file.seek(SeekFrom::Start(memory.position()))?;
        Ok(file)
    }
}

impl Write for Spool {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let full = self.would_block(bytes.len());
        if let Place::Memory(memory) = &mut self.0 {
            if !full {
                return memory.write(bytes);
            }
            self.0 = Place::File(Self::move_to_file(memory)?);
        }
        match &mut self.0 {
            Place::Memory(memory) => memory.write(bytes),
            Place::File(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.0 {
            Place::Memory(_) => Ok(()),
            Place::File(file) => file.flush(),
        }
    }
}

impl Seek for Spool {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match &mut self.0 {
            Place::Memory(memory) => memory.seek(to),
            Place::File(file) => file.seek(to),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;

    #[test]
    fn bytes_and_the_position_survive_the_move_to_a_file() {
        let mut spool = Spool::default();
        spool.write_all(&vec![1; SPOOL_THRESHOLD]).unwrap();
        assert!(matches!(spool.0, Place::Memory(_)));
        spool.seek(SeekFrom::Start(2)).unwrap();
        spool.write_all(&[2]).unwrap();
        assert!(matches!(spool.0, Place::File(_)));
        spool.seek(SeekFrom::End(0)).unwrap();
        spool.write_all(&[3]).unwrap();
        let mut back = Vec::new();
        spool.finish().unwrap().reader().unwrap().read_to_end(&mut back).unwrap();
        let mut expected = vec![1; SPOOL_THRESHOLD + 1];
        (expected[2], expected[SPOOL_THRESHOLD]) = (2, 3);
        assert!(back == expected);
    }
}
