//! Random operations on each database and on the stores in memory must come to the same.
#![cfg(any(feature = "sqlite", feature = "postgres"))]
#![expect(clippy::unwrap_used, reason = "functions that tests share fail as tests do")]
use voiceclone_core::testkit::model;

#[cfg(feature = "sqlite")]
#[test]
fn sqlite_does_what_the_models_do() {
    model::catalog_model_test(48, async || voiceclone_store::SqliteStore::in_memory().await.unwrap());
    model::job_model_test(48, async || voiceclone_store::SqliteStore::in_memory().await.unwrap());
}

#[cfg(feature = "postgres")]
#[path = "support/postgres.rs"]
mod server;

#[cfg(feature = "postgres")]
mod postgres {
    use super::{model, server};
    use sqlx::{Connection as _, PgConnection};
    use voiceclone_core::testkit::run_on_runtime;
    use voiceclone_store::{PostgresOptions, PostgresStore};

    fn database() -> String {
        let url = server::fresh_database();
        run_on_runtime(PostgresStore::migrate(&url)).unwrap();
        url
    }

    /// The same database for each sequence, without what the sequence before left.
    async fn emptied(url: &str) -> PostgresStore {
        let mut connection = PgConnection::connect(url).await.unwrap();
        let all = "TRUNCATE voiceclone.clone_jobs, voiceclone.job_events, voiceclone.voice_samples, voiceclone.voices";
        sqlx::query(all).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        PostgresOptions::new(url).unwrap().max_connections(2).listen(false).connect().await.unwrap()
    }

    #[test]
    fn the_catalog_does_what_the_model_does() {
        let url = database();
        model::catalog_model_test(32, async || emptied(&url).await);
    }

    #[test]
    fn the_queue_does_what_the_model_does() {
        let url = database();
        model::job_model_test(32, async || emptied(&url).await);
    }
}
