//! The rules of [`Marker`], one case each.
use std::{sync::Arc, time::Duration};

use super::{
    Case,
    check::{Checked, cases, ensure, ensure_eq, ensure_kind, in_time},
    fakes::voice_like,
};
use crate::{
    audio::{AudioBody, AudioFormat, Codec, Container, DecodeLimits, EncodedAudio, Pcm, decode, encode},
    error::{ErrorKind, Result},
    id::ConsentId,
    mark::{MarkedAudio, Marker, Provenance},
};

/// What a mark says, read by whoever can read it.
pub type ReadMark = fn(AudioBody) -> futures_util::future::BoxFuture<'static, Result<Option<Provenance>>>;

/// A marker to try the rules on.
#[derive(Debug, Clone)]
pub struct MarkerFixture {
    marker: Arc<dyn Marker>,
    keeps_samples: bool,
    read: Option<ReadMark>,
}

impl MarkerFixture {
    /// The rules are tried on `marker`.
    pub fn new(marker: impl Marker) -> Self {
        Self { marker: Arc::new(marker), keeps_samples: false, read: None }
    }

    /// It marks beside the samples and does not change one of them.
    #[must_use]
    pub fn keeps_samples(mut self) -> Self {
        self.keeps_samples = true;
        self
    }

    /// Its marks can be read so.
    #[must_use]
    pub fn read_by(mut self, read: ReadMark) -> Self {
        self.read = Some(read);
        self
    }

    async fn mark(&self, audio: &EncodedAudio, provenance: &Provenance) -> Checked<MarkedAudio> {
        Ok(in_time("a marking", self.marker.mark(audio.clone(), provenance)).await??)
    }
}

/// Three seconds in each container that finished speech can have.
fn speech() -> Result<Vec<EncodedAudio>> {
    let wav = voice_like(Duration::from_secs(3), 24_000)?;
    let flac = encode(&samples(&wav)?, Container::Flac)?;
    let opus = encode(&samples(&wav)?, Container::Ogg)?;
    Ok(vec![wav, flac, opus])
}

fn samples(audio: &EncodedAudio) -> Result<Pcm> {
    Ok(decode(&audio.body, None, &DecodeLimits::unlimited())?.0)
}

fn provenance() -> Provenance {
    Provenance::of_speech("testkit \"ü\" \\ 語", Some("model".to_owned()), &[ConsentId::new(), ConsentId::new()])
}

/// Every rule of the seam.
pub const CASES: &[Case<MarkerFixture>] = cases![
    marked_audio_is_the_same_kind_and_length,
    marked_audio_sounds_the_same,
    marked_audio_has_the_same_samples needs "keeps_samples" if |f| f.keeps_samples,
    a_mark_says_how_it_was_made,
    a_mark_can_be_read needs "read_by" if |f| f.read.is_some(),
    unmarked_audio_has_no_mark needs "read_by" if |f| f.read.is_some(),
    a_second_mark_replaces_the_first needs "read_by" if |f| f.read.is_some(),
    raw_samples_are_refused,
    bytes_that_are_no_audio_are_refused,
];

/// Makes one test of every rule of [`Marker`](crate::mark::Marker): `marker_conformance!(module, fixture)`, where the
/// fixture is an expression, evaluated anew in async context for every test.
///
/// ```
/// use voiceclone_core::{mark::MetadataMarker, testkit::marker::MarkerFixture};
/// voiceclone_core::marker_conformance!(
///     metadata,
///     MarkerFixture::new(MetadataMarker)
///         .keeps_samples()
///         .read_by(|body| Box::pin(async move { MetadataMarker::read(&body).await }))
/// );
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! marker_conformance {
    ($module:ident, $fixture:expr) => {
        $crate::__conformance_tests!(
            $module,
            $crate::testkit::marker::CASES,
            $fixture,
            [
                marked_audio_is_the_same_kind_and_length,
                marked_audio_sounds_the_same,
                marked_audio_has_the_same_samples,
                a_mark_says_how_it_was_made,
                a_mark_can_be_read,
                unmarked_audio_has_no_mark,
                a_second_mark_replaces_the_first,
                raw_samples_are_refused,
                bytes_that_are_no_audio_are_refused,
            ]
        );
    };
}

