//! What an operator may set about a blob store, checked before anything is opened.
use std::{fmt, time::Duration};

use voiceclone_core::Result;

use super::{
    ObjectBlobStore,
    credentials::Credentials,
    place::{Cloud, Place, config},
};

/// Opens an [`ObjectBlobStore`] at a URL. Made by [`ObjectBlobStore::builder`].
///
/// | URL | feature | is |
/// | --- | --- | --- |
/// | `s3://bucket/prefix` | `s3` | S3, or a server that speaks its protocol and is named by [`endpoint`](Self::endpoint) |
/// | `gs://bucket/prefix` | `gcs` | Google Cloud Storage |
/// | `az://container/prefix` | `azure` | Azure Blob Storage |
/// | `file:///directory` | `fs` | [`ObjectBlobStore::filesystem`] |
/// | `memory://` | none | for trials: gone with the process |
///
/// The bucket must exist. A prefix is segments as in a [`BlobKey`](voiceclone_core::store::BlobKey); several
/// applications may share a bucket under prefixes of their own, of which none is below another.
///
/// **Credentials** are given with [`credentials`](Self::credentials), or the environment has them: `AWS_*` (keys, region,
/// endpoint, web identity, container and instance roles, which are renewed), `GOOGLE_*`, `AZURE_*`, as `object_store` reads
/// them. With credentials given, the environment is not read at all.
///
/// **TLS** is rustls with ring, which is installed if the process has chosen nothing else; servers are known by the
/// certificates of this machine (`SSL_CERT_FILE` names others, such as those of a private authority).
///
/// **Checksums**: S3 is sent a SHA-256 with every object and part, and keeps nothing that does not match it.
///
/// **Refusing to replace** is not presumed of any bucket: see [`ObjectBlobStore::with_create_only`].
///
/// ```
/// # #[cfg(feature = "s3")]
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// use std::time::Duration;
/// use voiceclone_store::{Credentials, ObjectBlobStore};
///
/// let blobs = ObjectBlobStore::builder("s3://voices/production")?
///     .region("eu-central-1")
///     .credentials(Credentials::s3("AKIDEXAMPLE", "wJalrXUtnFEMI"))
///     .request_timeout(Duration::from_secs(60))
///     .build()
///     .await?;
///
/// // A server of one's own that speaks S3.
/// let minio = ObjectBlobStore::builder("s3://voices")?
///     .endpoint("http://127.0.0.1:9000")
///     .credentials(Credentials::s3("minio", "minio-secret"))
///     .build()
///     .await?;
/// # drop((blobs, minio));
/// # Ok::<(), voiceclone_core::Error>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # What a killed process leaves
/// A put that fails or is dropped takes back the parts it wrote. A process that is killed cannot: parts of an unfinished
/// upload stay in the bucket, unseen by any list of objects, and are paid for. `object_store` cannot list them, so the
/// bucket has to clear them away itself. For S3 save this as `lifecycle.json` and run
/// `aws s3api put-bucket-lifecycle-configuration --bucket voices --lifecycle-configuration file://lifecycle.json`:
///
/// ```json
/// {
///   "Rules": [
///     {
///       "ID": "abort-unfinished-uploads",
///       "Status": "Enabled",
///       "Filter": { "Prefix": "" },
///       "AbortIncompleteMultipartUpload": { "DaysAfterInitiation": 1 }
///     },
///     {
///       "ID": "remove-what-was-staged",
///       "Status": "Enabled",
///       "Filter": { "Prefix": ".staging/" },
///       "Expiration": { "Days": 1 }
///     }
///   ]
/// }
/// ```
///
/// The second rule matters only under [`with_create_only`](ObjectBlobStore::with_create_only), which writes long bodies
/// below `.staging/` first; its prefix begins with that of the URL (`production/.staging/`). Google has the same rule as
/// `AbortIncompleteMultipartUpload`; Azure drops uncommitted blocks after a week by itself.
#[derive(Clone)]
pub struct ObjectBlobStoreBuilder {
    place: Place,
    settings: Settings,
}

