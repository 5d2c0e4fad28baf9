//! Samples between two passes over a recording: in memory while they are few, in a temporary file once they are many, so that
//! ten minutes cost no more memory than ten seconds. Knows nothing of what the samples mean.
use std::{
    io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write},
    ops::Range,
};

use tempfile::{SpooledTempFile, spooled_tempfile};
use voiceclone_core::{Error, ErrorKind, Result};

/// Bytes kept in memory: 43 s of one channel at 48 kHz.
const IN_MEMORY: usize = 8 << 20;
/// Samples handed over at a time.
const BLOCK: usize = 4_096;
/// Bytes of one sample.
const WIDTH: usize = size_of::<f32>();

/// A recorder of samples, written once and then read as often as needed. The file is gone when it is dropped.
#[derive(Debug)]
pub(super) struct Tape {
    file: BufWriter<SpooledTempFile>,
    samples: u64,
    /// Samples handed over at a time: whole frames.
    block: usize,
    bytes: Vec<u8>,
}

impl Tape {
    /// For one channel.
    pub(super) fn new() -> Self {
        Self::interleaved(1)
    }

    /// For interleaved channels: what is read comes in whole frames if what was written did.
    pub(super) fn interleaved(channels: u16) -> Self {
        let channels = usize::from(channels.max(1));
        let file = BufWriter::with_capacity(BLOCK * WIDTH, spooled_tempfile(IN_MEMORY));
        Self { file, samples: 0, block: BLOCK.next_multiple_of(channels), bytes: Vec::new() }
    }

    /// Adds samples at the end.
    pub(super) fn write(&mut self, samples: &[f32]) -> Result<()> {
        self.bytes.clear();
        self.bytes.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
        self.file.write_all(&self.bytes).map_err(failed)?;
        self.samples += samples.len() as u64;
        Ok(())
    }

    /// Hands over everything, block by block.
    pub(super) fn read(&mut self, sink: impl FnMut(&[f32]) -> Result<()>) -> Result<()> {
        self.read_range(0..self.samples, sink)
    }

    /// Hands over a part, block by block; what lies beyond the end is not there.
    pub(super) fn read_range(&mut self, range: Range<u64>, mut sink: impl FnMut(&[f32]) -> Result<()>) -> Result<()> {
        let end = range.end.min(self.samples);
        let mut left = end.saturating_sub(range.start);
        // Seeking flushes what was written.
        self.file.seek(SeekFrom::Start(range.start.min(end) * WIDTH as u64)).map_err(failed)?;
        let mut reader = BufReader::with_capacity(BLOCK * WIDTH, self.file.get_mut());
        let (mut bytes, mut block) = (vec![0; self.block * WIDTH], Vec::with_capacity(self.block));
        while left > 0 {
            let count = usize::try_from(left).unwrap_or(self.block).min(self.block);
            let part = bytes.get_mut(..count * WIDTH).unwrap_or_default();
            reader.read_exact(part).map_err(failed)?;
            block.clear();
            block.extend(part.as_chunks::<WIDTH>().0.iter().map(|sample| f32::from_le_bytes(*sample)));
            sink(&block)?;
            left -= count as u64;
        }
        self.file.seek(SeekFrom::End(0)).map_err(failed)?;
        Ok(())
    }
}

fn failed(error: io::Error) -> Error {
    let what = "temporary storage for audio could not be used; is the disk full?";
    Error::new(ErrorKind::Unavailable, what).with_source(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(tape: &mut Tape, range: Range<u64>) -> Vec<f32> {
        let mut out = Vec::new();
        tape.read_range(range, |block| {
            assert!(block.len() <= BLOCK);
            out.extend_from_slice(block);
            Ok(())
        })
        .unwrap();
        out
    }

    #[test]
    #[expect(clippy::cast_precision_loss, reason = "test signal")]
    fn what_was_written_is_read_in_memory_and_in_a_file() {
        for total in [10_000, IN_MEMORY / WIDTH + 10_000] {
            let samples: Vec<f32> = (0..total).map(|n| n as f32 * 0.25).collect();
            let mut tape = Tape::new();
            samples.chunks(1_152).for_each(|block| tape.write(block).unwrap());
            assert!(read(&mut tape, 0..total as u64) == samples);
            assert!(read(&mut tape, 5_000..9_999) == samples[5_000..9_999]);
            assert!(read(&mut tape, total as u64 - 3..u64::MAX) == samples[total - 3..]);
            assert!(read(&mut tape, u64::MAX..u64::MAX).is_empty());
            tape.write(&[1.5]).unwrap();
            assert_eq!(read(&mut tape, total as u64..u64::MAX), [1.5]);
        }
    }

    #[test]
    fn frames_stay_whole() {
        for channels in 1..=8 {
            let mut tape = Tape::interleaved(channels);
            tape.write(&vec![0.5; usize::from(channels) * 10_000]).unwrap();
            let whole = |block: &[f32]| block.len().is_multiple_of(usize::from(channels));
            tape.read(|block| {
                assert!(whole(block));
                Ok(())
            })
            .unwrap();
        }
    }

    #[test]
    fn a_reader_that_stops_is_obeyed() {
        let mut tape = Tape::new();
        tape.write(&vec![0.0; 100_000]).unwrap();
        let mut blocks = 0;
        let stopped = tape.read(|_| {
            blocks += 1;
            Err(Error::new(ErrorKind::Cancelled, "enough"))
        });
        assert_eq!((stopped.unwrap_err().kind(), blocks), (ErrorKind::Cancelled, 1));
    }
}
