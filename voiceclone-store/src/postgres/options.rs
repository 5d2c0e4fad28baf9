//! How a [`PostgresStore`] connects. Keeps the URL's secrets to itself.
use std::{fmt, str::FromStr as _, time::Duration};

use sqlx::postgres::PgConnectOptions;
use voiceclone_core::{Error, ErrorKind, Result};

use super::PostgresStore;

/// Where the database is and how it is used.
///
/// ```
/// use voiceclone_store::PostgresOptions;
/// let options = PostgresOptions::new("postgres://app:secret@db.example/app?sslmode=verify-full")?.max_connections(20);
/// assert!(!format!("{options:?}").contains("secret"));
/// # Ok::<(), voiceclone_core::Error>(())
/// ```
#[derive(Clone)]
pub struct PostgresOptions {
    connect: PgConnectOptions,
    listen_connect: Option<PgConnectOptions>,
    listen: bool,
    pgbouncer: bool,
    pub(super) max_connections: u32,
    pub(super) acquire_timeout: Duration,
    pub(super) statement_timeout: Duration,
    pub(super) poll_interval: Duration,
}

impl PostgresOptions {
    /// The database at `url`, such as `postgres://user:password@host:5432/database?sslmode=verify-full`. TLS is as its
    /// `sslmode` says. At most 10 connections besides the one that listens.
    ///
    /// # Errors
    /// `Config` if it is no such URL. The error does not repeat it.
    pub fn new(url: &str) -> Result<Self> {
        Ok(Self {
            connect: parse(url)?,
            listen_connect: None,
            listen: true,
            pgbouncer: false,
            max_connections: 10,
            acquire_timeout: Duration::from_secs(3),
            statement_timeout: Duration::from_secs(15),
            poll_interval: Duration::from_secs(1),
        })
    }

    /// The most connections at once, besides the one that listens; 10 unless set, and at least 1.
    #[must_use]
    pub fn max_connections(mut self, n: u32) -> Self {
        self.max_connections = n.max(1);
        self
    }

    /// How long a call waits for a connection; 3 s unless set. Longer is `Unavailable`.
    #[must_use]
    pub fn acquire_timeout(mut self, limit: Duration) -> Self {
        self.acquire_timeout = limit;
        self
    }

    /// How long a statement may take; 15 s unless set. Longer is `Timeout`, its connection is closed, and whether it made a
    /// change is not known. The server is told the same limit, unless it is behind `PgBouncer`.
    #[must_use]
    pub fn statement_timeout(mut self, limit: Duration) -> Self {
        self.statement_timeout = limit;
        self
    }

    /// How often followers look for changes that nobody told them of, give or take a quarter; 1 s unless set.
    #[must_use]
    pub fn poll_interval(mut self, interval: Duration) -> Self {
        self.poll_interval = interval;
        self
    }

    /// What the server shows as the name of our sessions; `voiceclone` unless set here or in the URL.
    #[must_use]
    pub fn application_name(mut self, name: &str) -> Self {
        self.connect = self.connect.application_name(name);
        self.listen_connect = self.listen_connect.map(|connect| connect.application_name(name));
        self
    }

    /// Whether to keep a connection that listens for what other processes change; `true` unless set. Without it that is
    /// found by polling only.
    #[must_use]
    pub fn listen(mut self, listen: bool) -> Self {
        self.listen = listen;
        self
    }

    /// Another way to the same database for the connection that listens. Needed behind a `PgBouncer` that pools transactions,
    /// through which nobody can listen.
    ///
    /// # Errors
    /// `Config` if it is no URL of a PostgreSQL database. The error does not repeat it.
    pub fn listen_url(mut self, url: &str) -> Result<Self> {
        self.listen_connect = Some(parse(url)?);
        Ok(self)
    }

