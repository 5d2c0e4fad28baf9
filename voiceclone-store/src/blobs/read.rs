//! How bytes get out of an object store: those that were asked for and not one less.
use std::ops::Range;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use object_store::GetRange;
use voiceclone_core::{Error, ErrorKind, Result, audio::BoxStream};

/// Servers count in 64 bits with a sign, and refuse what is larger instead of cutting it at the end.
const LARGEST: u64 = i64::MAX as u64;

pub(super) fn as_asked(range: &Range<u64>) -> GetRange {
    if range.end > LARGEST && range.start <= LARGEST {
        GetRange::Offset(range.start)
    } else {
        GetRange::Bounded(range.clone())
    }
}

/// `chunks`, which fail if they are not `announced` bytes in all. A connection that ends early is not always told from an
/// end.
pub(super) fn whole(chunks: BoxStream<Result<Bytes>>, announced: u64) -> BoxStream<Result<Bytes>> {
    stream::unfold((Some(chunks), announced), |(chunks, left)| async move {
        let mut chunks = chunks?;
        match chunks.next().await {
            Some(Ok(chunk)) => match left.checked_sub(chunk.len() as u64) {
                Some(left) => Some((Ok(chunk), (Some(chunks), left))),
                None => Some((Err(wrong("more")), (None, 0))),
            },
            Some(Err(e)) => Some((Err(e), (None, 0))),
            None if left > 0 => Some((Err(wrong("fewer")), (None, 0))),
            None => None,
        }
    })
    .boxed()
}

fn wrong(how: &str) -> Error {
    let message = format!("the object store sent {how} bytes than it announced");
    Error::new(ErrorKind::Unavailable, message).during("get")
}

#[cfg(test)]
mod tests {
    use futures_util::TryStreamExt as _;

    use super::*;

    async fn read(chunks: &[&'static str], announced: u64) -> Result<Vec<Bytes>> {
        let chunks: Vec<_> = chunks.iter().map(|chunk| Ok(Bytes::from_static(chunk.as_bytes()))).collect();
        whole(stream::iter(chunks).boxed(), announced).try_collect().await
    }

    #[tokio::test]
    async fn only_what_was_announced_is_a_success() {
        assert_eq!(read(&["ab", "", "c"], 3).await.unwrap().concat(), b"abc");
        assert_eq!(read(&[], 0).await.unwrap().concat(), b"");
        for (chunks, announced) in [(&["ab"][..], 3), (&["ab", "cd"], 3), (&[], 1)] {
            let error = read(chunks, announced).await.unwrap_err();
            assert!(error.kind() == ErrorKind::Unavailable && error.is_retryable(), "{error}");
        }
    }
}
