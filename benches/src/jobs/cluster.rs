//! A PostgreSQL server of this run's own, on disk, as safe as it comes: every commit is flushed, every page has a checksum.
use std::{
    fs::{self, File, Permissions},
    net::TcpListener,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use voiceclone_core::{Error, Result};

/// `nobody`: PostgreSQL refuses to run as root.
const NOBODY: u32 = 65534;
const PATIENCE: Duration = Duration::from_mins(1);

/// A running server. It is stopped and removed when dropped, and dies with this process.
#[derive(Debug)]
pub struct Cluster {
    dir: PathBuf,
    port: u16,
    postmaster: Option<Child>,
}

impl Cluster {
    /// Starts one in a new directory below `root`.
    ///
    /// # Errors
    /// If there is no PostgreSQL here, or it does not start.
    pub async fn start(root: &Path) -> Result<Self> {
        let dir = root.join(format!("postgres-{}", std::process::id()));
        let mut cluster = Self { dir, port: free_port()?, postmaster: None };
        cluster.make().map_err(|e| Error::unexpected("the server's directory cannot be made").with_source(e))?;
        cluster.initdb()?;
        cluster.run().await?;
        Ok(cluster)
    }

    /// Which PostgreSQL it is, in its own words.
    ///
    /// # Errors
    /// If it does not answer.
    pub async fn version(&self) -> Result<String> {
        let mut connection = self.connect("postgres").await?;
        let version = sqlx::query_scalar("SELECT split_part(version(), ' ', 2)").fetch_one(&mut connection).await;
        version.map_err(no_answer)
    }

    /// An empty database, and its URL.
    ///
    /// # Errors
    /// If the server fails, or has a database of this name.
    pub async fn database(&self, name: &str) -> Result<String> {
        let mut connection = self.connect("postgres").await?;
        let create = sqlx::query(AssertSqlSafe(format!("CREATE DATABASE \"{name}\"")));
        create.execute(&mut connection).await.map_err(no_answer)?;
        Ok(self.url(name))
    }

    /// A connection to a database, to look what the clients left there.
    ///
    /// # Errors
    /// If the server fails, or there is no such database.
    pub async fn connect(&self, database: &str) -> Result<PgConnection> {
        PgConnection::connect(&self.url(database)).await.map_err(no_answer)
    }

    fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    fn make(&self) -> std::io::Result<()> {
        fs::create_dir_all(&self.dir)?;
        fs::set_permissions(&self.dir, Permissions::from_mode(0o700))?;
        if is_root() { chown(&self.dir, Some(NOBODY), Some(NOBODY)) } else { Ok(()) }
    }

    fn initdb(&self) -> Result<()> {
        let mut initdb = program("initdb", None)?;
        initdb.args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--data-checksums", "-D"]);
        let said = initdb.arg(self.dir.join("data")).output();
        match said {
            Ok(output) if output.status.success() => Ok(()),
            Ok(output) => Err(self.broken(&String::from_utf8_lossy(&output.stderr))),
            Err(e) => Err(Error::unsupported("setpriv (util-linux) cannot be started").with_source(e)),
        }
    }

    async fn run(&mut self) -> Result<()> {
        let cannot = |e| Error::unexpected("PostgreSQL cannot be started").with_source(e);
        let log = File::create(self.dir.join("log")).map_err(cannot)?;
        let mut postgres = program("postgres", Some("QUIT"))?;
        postgres.arg("-D").arg(self.dir.join("data"));
        for setting in [
            &format!("port={}", self.port),
            "listen_addresses=127.0.0.1",
            // The path of a socket may be too long for one.
            "unix_socket_directories=",
            "max_connections=200",
            "fsync=on",
            "synchronous_commit=on",
            "full_page_writes=on",
        ] {
            postgres.args(["-c", setting]);
        }
        postgres.stdout(log.try_clone().map_err(cannot)?).stderr(log);
        let postmaster = self.postmaster.insert(postgres.spawn().map_err(cannot)?);
        let deadline = Instant::now() + PATIENCE;
        loop {
            let lock = fs::read_to_string(self.dir.join("data/postmaster.pid")).unwrap_or_default();
            if lock.lines().nth(7).is_some_and(|status| status.trim() == "ready") {
                return Ok(());
            }
            if Instant::now() > deadline || postmaster.try_wait().is_ok_and(|ended| ended.is_some()) {
                return Err(self.broken(&fs::read_to_string(self.dir.join("log")).unwrap_or_default()));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn broken(&self, said: &str) -> Error {
        let last = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it said nothing");
        Error::unexpected(format!("PostgreSQL does not start in {}: {last}", self.dir.display()))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Some(mut postmaster) = self.postmaster.take() {
            // SIGKILL would leave its children; they are told to end at once instead.
            if let Ok(mut stop) = program("pg_ctl", None) {
                let _ = stop.args(["stop", "-m", "immediate", "-D"]).arg(self.dir.join("data")).output();
            }
            let _ = postmaster.wait();
        }
        let _ = fs::remove_dir_all(&self.dir);
    }
}

fn no_answer(error: sqlx::Error) -> Error {
    Error::unexpected("the database of this run fails").with_source(error)
}

/// Why there can be no server here, if so.
pub fn missing() -> Option<String> {
    binaries().is_none().then(|| "PostgreSQL is not installed (Debian: postgresql)".to_owned())
}

/// A program of PostgreSQL, as `nobody` if we are root, which gets `signal` when this process dies.
fn program(name: &str, signal: Option<&str>) -> Result<Command> {
    let binaries = binaries().ok_or_else(|| Error::unsupported("PostgreSQL is not installed"))?;
    let mut command = Command::new("setpriv");
    command.args(signal.map(|signal| format!("--pdeathsig={signal}")));
    if is_root() {
        command.args([format!("--reuid={NOBODY}"), format!("--regid={NOBODY}"), "--clear-groups".to_owned()]);
    }
    command.arg(binaries.join(name)).current_dir("/").env("LC_ALL", "C").stdin(Stdio::null());
    Ok(command)
}

/// The newest PostgreSQL of Debian's, or the one on the path.
fn binaries() -> Option<PathBuf> {
    let installed = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = installed.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()).max();
    let debian = newest.map(|version| PathBuf::from(format!("/usr/lib/postgresql/{version}/bin")));
    let path = std::env::var_os("PATH").unwrap_or_default();
    debian.into_iter().chain(std::env::split_paths(&path)).find(|dir| dir.join("initdb").exists())
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

fn free_port() -> Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    listener.map(|address| address.port()).map_err(|e| Error::unexpected("there is no free port").with_source(e))
}
