//! The parser and the codec behind guards: one packet at a time, a panic of theirs is an error of ours.
//!
//! The reader is chosen by [`sniff`](super::super::sniff) and never guessed by the library. What the library does not tell
//! of a container comes from [`Extent`]. This module knows symphonia and nothing of limits.
use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
};

use symphonia::{
    core::{
        audio::Channels,
        codecs::{
            CodecParameters,
            audio::{AudioCodecId, AudioDecoder, AudioDecoderOptions, well_known as id},
        },
        errors::{Error as Fault, Result as Outcome},
        formats::{FormatOptions, FormatReader, Track},
        io::{MediaSourceStream, MediaSourceStreamOptions},
        packet::Packet,
        units::Timestamp,
    },
    default::{formats as readers, get_codecs},
};

use super::{
    aac,
    allowance::{Allowance, MAX_HEAD},
    extent::Extent,
    input::Input,
    mp4,
    opus::{OPUS_RATE, Opus},
    span::Span,
    vorbis,
};
use crate::{
    audio::sniff::container_name,
    audio::{body::AudioBody, body::spool_failed, error::AudioError, format::Codec, format::Container},
    error::{Error, Result},
};

/// Encoded packets larger than this are damage: the largest real one, a second of 192 kHz 8-channel PCM, is smaller.
const MAX_PACKET: usize = 8 << 20;
/// Frames that a header may announce for one packet, for which the codec makes room at once. The largest real number is 65 536.
const MAX_PACKET_FRAMES: u64 = 131_072;

/// What one step brought.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Samples, with their rate and channel count.
    Block { rate: u32, channels: usize },
    /// A packet that could not be decoded.
    Damaged,
    /// A packet without samples, or of another track.
    Empty,
    /// A new stream begins inside the file (chained Ogg).
    Restarted,
    /// Nothing more; `cut` if the data stopped in the middle of something.
    End { cut: bool },
}

/// An open container and the decoder of its first audio track.
pub(super) struct Source {
    container: Container,
    reader: Box<dyn FormatReader>,
    track: Picked,
    extent: Extent,
    /// Packets read of the track.
    packets: u64,
    /// Timestamp of the next packet, in containers that count frames.
    expected: Option<Timestamp>,
    /// A packet after a gap that was reported first.
    waiting: Option<Packet>,
}

/// A track that can be decoded.
struct Picked {
    id: u32,
    codec: Codec,
    engine: Engine,
    span: Span,
    /// Frames of the whole track, where the container counts them.
    frames: Option<u64>,
}

enum Engine {
    Library(Box<dyn AudioDecoder>),
    Aac(Box<dyn AudioDecoder>, aac::Unannounced),
    Opus(Box<Opus>),
}

impl Source {
    /// Opens the container that begins at `offset`.
    pub(super) fn open(body: &AudioBody, container: Container, offset: u64) -> Result<Self> {
        let mut bytes = body.reader()?;
        let survey = match container {
            Container::Mp4 => Some(mp4::survey(&mut bytes, offset).map_err(spool_failed)?),
            _ => None,
        };
        if let Some(survey) = &survey {
            if survey.hostile {
                return Err(AudioError::Bomb { container: "MP4" }.into());
            }
            if !survey.has_index {
                return Err(AudioError::NoIndex.into());
            }
        }
        let extent = Extent::survey(&mut bytes, container, offset, body.len()).map_err(spool_failed)?;
        let input = |bytes, allowance: &Allowance| {
            let place = (container, offset);
            Input::new(bytes, body.len(), place, &extent.sizes, allowance.clone()).map_err(spool_failed)
        };
        let mut allowance = Allowance::default();
        let first = input(bytes, &allowance)?;
        let mut opened = guarded(container, || open_reader(container, first))?;
        if opened.is_err() && reads_as_stream(container) && !allowance.is_spent() {
            // A cut file says it is longer than it is; read as a live stream, it gives what is there.
            allowance = Allowance::default();
            let again = input(body.reader()?, &allowance)?.forwards();
            opened = guarded(container, || open_reader(container, again))?;
        }
        if allowance.is_spent() {
            return Err(AudioError::LongHead { container: container_name(container), limit: MAX_HEAD }.into());
        }
        allowance.lift();
        let reader = opened.map_err(|fault| {
            unreadable(container, fault, || AudioError::Headers { container: container_name(container) })
        })?;
        let entries = survey.map(|survey| survey.entries).unwrap_or_default();
        let track = pick_track(container, &*reader, &entries, &extent)?;
        Ok(Self { container, reader, track, extent, packets: 0, expected: None, waiting: None })
    }

