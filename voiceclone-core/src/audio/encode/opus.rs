//! Ogg Opus (RFC 6716, RFC 7845): `opus-pure` encodes 20 ms at a time and pages the packets.
//!
//! The only lossy kind, and the only one whose length needs care: the codec runs behind its input and has no partial frames.
//! The header says how much to drop at the start and the last page where to stop, so that every frame comes back and no more.
use std::io::Write;

use opus_pure::{Application, MAX_PACKET_BYTES, OggOpusWriter, OpusEncoder as Codec, OpusHead, OpusTags, Signal};

use crate::{
    audio::{body::spool_failed, error::AudioError, format::AudioFormat, pcm::to_s16, spool::Spool},
    error::{Error, Result},
};

/// The rates, in hertz, that Opus encodes. Others would have to be resampled, which is not this crate's work.
pub(super) const RATES: [u32; 5] = [8_000, 12_000, 16_000, 24_000, 48_000];
/// The rate of the format's clock, at which it is always decoded (RFC 7845, section 4).
pub(super) const CLOCK: u32 = 48_000;
/// Average of the variable bit rate: what Xiph recommends for mono podcasts and audiobooks, and twice it for stereo
/// (<https://wiki.xiph.org/Opus_Recommended_Settings>). An hour of speech has 14 MB.
const BITS_PER_CHANNEL: i32 = 32_000;
/// Of 10. Below 7 the encoder does not analyse what it hears, and it is told that this is speech.
const COMPLEXITY: i32 = 5;
/// RFC 7845, section 5.1.1.2: channel mapping family 0.
const MAX_CHANNELS: u16 = 2;

pub(super) struct OpusEncoder {
    codec: Codec,
    pages: OggOpusWriter<Vec<u8>>,
    pre_skip: usize,
    channels: usize,
    /// Frames in a packet.
    packet_frames: usize,
    /// Ticks of the 48 kHz clock in a frame.
    ticks: usize,
    frames: u64,
    waiting: Vec<i16>,
    packet: Box<[u8]>,
}

/// Refuses what [`OpusEncoder::begin`] would.
pub(super) fn check(rate: u32, channels: u16) -> Result<()> {
    if !RATES.contains(&rate) {
        return Err(AudioError::OpusRate { found: rate }.into());
    }
    if channels > MAX_CHANNELS {
        return Err(AudioError::OpusChannels { found: channels, limit: MAX_CHANNELS }.into());
    }
    Ok(())
}

impl OpusEncoder {
    pub(super) fn begin(spool: &mut Spool, format: AudioFormat) -> Result<Self> {
        check(format.sample_rate(), format.channels())?;
        let (rate, channels) = (format.sample_rate(), usize::from(format.channels()));
        let mut codec = Codec::new(rate.cast_signed(), channels, Application::Audio).map_err(failed)?;
        codec.bitrate_bps = BITS_PER_CHANNEL * i32::from(format.channels());
        codec.complexity = COMPLEXITY;
        codec.rate_control = opus_pure::RateControl::Vbr;
        codec.signal_type = Some(Signal::Voice);
        let head = OpusHead::for_encoder(&codec, rate);
        let pre_skip = usize::from(head.pre_skip);
        let vendor = format!("voiceclone/{}, {}", env!("CARGO_PKG_VERSION"), OpusTags::new().vendor);
        let tags = OpusTags { vendor, comments: Vec::new() };
        let mut encoder = Self {
            codec,
            pages: OggOpusWriter::with_tags(Vec::new(), head, tags).map_err(failed)?,
            pre_skip,
            channels,
            packet_frames: rate as usize / 50,
            ticks: (CLOCK / rate) as usize,
            frames: 0,
            waiting: Vec::new(),
            packet: vec![0; MAX_PACKET_BYTES].into(),
        };
        encoder.hand_over(spool)?;
        Ok(encoder)
    }

    pub(super) fn write(&mut self, spool: &mut Spool, mut samples: &[f32]) -> Result<()> {
        self.frames += (samples.len() / self.channels) as u64;
        let whole = self.packet_frames * self.channels;
        while !samples.is_empty() {
            let room = whole - self.waiting.len();
            let (now, later) = samples.split_at(room.min(samples.len()));
            self.waiting.extend(now.iter().map(|sample| to_s16(*sample)));
            samples = later;
            if self.waiting.len() == whole {
                let len = self.encode()?;
                self.pages.write_packet(self.packet.get(..len).unwrap_or_default()).map_err(failed)?;
                self.hand_over(spool)?;
            }
        }
        Ok(())
    }

    /// Pushes out what the codec still holds with as much silence, and ends the last packet where the sound ends.
    pub(super) fn finish(mut self, spool: &mut Spool) -> Result<()> {
        let left = self.waiting.len() / self.channels + self.pre_skip.div_ceil(self.ticks);
        let packets = left.div_ceil(self.packet_frames);
        let end = self.pre_skip as u64 + self.frames * self.ticks as u64;
        for number in 1..=packets {
            self.waiting.resize(self.packet_frames * self.channels, 0);
            let len = self.encode()?;
            let packet = self.packet.get(..len).unwrap_or_default();
            if number < packets {
                self.pages.write_packet(packet).map_err(failed)?;
            } else {
                let sound = end.saturating_sub(self.pages.granule().unsigned_abs());
                let sound = u32::try_from(sound).unwrap_or(u32::MAX);
                self.pages.write_packet_with_duration(packet, sound).map_err(failed)?;
            }
        }
        let last = self.pages.finish().map_err(failed)?;
        spool.write_all(&last).map_err(spool_failed)
    }

    /// One packet from what waits; its length.
    fn encode(&mut self) -> Result<usize> {
        let len = self.codec.encode_s16(&self.waiting, self.packet_frames, &mut self.packet).map_err(failed)?;
        self.waiting.clear();
        Ok(len)
    }

    /// Moves finished pages to the spool.
    fn hand_over(&mut self, spool: &mut Spool) -> Result<()> {
        let Some(pages) = self.pages.get_mut() else { return Ok(()) };
        spool.write_all(pages).map_err(spool_failed)?;
        pages.clear();
        Ok(())
    }
}

impl std::fmt::Debug for OpusEncoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpusEncoder").field("pages", &self.pages).field("frames", &self.frames).finish_non_exhaustive()
    }
}

#[expect(clippy::needless_pass_by_value, reason = "what map_err gives")]
fn failed(error: opus_pure::Error) -> Error {
    Error::from(AudioError::Opus(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::{Codec, Container};

    #[test]
    fn finished_pages_do_not_stay_in_memory() {
        let format = AudioFormat::new(Container::Ogg, Codec::PcmS16Le, 8_000, 1).unwrap();
        let mut spool = Spool::default();
        let mut opus = OpusEncoder::begin(&mut spool, format).unwrap();
        for second in 0..20_u8 {
            opus.write(&mut spool, &vec![f32::from(second) / 20.0; 8_001]).unwrap();
            assert_eq!(opus.pages.get_ref().map(Vec::len), Some(0));
            assert!(opus.waiting.capacity() <= 320, "{}", opus.waiting.capacity());
        }
        opus.finish(&mut spool).unwrap();
        assert_eq!(
            crate::audio::probe(&spool.finish().unwrap(), None, &crate::audio::DecodeLimits::unlimited())
                .unwrap()
                .frames,
            20 * 48_006
        );
    }
}