/// What was set, and the defaults of the rest.
#[derive(Clone)]
#[cfg_attr(not(feature = "_http"), allow(dead_code, reason = "without a cloud the settings are only refused"))]
pub(super) struct Settings {
    pub(super) endpoint: Option<String>,
    pub(super) allow_http: bool,
    pub(super) region: Option<String>,
    pub(super) virtual_hosted: bool,
    pub(super) checksums: bool,
    credentials: Option<Credentials>,
    pub(super) request_timeout: Option<Duration>,
    pub(super) connect_timeout: Option<Duration>,
    pub(super) max_retries: usize,
    pub(super) retry_timeout: Duration,
    /// The names of what was set: what would do nothing is refused.
    said: Vec<&'static str>,
}

impl Settings {
    /// True if credentials were given, and with them everything else.
    #[cfg(feature = "_http")]
    pub(super) const fn is_explicit(&self) -> bool {
        self.credentials.is_some()
    }

    #[cfg(feature = "_http")]
    pub(super) fn keys(&self) -> Option<&super::credentials::Keys> {
        self.credentials.as_ref().map(|credentials| &credentials.0)
    }
}

const EVERY_CLOUD: [&str; 7] =
    ["endpoint", "allow_http", "credentials", "request_timeout", "connect_timeout", "max_retries", "retry_timeout"];

impl ObjectBlobStoreBuilder {
    pub(super) fn new(url: &str) -> Result<Self> {
        let settings = Settings {
            endpoint: None,
            allow_http: false,
            region: None,
            virtual_hosted: false,
            checksums: true,
            credentials: None,
            request_timeout: None,
            connect_timeout: None,
            max_retries: 5,
            retry_timeout: Duration::from_mins(1),
            said: Vec::new(),
        };
        Ok(Self { place: Place::parse(url)?, settings })
    }

    fn set(mut self, name: &'static str, set: impl FnOnce(&mut Settings)) -> Self {
        set(&mut self.settings);
        self.settings.said.push(name);
        self
    }

    /// Who to talk to instead of the cloud itself: the URL of a server that speaks its protocol.
    #[must_use]
    pub fn endpoint(self, endpoint: impl Into<String>) -> Self {
        self.set("endpoint", |s| s.endpoint = Some(endpoint.into()))
    }

    /// Takes an endpoint without TLS that is not on this machine. Recordings are then readable on the way.
    #[must_use]
    pub fn allow_http(self) -> Self {
        self.set("allow_http", |s| s.allow_http = true)
    }

    /// S3's region; `us-east-1` unless set here or by the environment. Servers of one's own mostly do not mind.
    #[must_use]
    pub fn region(self, region: impl Into<String>) -> Self {
        self.set("region", |s| s.region = Some(region.into()))
    }

    /// Names the bucket in the host (`https://bucket.s3.example.com/key`) instead of in the path
    /// (`https://s3.example.com/bucket/key`). The [`endpoint`](Self::endpoint) is named without the bucket.
    #[must_use]
    pub fn virtual_hosted(self) -> Self {
        self.set("virtual_hosted", |s| s.virtual_hosted = true)
    }

    /// Sends no checksums, for servers that speak S3 and refuse them.
    #[must_use]
    pub fn without_checksums(self) -> Self {
        self.set("without_checksums", |s| s.checksums = false)
    }

    /// The keys to the bucket, instead of what the environment has.
    #[must_use]
    pub fn credentials(self, credentials: Credentials) -> Self {
        self.set("credentials", |s| s.credentials = Some(credentials))
    }

    /// How long one request may take, its body included: 30 s. A put sends up to 8 MiB in one request; a get that takes
    /// longer is resumed where it stopped.
    #[must_use]
    pub fn request_timeout(self, timeout: Duration) -> Self {
        self.set("request_timeout", |s| s.request_timeout = Some(timeout))
    }