    /// How the samples are encoded.
    pub(super) fn codec(&self) -> Codec {
        self.track.codec
    }

    /// Reads and decodes one packet; samples are put into `out`, interleaved.
    pub(super) fn step(&mut self, out: &mut Vec<f32>) -> Result<Step> {
        out.clear();
        let packet = match self.next_packet()? {
            Ok(packet) => packet,
            Err(step) => return Ok(step),
        };
        let number = self.packets;
        self.packets += 1;
        if packet.data.len() > MAX_PACKET {
            return Ok(Step::Damaged);
        }
        if let Engine::Aac(_, look) = &mut self.track.engine
            && let Some(codec) = look.look(&packet.data)
        {
            return Err(AudioError::Codec { container: container_name(self.container), codec: codec.to_owned() }.into());
        }
        let shape = guarded(self.container, || self.track.engine.decode(&packet, out))?;
        let Some((rate, channels)) = shape else {
            self.track.span.lost();
            return Ok(Step::Damaged);
        };
        self.trim(&packet, number, rate, channels, out);
        Ok(if out.is_empty() { Step::Empty } else { Step::Block { rate, channels } })
    }

    /// The next packet of the track, or what came instead.
    fn next_packet(&mut self) -> Result<std::result::Result<Packet, Step>> {
        if let Some(packet) = self.waiting.take() {
            return Ok(Ok(packet));
        }
        let packet = match guarded(self.container, || self.reader.next_packet())? {
            Ok(Some(packet)) if packet.track_id == self.track.id => packet,
            Ok(Some(_)) => return Ok(Err(Step::Empty)),
            Ok(None) => return Ok(Err(self.end(false))),
            Err(Fault::IoError(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return Ok(Err(self.end(true)));
            }
            Err(Fault::IoError(error)) if error.raw_os_error().is_some() => return Err(spool_failed(error)),
            Err(Fault::ResetRequired) => return self.restart().map(Err),
            Err(_) => return Ok(Err(Step::Damaged)),
        };
        if self.follows(&packet) {
            return Ok(Ok(packet));
        }
        self.waiting = Some(packet);
        Ok(Err(Step::Damaged))
    }

    /// Whether nothing is missing before a packet. FLAC and Ogg count frames, and their parsers pass over damaged ones.
    fn follows(&mut self, packet: &Packet) -> bool {
        if !matches!(self.container, Container::Flac | Container::Ogg) {
            return true;
        }
        let expected = std::mem::replace(&mut self.expected, packet.pts.checked_add(packet.block_dur()));
        expected.is_none_or(|expected| packet.pts <= expected)
    }

    /// Damage that only a look at the whole file found is reported before the end.
    fn end(&mut self, unexpected: bool) -> Step {
        if self.extent.gaps > 0 {
            self.extent.gaps -= 1;
            return Step::Damaged;
        }
        let decoded = self.expected.and_then(|end| u64::try_from(end.get()).ok());
        let short = self.container == Container::Flac
            && self.track.frames.zip(decoded).is_some_and(|(frames, decoded)| decoded < frames);
        Step::End { cut: self.extent.cut.unwrap_or(unexpected) || short }
    }

    fn restart(&mut self) -> Result<Step> {
        self.track = pick_track(self.container, &*self.reader, &[], &self.extent)?;
        self.expected = None;
        Ok(Step::Restarted)
    }

    /// Removes what was never recorded.
    fn trim(&mut self, packet: &Packet, number: u64, rate: u32, channels: usize, out: &mut Vec<f32>) {
        let (start, end) = match (self.container, self.track.codec) {
            // The library's own decoders do this themselves.
            (Container::Ogg, Codec::Opus) => (0, usize::try_from(packet.trim_end.get()).unwrap_or(usize::MAX)),
            (Container::Webm, _) => self.extent.padding(packet.track_id, number, rate),
            _ => (0, 0),
        };
        self.track.span.apply(out, channels);
        out.truncate(out.len().saturating_sub(end.saturating_mul(channels)));
        out.drain(..start.saturating_mul(channels).min(out.len()));
    }
}

impl Engine {
    /// Samples of one packet into `out`, with their rate and channel count; `None` if it is damaged.
    fn decode(&mut self, packet: &Packet, out: &mut Vec<f32>) -> Option<(u32, usize)> {
        match self {
            Self::Library(decoder) | Self::Aac(decoder, _) => {
                let buffer = decoder.decode(packet).ok()?;
                buffer.copy_to_vec_interleaved(out);
                Some((buffer.spec().rate(), buffer.spec().channels().count()))
            }
            Self::Opus(opus) => opus.decode(&packet.data, out).then_some((OPUS_RATE, opus.channels())),
        }
    }
}

/// Containers whose parsers give up on a length that is not there, but not on none.
const fn reads_as_stream(container: Container) -> bool {
    matches!(container, Container::Webm | Container::Aiff | Container::Caf)
}

/// Runs foreign code; a panic in it ends with an error, and the caller drops what it worked on.
fn guarded<T>(container: Container, work: impl FnOnce() -> T) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work))
        .map_err(|_| AudioError::Panicked { container: container_name(container) }.into())
}

