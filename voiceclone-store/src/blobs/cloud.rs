//! Opens buckets: what was set, over what the environment says, over the defaults. The only file that knows the clouds
//! apart.
use std::{collections::BTreeMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use object_store::{
    ClientConfigKey, ObjectStore, RetryConfig,
    path::Path,
    signer::{HeaderName, HeaderValue, Method, SignedUrlOptions, Signer},
};
use secrecy::ExposeSecret as _;
use url::{Host, Url};
use voiceclone_core::{Error, Result, store::PutOptions};

use super::{
    builder::Settings,
    place::{Cloud, config},
    presign::{PutHeaders, Sign},
};
use crate::error;

/// A store and who signs for it.
pub(super) type Opened = (Arc<dyn ObjectStore>, Arc<dyn Sign>);

/// Opens a bucket. Reads certificates and files of credentials, so it blocks.
pub(super) fn open(cloud: Cloud, bucket: &str, settings: &Settings) -> Result<Opened> {
    install_arithmetic();
    match cloud {
        #[cfg(feature = "s3")]
        Cloud::S3 => s3(bucket, settings),
        #[cfg(feature = "gcs")]
        Cloud::Gcs => gcs(bucket, settings),
        #[cfg(feature = "azure")]
        Cloud::Azure => azure(bucket, settings),
        #[cfg(not(all(feature = "s3", feature = "gcs", feature = "azure")))]
        off => Err(super::builder::feature_is_off(off)),
    }
}

/// The HTTP client panics where the process has not chosen who does the arithmetic of TLS. A choice that was made stays.
fn install_arithmetic() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Lost to another thread: then there is one.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
}

#[cfg(feature = "s3")]
fn s3(bucket: &str, settings: &Settings) -> Result<Opened> {
    use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey as Key, Checksum, S3CopyIfNotExists};

    let mut builder = if settings.is_explicit() { AmazonS3Builder::new() } else { AmazonS3Builder::from_env() };
    let endpoint = settings.endpoint.clone();
    let endpoint = endpoint.or_else(|| builder.get_config_value(&Key::S3Endpoint));
    let endpoint = endpoint.or_else(|| builder.get_config_value(&Key::Endpoint));
    if let Some(endpoint) = endpoint {
        let mut url = checked_endpoint(&endpoint)?;
        let env_allows = builder.get_config_value(&Key::Client(ClientConfigKey::AllowHttp)).as_deref() == Some("true");
        builder = builder.with_allow_http(may_be_plain(&url, settings.allow_http || env_allows)?);
        if settings.virtual_hosted {
            put_bucket_into_host(&mut url, bucket)?;
        }
        builder = builder.with_config(Key::S3Endpoint, url.as_str().trim_end_matches('/'));
    }
    if settings.virtual_hosted {
        builder = builder.with_virtual_hosted_style_request(true);
    }
    match (settings.checksums, builder.get_config_value(&Key::Checksum)) {
        (false, Some(_)) => return Err(config("checksums are turned off here and on by AWS_CHECKSUM_ALGORITHM")),
        (true, None) => builder = builder.with_checksum_algorithm(Checksum::SHA256),
        _ => {}
    }
    if let Some(region) = &settings.region {
        builder = builder.with_region(region);
    }
    if let Some(super::credentials::Keys::S3 { id, secret, token }) = settings.keys() {
        builder = builder.with_access_key_id(id).with_secret_access_key(secret.expose_secret());
        if let Some(token) = token {
            builder = builder.with_token(token.expose_secret());
        }
    }
    for (key, value) in client(settings) {
        builder = builder.with_config(Key::Client(key), value);
    }
    let opened = builder
        .with_bucket_name(bucket)
        .with_retry(retry(settings))
        // We delete one by one, and not every server knows how to delete many.
        .with_disable_bulk_delete(true)
        .with_copy_if_not_exists(S3CopyIfNotExists::Multipart)
        .build();
    let store = Arc::new(opened.map_err(|e| error::opening(&e))?);
    Ok((
        Arc::clone(&store) as Arc<dyn ObjectStore>,
        Arc::new(HeaderSigner { store, create_only: ("if-none-match", "*") }),
    ))
}

