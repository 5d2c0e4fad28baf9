//! What a bucket's owner lets us in with. Never shown.
use std::fmt;

use secrecy::SecretString;

use super::place::Cloud;

/// Keys to a bucket. Without them a store takes what its environment gives: see
/// [`ObjectBlobStoreBuilder`](super::ObjectBlobStoreBuilder). `Debug` shows of which kind they are and nothing else.
///
/// ```
/// let keys = voiceclone_store::Credentials::s3("AKIDEXAMPLE", "wJalrXUtnFEMI");
/// assert_eq!(format!("{keys:?}"), "Credentials(s3)");
/// ```
#[derive(Clone)]
pub struct Credentials(pub(super) Keys);

#[derive(Clone)]
#[cfg_attr(
    not(all(feature = "s3", feature = "gcs", feature = "azure")),
    allow(dead_code, reason = "without its feature a cloud's keys are only told to be of the wrong kind")
)]
pub(super) enum Keys {
    S3 { id: String, secret: SecretString, token: Option<SecretString> },
    Gcs { service_account: SecretString },
    Azure { account: String, key: SecretString },
}

impl Credentials {
    /// An access key of S3 or of a server that speaks its protocol.
    pub fn s3(access_key_id: impl Into<String>, secret_access_key: impl Into<String>) -> Self {
        Self(Keys::S3 { id: access_key_id.into(), secret: secret_access_key.into().into(), token: None })
    }

    /// A temporary access key of S3, with its session token. It is used as it is until the store is dropped: where keys
    /// are to be renewed, leave them to the environment.
    pub fn s3_session(
        access_key_id: impl Into<String>,
        secret_access_key: impl Into<String>,
        session_token: impl Into<String>,
    ) -> Self {
        let (id, secret, token) = (access_key_id.into(), secret_access_key.into(), session_token.into());
        Self(Keys::S3 { id, secret: secret.into(), token: Some(token.into()) })
    }

    /// A service account of Google Cloud, as the JSON text of its key.
    pub fn gcs(service_account_json: impl Into<String>) -> Self {
        Self(Keys::Gcs { service_account: service_account_json.into().into() })
    }

    /// A storage account of Azure and its key, in base64.
    pub fn azure(account: impl Into<String>, access_key: impl Into<String>) -> Self {
        Self(Keys::Azure { account: account.into(), key: access_key.into().into() })
    }

    pub(super) const fn cloud(&self) -> Cloud {
        match self.0 {
            Keys::S3 { .. } => Cloud::S3,
            Keys::Gcs { .. } => Cloud::Gcs,
            Keys::Azure { .. } => Cloud::Azure,
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({})", self.cloud().scheme())
    }
}
