//! What a look at a whole file finds before it is decoded: where the recording begins and ends, and whether it is whole.
//!
//! One answer for every container, put together from what each of them says. It decodes nothing.
use std::io::{self, Read, Seek};

use symphonia::core::formats::Track;

use super::{
    frames::{self, Frames},
    mp4_timing::Timing,
    span::Span,
    wav::{self, Sizes},
    webm::Blocks,
};
use crate::audio::format::Container;

#[derive(Default)]
pub(super) struct Extent {
    /// Whether the data stops inside something; `None` where the parser's word counts.
    pub(super) cut: Option<bool>,
    /// Places where packets are missing that the parser will not mention.
    pub(super) gaps: u64,
    /// Sizes of a WAV file.
    pub(super) sizes: Sizes,
    timing: Option<Timing>,
    blocks: Option<Blocks>,
    /// An MP3's own word, in its LAME tag.
    tagged: bool,
}

impl Extent {
    /// Looks through the file whose container begins at `offset`.
    pub(super) fn survey(
        bytes: &mut (impl Read + Seek),
        container: Container,
        offset: u64,
        len: u64,
    ) -> io::Result<Self> {
        let mut found = Self { tagged: container == Container::Mp3, ..Self::default() };
        match container {
            Container::Wav => {
                found.sizes = wav::sizes(bytes, offset, len)?;
                found.cut = found.sizes.cut;
            }
            Container::Mp4 => {
                let timing = Timing::survey(bytes, offset)?;
                found.cut = Some(timing.cut);
                found.timing = Some(timing);
            }
            Container::Webm => {
                let blocks = Blocks::survey(bytes, offset)?;
                found.cut = blocks.cut;
                found.blocks = Some(blocks);
            }
            Container::Mp3 => found.count(&Frames::survey(bytes, offset, frames::mpeg)?),
            Container::Adts => found.count(&Frames::survey(bytes, offset, frames::adts)?),
            _ => {}
        }
        Ok(found)
    }

    fn count(&mut self, frames: &Frames) {
        (self.gaps, self.cut) = (frames.gaps, Some(frames.cut));
    }

    /// The frames of a track that are the recording, if the file says.
    pub(super) fn span(&self, track: &Track, rate: u32) -> Option<Span> {
        if let Some(timing) = &self.timing {
            return timing.span(track.id, rate);
        }
        let (delay, padding, frames) = (track.delay?, track.padding.unwrap_or(0), track.num_frames?);
        if !self.tagged {
            return None;
        }
        let start = u64::from(delay);
        let end = start.saturating_add(frames);
        // What comes after the padding is another file that was joined to this one.
        Some(Span::of(vec![start..end, end.saturating_add(u64::from(padding))..u64::MAX]))
    }

    /// Frames of padding at the start and the end of a packet.
    pub(super) fn padding(&self, track: u32, packet: u64, rate: u32) -> (usize, usize) {
        self.blocks.as_ref().map_or((0, 0), |blocks| blocks.padding(track, packet, rate))
    }
}
