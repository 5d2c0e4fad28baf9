//! The tables and their history, compiled in. Adds to `migrations/postgres/`; never edits what was released.
//!
//! Old and new processes work side by side while a new version is rolled out, so the tables change in two steps. A
//! migration that *expands* only adds what old code can ignore; it may be applied before the new code runs. A migration that
//! *contracts* takes away what only old code needs; it raises `voiceclone.compatibility.oldest_version` and comes in a later
//! release, when no old process is left. So code works with newer tables as long as it is not older than that.
use sqlx::{
    Connection as _, PgConnection, SqlSafeStr as _,
    migrate::{Migration, MigrationType, Migrator},
    postgres::PgConnectOptions,
};
use voiceclone_core::{Error, ErrorKind, Result};

use super::{link::Link, rows, sql};
use crate::error;

/// Ours alone, since the application may keep its own tables and migrations in the same database.
const HISTORY: &str = "voiceclone.migrations";
/// Any number, as long as it stays the same: who migrates holds the lock of it.
const LOCK: i64 = 0x766f_6963_6563_6c6f;

const FILES: [(i64, &str, &str); 1] =
    [(1, "records and jobs", include_str!("../../migrations/postgres/0001_records_and_jobs.sql"))];

/// The newest version of the tables that this code knows.
fn newest_known() -> i64 {
    FILES.iter().map(|(version, ..)| *version).max().unwrap_or_default()
}

fn migrator() -> Migrator {
    let migrations = FILES.into_iter().map(|(version, name, sql)| {
        Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
    });
    let mut migrator = Migrator::with_migrations(migrations.collect());
    migrator.dangerous_set_table_name(HISTORY);
    // The transaction's lock does it, which a pool of transactions does not lose.
    migrator.set_locking(false);
    migrator.set_ignore_missing(true);
    migrator
}

/// Applies what is missing, in one transaction that also keeps other processes out. It has a connection of its own, which is
/// closed if this is dropped: nobody gets a connection that is still in the transaction.
pub(super) async fn run(connect: &PgConnectOptions) -> Result<()> {
    let mut connection = PgConnection::connect_with(connect).await.map_err(error::postgres)?;
    let mut transaction = connection.begin().await.map_err(error::postgres)?;
    let lock = sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(LOCK);
    lock.execute(&mut *transaction).await.map_err(error::postgres)?;
    // Whoever may not make schemas may still have been given this one, so it is made only if it is missing.
    let missing = sqlx::query_scalar("SELECT to_regnamespace('voiceclone') IS NULL");
    if missing.fetch_one(&mut *transaction).await.map_err(error::postgres)? {
        sqlx::query("CREATE SCHEMA voiceclone").execute(&mut *transaction).await.map_err(error::postgres)?;
    }
    migrator().run_direct(None, &mut *transaction, false).await.map_err(error::postgres_migration)?;
    transaction.commit().await.map_err(error::postgres)?;
    connection.close().await.map_err(error::postgres)
}

/// Whether this code can work with the tables as they are.
pub(super) async fn check(link: &Link) -> Result<()> {
    let found = link.run(sqlx::query(sql::VERSIONS)).await?;
    let row = found.first().ok_or_else(|| Error::unexpected("the database does not say which tables it has"))?;
    let (newest, oldest) = (rows::get(row, "newest")?, rows::get::<Option<i64>>(row, "oldest")?);
    compare(newest_known(), newest, oldest.unwrap_or_default())
}

/// `known` by this code; `newest` applied; `oldest` that code may know.
fn compare(known: i64, newest: i64, oldest: i64) -> Result<()> {
    let message = if newest < known {
        format!("the database's tables are of version {newest} and this library needs {known}: run migrate")
    } else if oldest > known {
        format!("the database's tables need a library that knows version {oldest}, and this one knows {known}")
    } else {
        return Ok(());
    };
    Err(Error::new(ErrorKind::Config, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_works_with_its_own_tables_and_with_newer_ones_that_only_added() {
        assert!(compare(3, 3, 1).is_ok() && compare(3, 5, 3).is_ok());
        let older = compare(3, 2, 1).unwrap_err();
        assert!(older.message().contains("version 2") && older.message().contains("needs 3"), "{older}");
        let newer = compare(3, 5, 4).unwrap_err();
        assert!(newer.message().contains("version 4") && newer.message().contains("knows 3"), "{newer}");
    }
}