/// `why`, with the library's words as the source; a failing disk stays a failing disk.
fn unreadable(container: Container, fault: Fault, why: impl FnOnce() -> AudioError) -> Error {
    match fault {
        Fault::IoError(error) if error.raw_os_error().is_some() => spool_failed(error),
        fault => Error::from(why()).with_source(io::Error::other(format!("{container:?}: {fault}"))),
    }
}

fn open_reader(container: Container, input: Input) -> Outcome<Box<dyn FormatReader>> {
    let stream = MediaSourceStream::new(Box::new(input), MediaSourceStreamOptions::default());
    let options = FormatOptions::default();
    Ok(match container {
        Container::Wav => Box::new(readers::WavReader::try_new(stream, options)?),
        Container::Flac => Box::new(readers::FlacReader::try_new(stream, options)?),
        Container::Mp3 => Box::new(readers::MpaReader::try_new(stream, options)?),
        Container::Ogg => Box::new(readers::OggReader::try_new(stream, options)?),
        Container::Mp4 => Box::new(readers::IsoMp4Reader::try_new(stream, options)?),
        Container::Webm => Box::new(readers::MkvReader::try_new(stream, options)?),
        Container::Aiff => Box::new(readers::AiffReader::try_new(stream, options)?),
        Container::Caf => Box::new(readers::CafReader::try_new(stream, options)?),
        Container::Adts => Box::new(readers::AdtsReader::try_new(stream, options)?),
        Container::Raw => return Err(Fault::Unsupported("raw samples")),
    })
}

/// The first audio track that can be decoded, or the best reason why there is none.
fn pick_track(container: Container, reader: &dyn FormatReader, entries: &[[u8; 4]], extent: &Extent) -> Result<Picked> {
    let mut refused = None;
    for track in reader.tracks() {
        match open_track(container, track, extent) {
            Ok(Some(picked)) => return Ok(picked),
            Ok(None) => {}
            Err(error) => refused = refused.or(Some(error)),
        }
    }
    let named = || entries.iter().find_map(|entry| mp4::codec_name(*entry));
    Err(refused.unwrap_or_else(|| match named() {
        Some(codec) => AudioError::Codec { container: container_name(container), codec: codec.to_owned() }.into(),
        None => AudioError::NoTrack { container: container_name(container) }.into(),
    }))
}

