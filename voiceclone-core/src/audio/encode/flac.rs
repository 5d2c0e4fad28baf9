//! FLAC: `flacenc` encodes one block of 4096 frames at a time; totals and the MD5 of the samples go into the header last.
use std::io::{Seek, SeekFrom, Write};

use flacenc::{
    bitsink::ByteSink,
    component::{BitRepr, StreamInfo},
    config::Encoder as Config,
    encode_fixed_size_frame,
    error::{Verified, Verify},
    source::{Context, Fill, FrameBuf},
};

use crate::{
    audio::{body::spool_failed, error::AudioError, format::AudioFormat, pcm::to_s16, spool::Spool},
    error::{Error, Result},
};

const BLOCK: usize = 4096;
const BITS: usize = 16;
/// What the encoder's streamable subset allows.
const MAX_RATE: u32 = 96_000;
/// `fLaC`, then the head of a last metadata block of type 0 (STREAMINFO) and 34 bytes (RFC 9639, section 8.2).
const HEAD: [u8; 8] = *b"fLaC\x80\0\0\x22";

pub(super) struct FlacEncoder {
    config: Verified<Config>,
    info: StreamInfo,
    buffer: FrameBuf,
    context: Context,
    sink: ByteSink,
    waiting: Vec<i32>,
    block_samples: usize,
}

/// Refuses a rate that [`FlacEncoder::begin`] would.
pub(super) fn check(rate: u32) -> Result<()> {
    if rate > MAX_RATE {
        return Err(AudioError::FlacRate { found: rate, limit: MAX_RATE }.into());
    }
    Ok(())
}

impl FlacEncoder {
    pub(super) fn begin(spool: &mut Spool, format: AudioFormat) -> Result<Self> {
        let (rate, channels) = (format.sample_rate(), usize::from(format.channels()));
        check(rate)?;
        let encoder = Self {
            config: Config::default().into_verified().map_err(|(_, error)| failed(error))?,
            info: StreamInfo::new(rate as usize, channels, BITS).map_err(failed)?,
            buffer: FrameBuf::with_size(channels, BLOCK).map_err(failed)?,
            context: Context::new(BITS, channels),
            sink: ByteSink::new(),
            waiting: Vec::with_capacity(BLOCK * channels),
            block_samples: BLOCK * channels,
        };
        let room_for_info = [0; 34];
        spool.write_all(&HEAD).and_then(|()| spool.write_all(&room_for_info)).map_err(spool_failed)?;
        Ok(encoder)
    }

    pub(super) fn write(&mut self, spool: &mut Spool, mut samples: &[f32]) -> Result<()> {
        while !samples.is_empty() {
            let room = self.block_samples - self.waiting.len();
            let (now, later) = samples.split_at(room.min(samples.len()));
            self.waiting.extend(now.iter().map(|sample| i32::from(to_s16(*sample))));
            samples = later;
            if self.waiting.len() == self.block_samples {
                self.write_frame(spool)?;
            }
        }
        Ok(())
    }

    pub(super) fn finish(mut self, spool: &mut Spool) -> Result<()> {
        if !self.waiting.is_empty() {
            self.write_frame(spool)?;
        }
        // A shorter last block does not count: the smallest and largest block are those of the stream before it.
        self.info.set_block_sizes(BLOCK, BLOCK).map_err(failed)?;
        self.info.set_md5_digest(&self.context.md5_digest());
        self.sink.clear();
        self.info.write(&mut self.sink).map_err(failed)?;
        let at = SeekFrom::Start(HEAD.len() as u64);
        spool.seek(at).and_then(|_| spool.write_all(self.sink.as_slice())).map_err(spool_failed)
    }

    fn write_frame(&mut self, spool: &mut Spool) -> Result<()> {
        (&mut self.buffer, &mut self.context).fill_interleaved(&self.waiting).map_err(failed)?;
        self.waiting.clear();
        let number = self.context.current_frame_number().unwrap_or_default();
        let frame = encode_fixed_size_frame(&self.config, &self.buffer, number, &self.info).map_err(failed)?;
        self.sink.clear();
        frame.write(&mut self.sink).map_err(failed)?;
        self.info.update_frame_info(&frame);
        spool.write_all(self.sink.as_slice()).map_err(spool_failed)
    }
}

impl std::fmt::Debug for FlacEncoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FlacEncoder").field("info", &self.info).finish_non_exhaustive()
    }
}

/// Its errors cannot cross threads, so only their words do.
fn failed(error: impl std::error::Error) -> Error {
    AudioError::Flac(error.to_string()).into()
}
