//! Where the state is kept: a folder of this machine, or a database and a bucket that workers on other machines share.
use std::path::Path;

use voiceclone_core::{Result, engine::EngineBuilder, id::OwnerId};
use voiceclone_store::{ObjectBlobStore, SqliteStore};

use crate::failure::Failure;

/// Stores that several machines share. Both or none.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct SharedArgs {
    #[arg(long, value_name = "URL", env = "VOICECLONE_DATABASE_URL", hide_env_values = true, requires = "storage")]
    #[arg(help = "Keep records and jobs in this PostgreSQL instead of the state folder, for workers on any machine: \
        postgres://user@host/database. A password is better kept in the environment than given here")]
    pub(crate) database: Option<String>,
    #[arg(long, value_name = "URL", env = "VOICECLONE_STORAGE_URL", requires = "database")]
    #[arg(help = "Keep recordings and speech there, with it: s3://bucket/prefix, its keys in AWS_ACCESS_KEY_ID and \
        AWS_SECRET_ACCESS_KEY, its server in AWS_ENDPOINT_URL if it is not Amazon's")]
    pub(crate) storage: Option<String>,
    /// Whose records these are; two manifests over the same stores need two names
    #[arg(long, value_name = "NAME", default_value = "batch")]
    pub(crate) owner: String,
}

/// Open stores, to be closed in the end.
#[derive(Debug)]
pub(crate) enum Stores {
    Folder {
        blobs: ObjectBlobStore,
        records: SqliteStore,
    },
    #[cfg(feature = "shared")]
    Shared {
        blobs: ObjectBlobStore,
        ledger: voiceclone_store::LedgerBlobs,
        records: voiceclone_store::PostgresStore,
    },
}

impl SharedArgs {
    pub(crate) fn owner(&self) -> Result<OwnerId> {
        OwnerId::new(&self.owner)
    }

    /// The shared stores if there are any, else those in `dir`.
    pub(crate) async fn open(&self, dir: &Path) -> Result<Stores, Failure> {
        match (&self.database, &self.storage) {
            (Some(database), Some(storage)) => Stores::shared(database, storage).await,
            _ => Ok(Stores::Folder {
                blobs: ObjectBlobStore::filesystem(dir.join("blobs")).await?,
                records: SqliteStore::open(dir.join("voiceclone.sqlite")).await?,
            }),
        }
    }
}

impl Stores {
    #[cfg(feature = "shared")]
    async fn shared(database: &str, storage: &str) -> Result<Self, Failure> {
        voiceclone_store::PostgresStore::migrate(database).await?;
        let records = voiceclone_store::PostgresStore::connect(database).await?;
        let blobs = ObjectBlobStore::from_url(storage).await?;
        let ledger = records.ledger(blobs.clone()).await?;
        Ok(Self::Shared { blobs, ledger, records })
    }

    #[cfg(not(feature = "shared"))]
    #[expect(clippy::unused_async, reason = "the other build has to connect")]
    async fn shared(_: &str, _: &str) -> Result<Self, Failure> {
        let message = "this build knows no PostgreSQL and no S3: build voiceclone-batch with --features shared";
        Err(Failure::Usage(message.to_owned()))
    }

    pub(crate) fn plug_into(&self, engine: EngineBuilder) -> EngineBuilder {
        match self {
            Self::Folder { blobs, records } => {
                engine.blobs(blobs.clone()).catalog(records.clone()).jobs(records.clone())
            }
            #[cfg(feature = "shared")]
            Self::Shared { ledger, records, .. } => {
                engine.blobs(ledger.clone()).catalog(records.clone()).jobs(records.clone())
            }
        }
    }

    /// Waits for what the stores still do.
    pub(crate) async fn close(self) {
        match self {
            Self::Folder { blobs, records } => {
                blobs.close().await;
                records.close().await;
            }
            #[cfg(feature = "shared")]
            Self::Shared { blobs, records, .. } => {
                blobs.close().await;
                records.close().await;
            }
        }
    }
}
