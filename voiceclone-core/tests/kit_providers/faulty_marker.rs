//! A marker with one fault.
use voiceclone_core::{
    ErrorKind, Result, async_trait,
    audio::{Container, DecodeLimits, EncodedAudio, Pcm, decode, encode},
    mark::{MarkedAudio, Marker, MetadataMarker, Provenance},
    testkit::marker::CASES,
};

use super::readable;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    WritesWav,
    DropsTheLastFrame,
    TurnsDown,
    ChangesOneSample,
    DoesNotSayHow,
    WritesNoMark,
    SaysAnotherProvider,
    KeepsTheFirstMark,
    AttestsRawSamples,
    AttestsAnything,
}

#[derive(Debug)]
struct Faulty(Fault);

impl Faulty {
    fn spoil(&self, audio: EncodedAudio) -> EncodedAudio {
        let Ok((pcm, _)) = decode(&audio.body, None, &DecodeLimits::unlimited()) else { return audio };
        let (mut samples, mut container) = (pcm.samples().to_vec(), audio.format.container());
        match self.0 {
            Fault::WritesWav => container = Container::Wav,
            Fault::DropsTheLastFrame => drop(samples.pop()),
            Fault::TurnsDown => samples.iter_mut().for_each(|sample| *sample *= 0.9),
            Fault::ChangesOneSample => samples[7] += 0.001,
            _ => return audio,
        }
        encode(&Pcm::new(samples, pcm.sample_rate(), 1).unwrap(), container).unwrap()
    }
}

#[async_trait]
impl Marker for Faulty {
    async fn mark(&self, audio: EncodedAudio, provenance: &Provenance) -> Result<MarkedAudio> {
        let mut provenance = provenance.clone();
        match self.0 {
            Fault::WritesNoMark => return Ok(MarkedAudio::attest(audio, "nothing")),
            Fault::SaysAnotherProvider => provenance.provider = "somebody".into(),
            Fault::KeepsTheFirstMark if matches!(MetadataMarker::read(&audio.body).await, Ok(Some(_))) => {
                return Ok(MarkedAudio::attest(audio, "metadata"));
            }
            _ => {}
        }
        let audio = self.spoil(audio);
        match MetadataMarker.mark(audio.clone(), &provenance).await {
            Ok(marked) if self.0 == Fault::DoesNotSayHow => Ok(MarkedAudio::attest(marked.audio().clone(), "")),
            Err(e) if self.0 == Fault::AttestsRawSamples && e.kind() == ErrorKind::Unsupported => {
                Ok(MarkedAudio::attest(audio, "nothing"))
            }
            Err(_) if self.0 == Fault::AttestsAnything => Ok(MarkedAudio::attest(audio, "nothing")),
            outcome => outcome,
        }
    }
}

#[test]
fn every_faulty_marker_is_caught() {
    for (fault, case) in [
        (Fault::WritesWav, "marked_audio_is_the_same_kind_and_length"),
        (Fault::DropsTheLastFrame, "marked_audio_is_the_same_kind_and_length"),
        (Fault::TurnsDown, "marked_audio_sounds_the_same"),
        (Fault::ChangesOneSample, "marked_audio_has_the_same_samples"),
        (Fault::DoesNotSayHow, "a_mark_says_how_it_was_made"),
        (Fault::WritesNoMark, "a_mark_can_be_read"),
        (Fault::SaysAnotherProvider, "a_mark_can_be_read"),
        (Fault::KeepsTheFirstMark, "a_second_mark_replaces_the_first"),
        (Fault::AttestsRawSamples, "raw_samples_are_refused"),
        (Fault::AttestsAnything, "bytes_that_are_no_audio_are_refused"),
    ] {
        super::assert_caught(CASES, &format!("{fault:?}"), case, || readable(Faulty(fault)));
    }
}
