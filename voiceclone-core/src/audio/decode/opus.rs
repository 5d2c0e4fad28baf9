//! Opus packets to samples: the codec that browsers record in and the parser library lacks.
//!
//! Always decoded at 48 kHz, the rate of its timestamps. Says how long the encoder's run-in is and leaves it in.
use opus_pure::{MAX_PACKET_SAMPLES, OpusDecoder};

use crate::audio::format::Container;

pub(super) const OPUS_RATE: u32 = 48_000;

pub(super) struct Opus {
    decoder: OpusDecoder,
    channels: usize,
    run_in: u16,
}

impl Opus {
    /// A decoder for the stream that `head` describes (RFC 7845, section 5.1; in MP4 the same fields are big-endian).
    /// `None` if there are more than two channels or the header is damaged.
    pub(super) fn new(head: &[u8], container: Container) -> Option<Self> {
        let fields = head.strip_prefix(b"OpusHead")?.first_chunk::<11>()?;
        let [_version, channels, skip_a, skip_b, _, _, _, _, gain_a, gain_b, family] = *fields;
        let big_endian = container == Container::Mp4;
        let read = |bytes: [u8; 2]| if big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) };
        let channels = usize::from(channels);
        // Family 0 is mono and stereo; a surround stream is several Opus streams in one packet.
        if family != 0 {
            return None;
        }
        let mut decoder = OpusDecoder::new(48_000, channels).ok()?;
        decoder.gain_q8 = i32::from(read([gain_a, gain_b]).cast_signed());
        Some(Self { decoder, channels, run_in: read([skip_a, skip_b]) })
    }

    pub(super) fn channels(&self) -> usize {
        self.channels
    }

    /// Frames at the start that were never recorded.
    pub(super) fn run_in(&self) -> u64 {
        u64::from(self.run_in)
    }

    /// Decodes one packet; `false` if it is damaged.
    pub(super) fn decode(&mut self, packet: &[u8], out: &mut Vec<f32>) -> bool {
        // To the codec an empty packet means a lost one, for which it would invent sound.
        if packet.is_empty() {
            return false;
        }
        out.resize(MAX_PACKET_SAMPLES * self.channels, 0.0);
        let decoded = self.decoder.decode(packet, MAX_PACKET_SAMPLES, out);
        out.truncate(decoded.as_ref().map_or(0, |frames| frames * self.channels));
        decoded.is_ok()
    }
}