    /// The URL leads to a `PgBouncer` that pools transactions: no settings are sent with the connection, and nothing is
    /// listened for unless there is a [`listen_url`](Self::listen_url). It must be of version 1.21 or newer with
    /// `max_prepared_statements` of 100 or more. Set `statement_timeout` and `idle_in_transaction_session_timeout` for the
    /// database's role.
    #[must_use]
    pub fn behind_pgbouncer(mut self) -> Self {
        self.pgbouncer = true;
        self
    }

    /// [`PostgresStore::connect_with`].
    ///
    /// # Errors
    /// As there.
    pub async fn connect(self) -> Result<PostgresStore> {
        PostgresStore::connect_with(self).await
    }

    /// How to connect for statements.
    pub(super) fn for_statements(&self) -> PgConnectOptions {
        if self.pgbouncer {
            return self.connect.clone().extra_float_digits(None);
        }
        let statement_timeout = self.statement_timeout.as_millis().max(1).to_string();
        let settings =
            [("statement_timeout", statement_timeout.as_str()), ("idle_in_transaction_session_timeout", "10000")];
        self.connect.clone().options(settings)
    }

    /// How to connect for a migration, which may take long.
    pub(super) fn for_migration(&self) -> PgConnectOptions {
        if self.pgbouncer { self.connect.clone().extra_float_digits(None) } else { self.connect.clone() }
    }

    /// How to connect for listening, if that is wanted and possible.
    pub(super) fn for_listening(&self) -> Option<PgConnectOptions> {
        let direct = if self.pgbouncer { None } else { Some(&self.connect) };
        self.listen_connect.as_ref().or(direct).filter(|_| self.listen).cloned()
    }

    /// The place, as it may be shown.
    pub(super) fn place(&self) -> String {
        let database = self.connect.get_database().unwrap_or(self.connect.get_username());
        format!("{}:{}/{database}", self.connect.get_host(), self.connect.get_port())
    }
}

impl fmt::Debug for PostgresOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresOptions")
            .field("place", &self.place())
            .field("listen", &self.for_listening().is_some())
            .field("pgbouncer", &self.pgbouncer)
            .field("max_connections", &self.max_connections)
            .field("acquire_timeout", &self.acquire_timeout)
            .field("statement_timeout", &self.statement_timeout)
            .field("poll_interval", &self.poll_interval)
            .finish()
    }
}

fn parse(url: &str) -> Result<PgConnectOptions> {
    // What the parser says may hold a part of the URL, so it is kept back.
    let wrong = || Error::new(ErrorKind::Config, "this is no URL of a PostgreSQL database: postgres://host/database");
    if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
        return Err(wrong());
    }
    let connect = PgConnectOptions::from_str(url).map_err(|_| wrong())?;
    let unnamed = connect.get_application_name().is_none();
    Ok(if unnamed { connect.application_name("voiceclone") } else { connect })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_shown_nowhere() {
        let options = PostgresOptions::new("postgres://me:hush@db.example:5433/app").unwrap();
        let shown = format!("{options:?}");
        assert!(shown.contains("db.example:5433/app") && !shown.contains("hush"), "{shown}");
        for url in
            ["postgres://me:hush@db.example:port/app", "mysql://me:hush@x/y", "postgres://me:hush@x/y?sslmode=hush"]
        {
            let error = PostgresOptions::new(url).unwrap_err();
            assert!(error.kind() == ErrorKind::Config && !error.chain().contains("hush"), "{}", error.chain());
        }
    }

    #[test]
    fn nobody_listens_through_a_pool_of_transactions() {
        let url = "postgres://pool.example/app";
        let options = PostgresOptions::new(url).unwrap().behind_pgbouncer();
        assert!(options.for_listening().is_none());
        let direct = options.listen_url("postgres://db.example/app").unwrap().for_listening().unwrap();
        assert_eq!(direct.get_host(), "db.example");
        assert!(PostgresOptions::new(url).unwrap().listen(false).for_listening().is_none());
    }
}
