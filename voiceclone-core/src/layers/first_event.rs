//! Waiting for the first event of a stream: until it is there nobody has heard anything, and another attempt is allowed.
use futures_util::{StreamExt as _, stream};

use crate::{
    error::{Error, Result},
    stream::SynthesisStream,
};

/// The same stream once its first event is there, or the error that came instead.
pub(super) async fn begun(mut speech: SynthesisStream) -> Result<SynthesisStream> {
    match speech.next().await {
        Some(Ok(first)) => Ok(speech.wrapped(|rest| stream::iter([Ok(first)]).chain(rest))),
        Some(Err(error)) => Err(error),
        None => Err(Error::unexpected("the stream had been read to its end before")),
    }
}