#[cfg(feature = "gcs")]
fn gcs(bucket: &str, settings: &Settings) -> Result<Opened> {
    use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey as Key};

    let mut builder =
        if settings.is_explicit() { GoogleCloudStorageBuilder::new() } else { GoogleCloudStorageBuilder::from_env() };
    if let Some(endpoint) = settings.endpoint.clone().or_else(|| builder.get_config_value(&Key::BaseUrl)) {
        let url = checked_endpoint(&endpoint)?;
        // The client itself must speak plain HTTP to the metadata server, so only this check stands before an endpoint.
        may_be_plain(&url, settings.allow_http)?;
        builder = builder.with_base_url(url.as_str().trim_end_matches('/'));
    }
    if let Some(super::credentials::Keys::Gcs { service_account }) = settings.keys() {
        builder = builder.with_service_account_key(service_account.expose_secret());
    }
    for (key, value) in client(settings) {
        builder = builder.with_config(Key::Client(key), value);
    }
    let opened = builder.with_bucket_name(bucket).with_retry(retry(settings)).build();
    let store = Arc::new(opened.map_err(|e| error::opening(&e))?);
    let create_only = ("x-goog-if-generation-match", "0");
    Ok((Arc::clone(&store) as Arc<dyn ObjectStore>, Arc::new(HeaderSigner { store, create_only })))
}

#[cfg(feature = "azure")]
fn azure(container: &str, settings: &Settings) -> Result<Opened> {
    use object_store::azure::{AzureConfigKey as Key, MicrosoftAzureBuilder};

    let mut builder =
        if settings.is_explicit() { MicrosoftAzureBuilder::new() } else { MicrosoftAzureBuilder::from_env() };
    if let Some(endpoint) = settings.endpoint.clone().or_else(|| builder.get_config_value(&Key::Endpoint)) {
        let url = checked_endpoint(&endpoint)?;
        let env_allows = builder.get_config_value(&Key::Client(ClientConfigKey::AllowHttp)).as_deref() == Some("true");
        builder = builder.with_allow_http(may_be_plain(&url, settings.allow_http || env_allows)?);
        builder = builder.with_endpoint(url.as_str().trim_end_matches('/').to_owned());
    }
    if let Some(super::credentials::Keys::Azure { account, key }) = settings.keys() {
        builder = builder.with_account(account).with_access_key(key.expose_secret());
    }
    for (key, value) in client(settings) {
        builder = builder.with_config(Key::Client(key), value);
    }
    let opened = builder.with_container_name(container).with_retry(retry(settings)).build();
    let store = Arc::new(opened.map_err(|e| error::opening(&e))?);
    Ok((Arc::clone(&store) as Arc<dyn ObjectStore>, Arc::new(QuerySigner { store })))
}

fn retry(settings: &Settings) -> RetryConfig {
    RetryConfig { max_retries: settings.max_retries, retry_timeout: settings.retry_timeout, ..RetryConfig::default() }
}

/// What is to be told to the HTTP client, in its own words.
fn client(settings: &Settings) -> Vec<(ClientConfigKey, String)> {
    let timeouts = [
        (ClientConfigKey::Timeout, settings.request_timeout),
        (ClientConfigKey::ConnectTimeout, settings.connect_timeout),
    ];
    timeouts.into_iter().filter_map(|(key, set)| set.map(|set| (key, format!("{}ms", set.as_millis())))).collect()
}

