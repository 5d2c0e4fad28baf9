//! Opus packets to samples: the codec that browsers record in and the parser library lacks.
//!
//! Always decoded at 48 kHz, the rate of its timestamps. Removes the encoder's run-in itself, because of the three containers
//! only Ogg's parser does.
use opus_pure::{MAX_PACKET_SAMPLES, OpusDecoder};

use crate::audio::format::Container;

pub(super) const OPUS_RATE: u32 = 48_000;

pub(super) struct Opus {
    decoder: OpusDecoder,
    channels: usize,
    skip: usize,
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
        Some(Self { decoder, channels, skip: usize::from(read([skip_a, skip_b])) })
    }

    pub(super) fn channels(&self) -> usize {
        self.channels
    }

    /// Decodes one packet without its last `trim_end` frames; `false` if it is damaged.
    pub(super) fn decode(&mut self, packet: &[u8], trim_end: usize, out: &mut Vec<f32>) -> bool {
        // To the codec an empty packet means a lost one, for which it would invent sound.
        if packet.is_empty() {
            return false;
        }
        out.resize(MAX_PACKET_SAMPLES * self.channels, 0.0);
        let Ok(frames) = self.decoder.decode(packet, MAX_PACKET_SAMPLES, out) else {
            out.clear();
            return false;
        };
        out.truncate(frames.saturating_sub(trim_end) * self.channels);
        let skipped = self.skip.min(frames);
        self.skip -= skipped;
        out.drain(..(skipped * self.channels).min(out.len()));
        true
    }
}