    /// How long a connection may take to be made: 5 s.
    #[must_use]
    pub fn connect_timeout(self, timeout: Duration) -> Self {
        self.set("connect_timeout", |s| s.connect_timeout = Some(timeout))
    }

    /// How often a request is repeated that may be: 5 times, with growing pauses.
    #[must_use]
    pub fn max_retries(self, retries: usize) -> Self {
        self.set("max_retries", |s| s.max_retries = retries)
    }

    /// After how long a request is not repeated any more: 1 min.
    #[must_use]
    pub fn retry_timeout(self, timeout: Duration) -> Self {
        self.set("retry_timeout", |s| s.retry_timeout = timeout)
    }

    /// Opens the store. A bucket is not asked for anything yet: whether it exists and lets us in shows at the first use.
    ///
    /// # Errors
    /// `Config` for settings that contradict each other or do nothing at this URL, for a feature that is off, and for a
    /// directory or credentials that cannot be read.
    #[cfg_attr(
        not(any(feature = "fs", feature = "_http")),
        allow(clippy::unused_async, reason = "memory alone has nothing to wait for")
    )]
    pub async fn build(self) -> Result<ObjectBlobStore> {
        self.check()?;
        match self.place {
            #[cfg(feature = "fs")]
            Place::Directory(dir) => ObjectBlobStore::filesystem(dir).await,
            #[cfg(not(feature = "fs"))]
            Place::Directory(_) => Err(config("blobs in a directory need the feature fs of voiceclone-store")),
            Place::Memory => {
                let memory = object_store::memory::InMemory::new();
                Ok(ObjectBlobStore::new(std::sync::Arc::new(memory)).with_create_only().with_media_types())
            }
            #[cfg(feature = "_http")]
            Place::Bucket { cloud, bucket, prefix } => {
                let (settings, name) = (self.settings, bucket.clone());
                let opened = tokio::task::spawn_blocking(move || super::cloud::open(cloud, &bucket, &settings)).await;
                let opened = opened.unwrap_or_else(|e| Err(config("a bucket could not be opened").with_source(e)));
                let (store, signer) = opened?;
                Ok(ObjectBlobStore::of_bucket(store, &name, prefix, signer))
            }
            #[cfg(not(feature = "_http"))]
            Place::Bucket { cloud, .. } => Err(feature_is_off(cloud)),
        }
    }

    fn check(&self) -> Result<()> {
        let settings = &self.settings;
        let cloud = if let Place::Bucket { cloud, .. } = &self.place { Some(*cloud) } else { None };
        let has_effect = |name: &&&'static str| match cloud {
            Some(Cloud::S3) => true,
            Some(_) => EVERY_CLOUD.contains(*name),
            None => false,
        };
        if let Some(idle) = settings.said.iter().find(|name| !has_effect(name)) {
            return Err(config(format!("{idle} does nothing at {}", self.place)));
        }
        if let (Some(cloud), Some(keys)) = (cloud, &settings.credentials)
            && keys.cloud() != cloud
        {
            return Err(config(format!("the credentials are of {}, not of {}", keys.cloud().scheme(), self.place)));
        }
        let timeouts = [settings.request_timeout, settings.connect_timeout];
        if timeouts.into_iter().flatten().any(|timeout| timeout < Duration::from_millis(1)) {
            return Err(config("a timeout is at least 1 ms"));
        }
        Ok(())
    }
}

impl fmt::Debug for ObjectBlobStoreBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ObjectBlobStoreBuilder({}, set: {:?})", self.place, self.settings.said)
    }
}

/// The feature that opens this cloud's buckets is not compiled in.
#[cfg(not(all(feature = "s3", feature = "gcs", feature = "azure")))]
pub(super) fn feature_is_off(cloud: Cloud) -> voiceclone_core::Error {
    let feature = match cloud {
        Cloud::S3 => "s3",
        Cloud::Gcs => "gcs",
        Cloud::Azure => "azure",
    };
    config(format!("buckets at {}:// need the feature {feature} of voiceclone-store", cloud.scheme()))
}