fn checked_endpoint(endpoint: &str) -> Result<Url> {
    let url = Url::parse(endpoint).map_err(|_| config("an endpoint is a URL such as https://s3.example.com"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(config("an endpoint holds no user and no password: give credentials to the builder"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(config("an endpoint has no query and no fragment"));
    }
    match url.scheme() {
        "http" | "https" if url.host().is_some() => Ok(url),
        _ => Err(config("an endpoint begins with https:// or http://")),
    }
}

/// Whether the client may speak without TLS to this endpoint.
fn may_be_plain(endpoint: &Url, allowed: bool) -> Result<bool> {
    let is_here = match endpoint.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    };
    match endpoint.scheme() {
        "http" if is_here || allowed => Ok(true),
        "http" => Err(config(
            "this endpoint is plain http, which shows every recording to the network: name an https endpoint, or say \
             allow_http",
        )),
        _ => Ok(false),
    }
}

#[cfg(feature = "s3")]
fn put_bucket_into_host(endpoint: &mut Url, bucket: &str) -> Result<()> {
    let Some(Host::Domain(host)) = endpoint.host() else {
        return Err(config("a bucket can be part of a host's name, not of an address: name the endpoint by its host"));
    };
    if host.starts_with(&format!("{bucket}.")) {
        return Ok(());
    }
    let host = format!("{bucket}.{host}");
    endpoint.set_host(Some(&host)).map_err(|_| config("the bucket's name cannot be part of a host's name"))
}

/// Signs as S3 and Google do: headers are part of what is signed.
struct HeaderSigner<S> {
    store: Arc<S>,
    /// What makes a put refuse to replace.
    create_only: (&'static str, &'static str),
}

#[async_trait]
impl<S: Signer> Sign for HeaderSigner<S> {
    async fn url(
        &self,
        method: &'static str,
        path: &Path,
        ttl: Duration,
        headers: &BTreeMap<String, String>,
    ) -> object_store::Result<String> {
        let mut options = SignedUrlOptions::default();
        for (name, value) in headers {
            let name = HeaderName::try_from(name).map_err(unsignable)?;
            options = options.with_signed_header(name, HeaderValue::try_from(value).map_err(unsignable)?);
        }
        self.store.signed_url_opts(verb(method), path, ttl, &options).await.map(String::from)
    }

    fn put_headers(&self, options: &PutOptions) -> Result<PutHeaders> {
        let mut headers = PutHeaders::default();
        headers.signed.extend(content_type(options)?);
        if options.create_only {
            let (name, value) = self.create_only;
            headers.signed.insert(name.to_owned(), value.to_owned());
        }
        Ok(headers)
    }
}

/// Signs as Azure does: the URL alone is signed, so headers are asked for and not enforced.
#[cfg(feature = "azure")]
struct QuerySigner<S> {
    store: Arc<S>,
}

#[cfg(feature = "azure")]
#[async_trait]
impl<S: Signer> Sign for QuerySigner<S> {
    async fn url(
        &self,
        method: &'static str,
        path: &Path,
        ttl: Duration,
        _: &BTreeMap<String, String>,
    ) -> object_store::Result<String> {
        self.store.signed_url(verb(method), path, ttl).await.map(String::from)
    }

    fn put_headers(&self, options: &PutOptions) -> Result<PutHeaders> {
        if options.create_only {
            return Err(Error::unsupported("a URL of this store cannot be bound not to replace"));
        }
        let mut headers = PutHeaders::default();
        headers.plain.insert("x-ms-blob-type".to_owned(), "BlockBlob".to_owned());
        headers.plain.extend(content_type(options)?);
        Ok(headers)
    }
}

fn content_type(options: &PutOptions) -> Result<Option<(String, String)>> {
    let Some(media_type) = &options.media_type else { return Ok(None) };
    HeaderValue::try_from(media_type).map_err(|_| Error::invalid("a media type is one line of plain characters"))?;
    Ok(Some(("content-type".to_owned(), media_type.clone())))
}

fn verb(method: &str) -> Method {
    if method == "PUT" { Method::PUT } else { Method::GET }
}

fn unsignable(e: impl std::error::Error + Send + Sync + 'static) -> object_store::Error {
    object_store::Error::Generic { store: "presign", source: Box::new(e) }
}
