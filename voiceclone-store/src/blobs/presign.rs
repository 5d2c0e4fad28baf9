//! Requests that somebody without credentials may make. Knows how each cloud wants a put to be written, not how it signs.
use std::{collections::BTreeMap, ops::RangeInclusive, sync::Arc, time::Duration};

use async_trait::async_trait;
use object_store::path::Path;
use voiceclone_core::{
    Error, Result,
    store::{PresignedRequest, PutOptions},
};

/// What the clouds agree on.
const TTL: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_hours(7 * 24);

/// Signs for one bucket.
#[async_trait]
pub(super) trait Sign: Send + Sync {
    /// A URL for `method`, which has to come with `headers`.
    async fn url(
        &self,
        method: &'static str,
        path: &Path,
        ttl: Duration,
        headers: &BTreeMap<String, String>,
    ) -> object_store::Result<String>;

    /// What has to come with a put under these options.
    fn put_headers(&self, options: &PutOptions) -> Result<PutHeaders>;
}

/// Headers of a put, by name.
#[derive(Default)]
pub(super) struct PutHeaders {
    /// Bound by the signature: without them the URL is refused.
    pub(super) signed: BTreeMap<String, String>,
    /// What the store asks for besides.
    pub(super) plain: BTreeMap<String, String>,
}

pub(super) async fn get(
    signer: &Arc<dyn Sign>,
    path: &Path,
    ttl: Duration,
    failed: impl Fn(object_store::Error) -> Error,
) -> Result<PresignedRequest> {
    let url = signer.url("GET", path, checked(ttl)?, &BTreeMap::new()).await.map_err(failed)?;
    Ok(PresignedRequest::new("GET", url))
}

pub(super) async fn put(
    signer: &Arc<dyn Sign>,
    path: &Path,
    ttl: Duration,
    options: &PutOptions,
    failed: impl Fn(object_store::Error) -> Error,
) -> Result<PresignedRequest> {
    let PutHeaders { signed, plain } = signer.put_headers(options)?;
    let url = signer.url("PUT", path, checked(ttl)?, &signed).await.map_err(failed)?;
    let mut request = PresignedRequest::new("PUT", url);
    request.headers = signed;
    request.headers.extend(plain);
    Ok(request)
}

fn checked(ttl: Duration) -> Result<Duration> {
    if TTL.contains(&ttl) {
        return Ok(ttl);
    }
    Err(Error::invalid(format!("a URL is good for 1 s to 7 days, not for {ttl:?}")))
}
