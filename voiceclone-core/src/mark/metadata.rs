//! A marker that writes provenance into the container's own metadata. The samples keep their bits.
//!
//! Metadata survives copying and playing and is lost to re-encoding; where that matters, plug in a marker that also
//! changes the samples.
use async_trait::async_trait;

use super::{MarkedAudio, Marker, Provenance};
use crate::{
    audio::{AudioBody, EncodedAudio, blocking, read_tags, write_tags},
    error::{Error, Result},
};

/// What a person reads first in a player that shows the artist.
const NOTICE: &str = "AI-generated speech";

/// Writes [`Provenance`] as tags of WAV (RIFF INFO), FLAC and Ogg Opus (Vorbis comments): a notice for people in `artist`,
/// all of it as JSON in `comment`, the software in `software`.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> voiceclone_core::Result<()> {
/// use voiceclone_core::{audio::{Container, Pcm, encode}, mark::{Marker, MetadataMarker, Provenance}};
/// let audio = encode(&Pcm::new(vec![0.0; 24_000], 24_000, 1)?, Container::Wav)?;
/// let marked = MetadataMarker.mark(audio, &Provenance::of_speech("builtin", None, &[])).await?;
/// let read = MetadataMarker::read(&marked.audio().body).await?;
/// assert_eq!(read.map(|p| p.provider), Some("builtin".to_owned()));
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct MetadataMarker;

impl MetadataMarker {
    /// The provenance that a file carries, if it carries one.
    ///
    /// # Errors
    /// `Unsupported` for a container that this marker does not write; `InvalidInput` for a damaged file.
    pub async fn read(body: &AudioBody) -> Result<Option<Provenance>> {
        let body = body.clone();
        let tags = blocking("read mark", move || read_tags(&body)).await?;
        let comment = tags.iter().find(|(name, _)| name == "comment");
        Ok(comment.and_then(|(_, json)| serde_json::from_str(json).ok()))
    }
}

#[async_trait]
impl Marker for MetadataMarker {
    async fn mark(&self, audio: EncodedAudio, provenance: &Provenance) -> Result<MarkedAudio> {
        let json = serde_json::to_string(provenance)
            .map_err(|e| Error::unexpected("the provenance cannot be written as JSON").with_source(e))?;
        let software = provenance.generator.clone();
        let date = provenance.created_at.format("%Y-%m-%d").to_string();
        let audio = blocking("mark", move || {
            let tags = [("artist", NOTICE.to_owned()), ("comment", json), ("date", date), ("software", software)];
            write_tags(&audio, &tags)
        })
        .await?;
        Ok(MarkedAudio::attest(audio, "metadata"))
    }
}
