//! WAV: `hound`'s header, our sizes. `hound` keeps its output to itself until the end, which a spool cannot allow.
use std::io::{Seek, SeekFrom, Write};

use crate::{
    audio::{body::spool_failed, error::AudioError, format::AudioFormat, pcm::to_s16_bytes, spool::Spool},
    error::Result,
};

/// The sizes in a RIFF header have 32 bits.
const MAX_BYTES: u64 = u32::MAX as u64;
/// Samples converted at a time, so that a long slice costs no second copy of itself.
const CHUNK: usize = 16 << 10;

#[derive(Debug)]
pub(super) struct WavEncoder {
    header_len: u64,
    data_len: u64,
}

impl WavEncoder {
    pub(super) fn begin(spool: &mut Spool, format: AudioFormat) -> Result<Self> {
        let header = hound::WavSpec {
            channels: format.channels(),
            sample_rate: format.sample_rate(),
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        }
        .into_header_for_infinite_file();
        spool.write_all(&header).map_err(spool_failed)?;
        Ok(Self { header_len: header.len() as u64, data_len: 0 })
    }

    pub(super) fn write(&mut self, spool: &mut Spool, samples: &[f32]) -> Result<()> {
        let found = self.header_len + self.data_len + samples.len() as u64 * 2;
        if found > MAX_BYTES {
            return Err(AudioError::WavFull { found, limit: MAX_BYTES }.into());
        }
        for chunk in samples.chunks(CHUNK) {
            spool.write_all(&to_s16_bytes(chunk)).map_err(spool_failed)?;
        }
        self.data_len += samples.len() as u64 * 2;
        Ok(())
    }

    /// The data is the last chunk and its size the last field of the header; 16-bit data never needs a padding byte.
    pub(super) fn finish(self, spool: &mut Spool) -> Result<()> {
        let found = self.header_len + self.data_len;
        let size = |bytes: u64| u32::try_from(bytes).map_err(|_| AudioError::WavFull { found, limit: MAX_BYTES });
        let sizes = [(4, size(found - 8)?), (self.header_len - 4, size(self.data_len)?)];
        for (at, value) in sizes {
            spool.seek(SeekFrom::Start(at)).and_then(|_| spool.write_all(&value.to_le_bytes())).map_err(spool_failed)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::{Codec, Container};

    #[test]
    fn the_last_sample_that_fits_is_written_and_the_next_is_refused() {
        let format = AudioFormat::new(Container::Wav, Codec::PcmS16Le, 24_000, 1).unwrap();
        let mut spool = Spool::default();
        let mut wav = WavEncoder::begin(&mut spool, format).unwrap();
        wav.data_len = MAX_BYTES - 45 - wav.header_len + 44 - 2;
        wav.write(&mut spool, &[0.0]).unwrap();
        let error = wav.write(&mut spool, &[0.0]).unwrap_err();
        assert!(error.message().contains("at most 4294967295"), "{error}");
    }
}