fn open_track(container: Container, track: &Track, extent: &Extent) -> Result<Option<Picked>> {
    let Some(CodecParameters::Audio(parameters)) = &track.codec_params else { return Ok(None) };
    let name = container_name(container);
    let refused = |codec: String| AudioError::Codec { container: name, codec };
    let codec = codec_of(parameters.codec).map_err(|codec| refused(codec.to_owned()))?;
    let picked = |engine, span| Picked { id: track.id, codec, engine, span, frames: track.num_frames };
    let config = parameters.extra_data.as_deref();
    let hostile = parameters.max_frames_per_packet.is_some_and(|frames| frames > MAX_PACKET_FRAMES)
        || codec == Codec::Vorbis && vorbis::asks_too_much(config.unwrap_or_default());
    if hostile {
        return Err(AudioError::Bomb { container: name }.into());
    }
    if codec == Codec::Opus {
        let opus = Opus::new(config.unwrap_or_default(), container)
            .ok_or_else(|| refused("Opus with more than two channels".to_owned()))?;
        let span = extent.span(track, OPUS_RATE).unwrap_or_else(|| Span::from_frame(opus.run_in()));
        return Ok(Some(picked(Engine::Opus(Box::new(opus)), span)));
    }
    if codec == Codec::Aac
        && let Some(found) = unplayable_aac(config, parameters.channels.as_ref().map(Channels::count))
    {
        return Err(refused(found).into());
    }
    let span = extent.span(track, parameters.sample_rate.unwrap_or(0)).unwrap_or_default();
    // An MP3 without a LAME tag has its length guessed from its bit rate, which is no reason to cut it.
    let options = AudioDecoderOptions::default().gapless(codec != Codec::Mp3);
    let made = guarded(container, || get_codecs().make_audio_decoder(parameters, &options))?;
    let decoder = made.map_err(|fault| {
        unreadable(container, fault, || AudioError::Headers { container: container_name(container) })
    })?;
    let engine = match codec {
        Codec::Aac => Engine::Aac(decoder, aac::Unannounced::default()),
        _ => Engine::Library(decoder),
    };
    Ok(Some(picked(engine, span)))
}

/// The name of AAC that is not decoded.
fn unplayable_aac(config: Option<&[u8]>, channels: Option<usize>) -> Option<String> {
    config.and_then(aac::announced).or_else(|| {
        let channels = channels.filter(|channels| *channels > 2)?;
        Some(aac::surround(u32::try_from(channels).unwrap_or(u32::MAX)))
    })
}

/// Our name of a codec, or the name of one that is not decoded.
fn codec_of(codec: AudioCodecId) -> Result<Codec, &'static str> {
    Ok(match codec {
        id::CODEC_ID_PCM_S16LE => Codec::PcmS16Le,
        id::CODEC_ID_PCM_F32LE => Codec::PcmF32Le,
        id::CODEC_ID_ADPCM_MS | id::CODEC_ID_ADPCM_IMA_WAV | id::CODEC_ID_ADPCM_IMA_QT => Codec::Adpcm,
        id::CODEC_ID_FLAC => Codec::Flac,
        id::CODEC_ID_ALAC => Codec::Alac,
        id::CODEC_ID_MP1 | id::CODEC_ID_MP2 | id::CODEC_ID_MP3 => Codec::Mp3,
        id::CODEC_ID_AAC => Codec::Aac,
        id::CODEC_ID_VORBIS => Codec::Vorbis,
        id::CODEC_ID_OPUS => Codec::Opus,
        id::CODEC_ID_SPEEX => return Err("Speex audio"),
        id::CODEC_ID_AC3 | id::CODEC_ID_EAC3 | id::CODEC_ID_AC4 | id::CODEC_ID_TRUEHD => return Err("Dolby audio"),
        id::CODEC_ID_DCA => return Err("DTS audio"),
        id::CODEC_ID_WMA => return Err("Windows Media audio"),
        id::CODEC_ID_ADPCM_G722 | id::CODEC_ID_ADPCM_G726 | id::CODEC_ID_ADPCM_G726LE => return Err("G.72x ADPCM"),
        id::CODEC_ID_WAVPACK => return Err("WavPack audio"),
        id::CODEC_ID_TTA => return Err("True Audio (TTA)"),
        other if get_codecs().get_audio_decoder(other).is_some() => Codec::OtherPcm,
        _ => return Err("an audio codec of unknown kind"),
    })
}
