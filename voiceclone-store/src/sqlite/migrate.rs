//! The tables and their history, compiled in. Adds to `migrations/sqlite/`; never edits what was released.
use sqlx::{
    SqlSafeStr as _, SqlitePool,
    migrate::{Migration, MigrationType, Migrator},
};
use voiceclone_core::Result;

use crate::error;

/// Ours alone, since the application may keep its own tables and migrations in the same file.
const HISTORY: &str = "voiceclone_migrations";

fn migrator() -> Migrator {
    let files = [
        (1, "records and jobs", include_str!("../../migrations/sqlite/0001_records_and_jobs.sql")),
        (2, "crashes, blobs, outbox", include_str!("../../migrations/sqlite/0002_crashes_blobs_outbox.sql")),
    ];
    let migrations = files.into_iter().map(|(version, name, sql)| {
        Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
    });
    let mut migrator = Migrator::with_migrations(migrations.collect());
    migrator.dangerous_set_table_name(HISTORY);
    migrator
}

/// Applies what is missing, in one transaction that also keeps other processes out. Dropping it drops the pool that it
/// was given, so no connection stays in the transaction.
pub(super) async fn run(writer: &SqlitePool) -> Result<()> {
    let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await.map_err(error::sql)?;
    migrator().run_direct(None, &mut *transaction, false).await.map_err(error::migration)?;
    transaction.commit().await.map_err(error::sql)
}