async fn marked_audio_is_the_same_kind_and_length(f: MarkerFixture) -> Checked {
    for audio in speech()? {
        let marked = f.mark(&audio, &provenance()).await?;
        ensure_eq((marked.audio().format, marked.audio().duration), (audio.format, audio.duration), "as told")?;
        let (before, after) = (samples(&audio)?, samples(marked.audio())?);
        ensure_eq((after.sample_rate(), after.frames()), (before.sample_rate(), before.frames()), "as found")?;
    }
    Ok(())
}

async fn marked_audio_sounds_the_same(f: MarkerFixture) -> Checked {
    for audio in speech()? {
        let marked = f.mark(&audio, &provenance()).await?;
        let (before, after) = (samples(&audio)?, samples(marked.audio())?);
        let energy = |samples: &mut dyn Iterator<Item = f32>| samples.map(|s| f64::from(s).powi(2)).sum::<f64>();
        let sound = energy(&mut before.samples().iter().copied());
        let change = energy(&mut before.samples().iter().zip(after.samples()).map(|(a, b)| a - b));
        // A mark in the samples of Opus costs a second encoding, which is as audible as the first.
        let (below, least) = if audio.format.codec() == Codec::Opus { (6, 4.0) } else { (30, 1000.0) };
        ensure(change <= sound / least, format!("the mark is less than {below} dB below the speech"))?;
    }
    Ok(())
}

async fn marked_audio_has_the_same_samples(f: MarkerFixture) -> Checked {
    for audio in speech()? {
        let marked = f.mark(&audio, &provenance()).await?;
        let same = samples(marked.audio())? == samples(&audio)?;
        ensure(same, format!("marking changed a sample of {}", audio.format))?;
    }
    Ok(())
}

async fn a_mark_says_how_it_was_made(f: MarkerFixture) -> Checked {
    for audio in speech()? {
        ensure(!f.mark(&audio, &provenance()).await?.how().trim().is_empty(), "the mark does not say how")?;
    }
    Ok(())
}

async fn a_mark_can_be_read(f: MarkerFixture) -> Checked {
    let Some(read) = f.read else { return Ok(()) };
    for audio in speech()? {
        let said = provenance();
        let marked = f.mark(&audio, &said).await?;
        ensure_eq(read(marked.audio().body.clone()).await?, Some(said), "the mark")?;
    }
    Ok(())
}

async fn unmarked_audio_has_no_mark(f: MarkerFixture) -> Checked {
    let Some(read) = f.read else { return Ok(()) };
    for audio in speech()? {
        ensure_eq(read(audio.body).await?, None, "the mark of unmarked audio")?;
    }
    Ok(())
}

async fn a_second_mark_replaces_the_first(f: MarkerFixture) -> Checked {
    let Some(read) = f.read else { return Ok(()) };
    for audio in speech()? {
        let (first, second) = (provenance(), provenance());
        let once = f.mark(&audio, &first).await?;
        let twice = f.mark(once.audio(), &second).await?;
        ensure_eq(read(twice.audio().body.clone()).await?, Some(second), "the second mark")?;
    }
    Ok(())
}

async fn raw_samples_are_refused(f: MarkerFixture) -> Checked {
    let raw = EncodedAudio::new(AudioFormat::raw_s16(24_000)?, Duration::from_secs(1), vec![1; 48_000]);
    ensure_kind(f.marker.mark(raw, &provenance()).await, ErrorKind::Unsupported, "samples without a container")
}

async fn bytes_that_are_no_audio_are_refused(f: MarkerFixture) -> Checked {
    for audio in speech()? {
        let text = EncodedAudio::new(audio.format, audio.duration, b"no audio at all".to_vec());
        ensure(f.marker.mark(text, &provenance()).await.is_err(), "bytes that are no audio were marked")?;
    }
    Ok(())
}
