//! What can be wrong with audio, each case with what was found and what is accepted, and the one conversion to [`Error`].
use std::time::Duration;

use thiserror::Error as ThisError;

use super::sniff::ACCEPTED_AUDIO;
use crate::error::{Error, ErrorKind, Retry};

/// What is wrong with some audio bytes, or what stopped us from reading them.
#[derive(Debug, ThisError)]
pub(super) enum AudioError {
    #[error("the file is empty (0 bytes); accepted are {ACCEPTED_AUDIO}")]
    Empty,
    #[error("the file has {found} bytes; at most {limit} are accepted")]
    TooManyBytes { found: u64, limit: u64 },
    #[error("this is {found}{}, not audio that can be read; accepted are {ACCEPTED_AUDIO}", sent_as(.declared.as_deref()))]
    NotAudio { found: &'static str, declared: Option<String> },
    #[error("this is {container} with {codec}, which cannot be decoded; accepted are {ACCEPTED_AUDIO}")]
    Codec { container: &'static str, codec: String },
    #[error("this is {container} without an audio track")]
    NoTrack { container: &'static str },
    #[error("this MP4 has no index (moov): it was cut short and is lost; send the whole file or record again")]
    NoIndex,
    #[error("this begins like {container}, but its headers are damaged or cut off")]
    Headers { container: &'static str },
    #[error("this is {container}, but no audio could be decoded from it: the data is missing, cut off or damaged")]
    Nothing { container: &'static str },
    #[error("this is {container}, but {damaged} of its {packets} packets are damaged")]
    Damaged { container: &'static str, damaged: u64, packets: u64 },
    #[error("this is {container} whose format changes from {from} to {to}; one format throughout is accepted")]
    FormatChanges { container: &'static str, from: String, to: String },
    #[error("the recording lasts {:.2} s; at least {:.2} s are accepted", .found.as_secs_f64(), .limit.as_secs_f64())]
    TooShort { found: Duration, limit: Duration },
    #[error("the recording lasts longer than the {:.0} s that are accepted", .limit.as_secs_f64())]
    TooLong { limit: Duration },
    #[error("this {container} file claims more sound than a file of its size can hold")]
    Bomb { container: &'static str },
    #[error("this {container} has more than {limit} bytes of tags, pictures and tables before its sound")]
    LongHead { container: &'static str, limit: u64 },
    #[error("decoding took longer than the {:.0} s it may take", .limit.as_secs_f64())]
    TooSlow { limit: Duration },
    #[error("this {container} file is malformed in a way that stopped the decoder")]
    Panicked { container: &'static str },
    #[error("the audio would have {found} bytes; a WAV file holds at most {limit}")]
    WavFull { found: u64, limit: u64 },
    #[error("a sample rate of {found} Hz cannot be written as FLAC; at most {limit} Hz are accepted")]
    FlacRate { found: u32, limit: u32 },
    #[error(
        "a sample rate of {found} Hz cannot be written as Opus; accepted are 8000, 12000, 16000, 24000 and 48000 Hz"
    )]
    OpusRate { found: u32 },
    #[error("{found} channels cannot be written as Opus; at most {limit} are accepted")]
    OpusChannels { found: u16, limit: u16 },
    #[error("audio cannot be written as {found}; accepted are WAV, FLAC and Ogg (Opus)")]
    CannotWrite { found: &'static str },
    #[error("no audio was written")]
    NothingWritten,
    #[error("{found} samples are no whole frames of {channels} channels")]
    PartialFrame { found: usize, channels: u16 },
    #[error("tags can be kept in WAV, FLAC and Ogg Opus, not in {found}")]
    CannotTag { found: &'static str },
    #[error("the tag name {found:?} is not known; accepted are {accepted}")]
    TagName { found: String, accepted: String },
    #[error("the tag {name:?} is given twice")]
    TagTwice { name: String },
    #[error("the value of the tag {name:?} is empty or holds a zero byte")]
    TagValue { name: String },
    #[error("the tags have {found} bytes; at most {limit} fit")]
    TagsTooLong { found: u64, limit: u64 },
    #[error("the FLAC encoder failed: {0}")]
    Flac(String),
    #[error("the Opus encoder failed: {0}")]
    Opus(String),
}

fn sent_as(declared: Option<&str>) -> String {
    // A name comes from outside: one line of it, and not the whole of a long one.
    let short = |name: &str| name.chars().filter(|c| !c.is_control()).take(80).collect::<String>();
    declared.map(|name| format!(" (sent as {:?})", short(name))).unwrap_or_default()
}

impl From<AudioError> for Error {
    fn from(error: AudioError) -> Self {
        use AudioError as E;
        let message = error.to_string();
        match error {
            E::TooSlow { .. } => Self::new(ErrorKind::Timeout, message).with_retry(Retry::Never),
            E::CannotTag { .. } | E::CannotWrite { .. } => Self::unsupported(message),
            E::Flac(_) | E::Opus(_) => Self::unexpected(message),
            _ => Self::invalid(message),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_from_outside_stays_on_one_short_line() {
        let declared = Some(format!("a\nb{}", "x".repeat(1000)));
        let message = Error::from(AudioError::NotAudio { found: "text", declared }).message().to_owned();
        assert!(message.contains("sent as \"abxxx") && !message.contains('\n') && message.len() < 400, "{message}");
    }

    #[test]
    fn a_decoder_that_is_too_slow_is_not_tried_again() {
        let error = Error::from(AudioError::TooSlow { limit: Duration::from_secs(30) });
        assert_eq!((error.kind(), error.retry()), (ErrorKind::Timeout, Retry::Never));
    }
}
