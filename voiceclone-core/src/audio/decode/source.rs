//! The parser and the codec behind guards: one packet at a time, a panic of theirs is an error of ours.
//!
//! The reader is chosen by [`sniff`](super::super::sniff) and never guessed by the library. This module knows symphonia
//! and nothing of limits.
use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
};

use symphonia::{
    core::{
        codecs::{
            CodecParameters,
            audio::{AudioCodecId, AudioDecoder, AudioDecoderOptions, well_known as id},
        },
        errors::{Error as Fault, Result as Outcome},
        formats::{FormatOptions, FormatReader, Track},
        io::{MediaSourceStream, MediaSourceStreamOptions},
        packet::Packet,
    },
    default::{formats as readers, get_codecs},
};

use super::{
    allowance::{Allowance, MAX_HEAD},
    input::Input,
    mp4,
    opus::{OPUS_RATE, Opus},
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
const MAX_PACKET_FRAMES: u64 = 1 << 20;

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
    codec: Codec,
    track: u32,
    reader: Box<dyn FormatReader>,
    engine: Engine,
}

enum Engine {
    Library(Box<dyn AudioDecoder>),
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
        let input = |bytes, allowance: &Allowance| {
            Input::new(bytes, body.len(), container, offset, allowance.clone()).map_err(spool_failed)
        };
        let mut allowance = Allowance::default();
        let first = input(bytes, &allowance)?;
        let mut opened = guarded(container, || open_reader(container, first))?;
        if opened.is_err() && container == Container::Webm && !allowance.is_spent() {
            // A cut WebM file says it is longer than it is; read as a live stream, it gives what is there.
            allowance = Allowance::default();
            let again = input(body.reader()?, &allowance)?.unbounded();
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
        let (track, codec, engine) = pick_track(container, &*reader, &entries)?;
        Ok(Self { container, codec, track, reader, engine })
    }

    /// How the samples are encoded.
    pub(super) fn codec(&self) -> Codec {
        self.codec
    }

    /// Reads and decodes one packet; samples are put into `out`, interleaved.
    pub(super) fn step(&mut self, out: &mut Vec<f32>) -> Result<Step> {
        out.clear();
        let packet = match guarded(self.container, || self.reader.next_packet())? {
            Ok(Some(packet)) if packet.track_id == self.track => packet,
            Ok(Some(_)) => return Ok(Step::Empty),
            Ok(None) => return Ok(Step::End { cut: false }),
            Err(Fault::IoError(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return Ok(Step::End { cut: true });
            }
            Err(Fault::IoError(error)) if error.raw_os_error().is_some() => return Err(spool_failed(error)),
            Err(Fault::ResetRequired) => return self.restart(),
            Err(_) => return Ok(Step::Damaged),
        };
        if packet.data.len() > MAX_PACKET {
            return Ok(Step::Damaged);
        }
        let shape = guarded(self.container, || self.engine.decode(self.container, &packet, out))?;
        Ok(match shape {
            Some(_) if out.is_empty() => Step::Empty,
            Some((rate, channels)) => Step::Block { rate, channels },
            None => Step::Damaged,
        })
    }

    fn restart(&mut self) -> Result<Step> {
        (self.track, self.codec, self.engine) = pick_track(self.container, &*self.reader, &[])?;
        Ok(Step::Restarted)
    }
}

impl Engine {
    /// Samples of one packet into `out`, with their rate and channel count; `None` if it is damaged.
    fn decode(&mut self, container: Container, packet: &Packet, out: &mut Vec<f32>) -> Option<(u32, usize)> {
        match self {
            Self::Library(decoder) => {
                let buffer = decoder.decode(packet).ok()?;
                buffer.copy_to_vec_interleaved(out);
                Some((buffer.spec().rate(), buffer.spec().channels().count()))
            }
            Self::Opus(opus) => {
                // Only Ogg says how much of the last packet is padding, in frames.
                let padding = if container == Container::Ogg { packet.trim_end.get() } else { 0 };
                let sound = opus.decode(&packet.data, usize::try_from(padding).unwrap_or(usize::MAX), out);
                sound.then_some((OPUS_RATE, opus.channels()))
            }
        }
    }
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

type Picked = (u32, Codec, Engine);

/// The first audio track that can be decoded, or the best reason why there is none.
fn pick_track(container: Container, reader: &dyn FormatReader, entries: &[[u8; 4]]) -> Result<Picked> {
    let mut refused = None;
    for track in reader.tracks() {
        match open_track(container, track) {
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

fn open_track(container: Container, track: &Track) -> Result<Option<Picked>> {
    let Some(CodecParameters::Audio(parameters)) = &track.codec_params else { return Ok(None) };
    let name = container_name(container);
    let refused = |codec: String| AudioError::Codec { container: name, codec };
    let codec = codec_of(parameters.codec).map_err(|codec| refused(codec.to_owned()))?;
    let headers = parameters.extra_data.as_deref().unwrap_or_default();
    let hostile = parameters.max_frames_per_packet.is_some_and(|frames| frames > MAX_PACKET_FRAMES)
        || codec == Codec::Vorbis && vorbis::asks_too_much(headers);
    if hostile {
        return Err(AudioError::Bomb { container: name }.into());
    }
    if codec == Codec::Opus {
        let opus =
            Opus::new(headers, container).ok_or_else(|| refused("Opus with more than two channels".to_owned()))?;
        return Ok(Some((track.id, codec, Engine::Opus(Box::new(opus)))));
    }
    let made = guarded(container, || get_codecs().make_audio_decoder(parameters, &AudioDecoderOptions::default()))?;
    let decoder = made.map_err(|fault| {
        unreadable(container, fault, || match codec {
            // "aac too complex" is all the library says about both.
            Codec::Aac => refused("HE-AAC or AAC of more than two channels".to_owned()),
            _ => AudioError::Headers { container: name },
        })
    })?;
    Ok(Some((track.id, codec, Engine::Library(decoder))))
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
