//! PostgreSQL servers of the tests' own, and databases that no other test sees. Knows no store, and never touches a server
//! that is already there.
#![allow(dead_code, reason = "each test binary takes what it needs of it")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "functions that tests share fail as tests do")]
#![allow(clippy::disallowed_methods, reason = "a server is waited for outside of any runtime")]
use std::{
    fs::{self, File, Permissions},
    io,
    net::TcpListener,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use url::Url;

/// The URL of a server in which tests may make databases.
const SERVER: &str = "VOICECLONE_TEST_POSTGRES";
/// `nobody`: PostgreSQL refuses to run as root.
const NOBODY: u32 = 65534;
const PATIENCE: Duration = Duration::from_mins(1);

/// What a commit means to a [`Cluster`].
#[derive(Clone, Copy, Debug)]
pub(crate) enum Durability {
    /// As in production: a commit is on disk.
    Durable,
    /// Nothing waits for a disk: a commit may be lost with the server.
    Fast,
}

/// How a server is told to end.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stop {
    /// Sessions are cut, the server shuts down in order.
    Fast,
    /// Everything ends at once; the next start recovers from the log.
    Immediate,
}

/// A server of our own, which dies with this process and is removed when dropped.
#[derive(Debug)]
pub(crate) struct Cluster {
    pub(crate) port: u16,
    dir: PathBuf,
    durability: Durability,
    postmaster: Option<Child>,
}

impl Cluster {
    /// A running server in memory (`/dev/shm`) where there is such a thing, else in the directory for temporary files.
    pub(crate) fn start(durability: Durability) -> Self {
        let memory = PathBuf::from("/dev/shm");
        let writable = tempfile::tempfile_in(&memory).is_ok();
        Self::start_in(&if writable { memory } else { std::env::temp_dir() }, durability)
    }

    /// The same in a directory below `root`.
    pub(crate) fn start_in(root: &Path, durability: Durability) -> Self {
        static STARTED: AtomicU32 = AtomicU32::new(0);
        remove_leftovers(root);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let dir = root.join(format!("{PREFIX}{}-{number}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        fs::set_permissions(&dir, Permissions::from_mode(0o700)).unwrap();
        if is_root() {
            chown(&dir, Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let mut cluster = Self { port: 0, dir, durability, postmaster: None };
        cluster.initdb();
        cluster.start_again();
        cluster
    }

    /// Where the database of this name is.
    pub(crate) fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// Where the sockets are, besides the port.
    pub(crate) fn socket_dir(&self) -> &Path {
        &self.dir
    }

    /// Returns when the server has ended.
    pub(crate) fn stop(&mut self, how: Stop) {
        let mode = match how {
            Stop::Fast => "fast",
            Stop::Immediate => "immediate",
        };
        let mut command = program("pg_ctl", None);
        command.args(["stop", "-w", "-m", mode, "-D"]).arg(self.data());
        run(command);
        if let Some(mut postmaster) = self.postmaster.take() {
            postmaster.wait().unwrap();
        }
    }

    /// Kills the postmaster as the kernel would. Its children notice, and end a moment later.
    pub(crate) fn kill_postmaster(&mut self) {
        let mut postmaster = self.postmaster.take().unwrap();
        postmaster.kill().unwrap();
        postmaster.wait().unwrap();
    }

    /// Starts the server again after a stop or a kill, on the same port, and returns when it takes connections.
    pub(crate) fn start_again(&mut self) {
        assert!(self.postmaster.is_none(), "the server runs already");
        let deadline = Instant::now() + PATIENCE;
        // The first start has any free port, which another process may take first; a later one finds the children of a killed
        // server still ending.
        while !self.try_start(deadline) {
            assert!(Instant::now() < deadline, "PostgreSQL does not start:\n{}", self.log());
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Starts the server again if it has ended by itself. Returns whether it had.
    pub(crate) fn ensure_running(&mut self) -> bool {
        let ended = self.postmaster.as_mut().is_none_or(|postmaster| postmaster.try_wait().unwrap().is_some());
        if ended {
            self.postmaster = None;
            self.start_again();
        }
        ended
    }

    fn try_start(&mut self, deadline: Instant) -> bool {
        let port = if self.port == 0 { free_port() } else { self.port };
        let log = File::options().create(true).append(true).open(self.dir.join("log")).unwrap();
        let mut command = program("postgres", Some("QUIT"));
        command.arg("-D").arg(self.data()).arg("-k").arg(&self.dir);
        for setting in self.settings(port) {
            command.arg("-c").arg(setting);
        }
        command.stdout(log.try_clone().unwrap()).stderr(log);
        let mut postmaster = spawn_tied(command).unwrap();
        while !self.is_ready(postmaster.id()) {
            if postmaster.try_wait().unwrap().is_some() {
                return false;
            }
            assert!(Instant::now() < deadline, "PostgreSQL does not come up:\n{}", self.log());
            thread::sleep(Duration::from_millis(10));
        }
        self.port = port;
        self.postmaster = Some(postmaster);
        true
    }

    fn settings(&self, port: u16) -> Vec<String> {
        let on = match self.durability {
            Durability::Durable => "on",
            Durability::Fast => "off",
        };
        vec![
            format!("port={port}"),
            "listen_addresses=127.0.0.1".to_owned(),
            "max_connections=200".to_owned(),
            format!("fsync={on}"),
            format!("synchronous_commit={on}"),
            format!("full_page_writes={on}"),
        ]
    }

    /// Whether this very process has said so in its lock file, as `pg_ctl` asks it.
    fn is_ready(&self, pid: u32) -> bool {
        let file = fs::read_to_string(self.data().join("postmaster.pid")).unwrap_or_default();
        let mut lines = file.lines();
        lines.next() == Some(&pid.to_string()) && lines.nth(6).is_some_and(|status| status.trim() == "ready")
    }

    fn initdb(&self) {
        let mut command = program("initdb", None);
        command.args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", "-D"]);
        command.arg(self.data());
        run(command);
    }

    fn data(&self) -> PathBuf {
        self.dir.join("data")
    }

    /// The end of what the server said.
    pub(crate) fn log(&self) -> String {
        let log = fs::read_to_string(self.dir.join("log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().rev().take(40).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if self.postmaster.is_some() {
            self.stop(Stop::Immediate);
        }
        drop(fs::remove_dir_all(&self.dir));
    }
}

/// The URL of an empty database of the caller's own, in the server that `VOICECLONE_TEST_POSTGRES` names, or else in a
/// [`Cluster`] of this process. May be called from async code: it blocks for the time that `CREATE DATABASE` takes.
pub(crate) fn fresh_database() -> String {
    // A thread of its own, because a runtime cannot be waited for inside another.
    thread::spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(create_database(server()))
    })
    .join()
    .unwrap()
}

fn server() -> &'static Url {
    static URL: OnceLock<Url> = OnceLock::new();
    // A static is never dropped: the server ends with the process, and the next one to start removes what it leaves.
    static OWN: OnceLock<Cluster> = OnceLock::new();
    URL.get_or_init(|| {
        let url = std::env::var(SERVER)
            .unwrap_or_else(|_| OWN.get_or_init(|| Cluster::start(Durability::Fast)).url("postgres"));
        Url::parse(&url).unwrap()
    })
}

async fn create_database(server: &Url) -> String {
    static CREATED: AtomicU32 = AtomicU32::new(0);
    let mut connection = PgConnection::connect(server.as_str()).await.unwrap();
    drop_databases_of_the_dead(&mut connection).await;
    let name = format!("t_{}_{}", std::process::id(), CREATED.fetch_add(1, Ordering::Relaxed));
    // A dead process may have had this number.
    let drop = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
    sqlx::query(AssertSqlSafe(drop)).execute(&mut connection).await.unwrap();
    sqlx::query(AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    let mut url = server.clone();
    url.set_path(&name);
    url.into()
}

/// Drops a few databases whose process has ended, so that hundreds of processes do not fill the disk. Two may want to
/// drop the same: that one of them fails is no matter.
async fn drop_databases_of_the_dead(connection: &mut PgConnection) {
    let all = r"SELECT datname::text FROM pg_database WHERE datname ~ '^t_\d+_\d+$' ORDER BY random()";
    let names: Vec<String> = sqlx::query_scalar(all).fetch_all(&mut *connection).await.unwrap();
    let dead = |name: &String| name.split('_').nth(1).is_some_and(is_dead);
    for name in names.iter().filter(|name| dead(name)).take(3) {
        let drop = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
        if let Err(error) = sqlx::query(AssertSqlSafe(drop)).execute(&mut *connection).await {
            eprintln!("{name} stays for now: {error}");
        }
    }
}

/// Starts a process from a thread that never ends: the kernel sends a child its parent-death signal when the *thread*
/// that started it ends.
pub(crate) fn spawn_tied(command: Command) -> io::Result<Child> {
    type Order = (Command, mpsc::Sender<io::Result<Child>>);
    static SPAWNER: OnceLock<mpsc::Sender<Order>> = OnceLock::new();
    let spawner = SPAWNER.get_or_init(|| {
        let (orders, received) = mpsc::channel::<Order>();
        thread::spawn(move || {
            for (mut command, reply) in received {
                drop(reply.send(command.spawn()));
            }
        });
        orders
    });
    let (reply, child) = mpsc::channel();
    spawner.send((command, reply)).unwrap();
    child.recv().unwrap()
}

const PREFIX: &str = "voiceclone-pg-";

/// Removes what processes that were killed have left.
fn remove_leftovers(root: &Path) {
    for entry in fs::read_dir(root).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next()).is_some_and(is_dead) {
            drop(fs::remove_dir_all(entry.path()));
        }
    }
}

fn is_dead(pid: &str) -> bool {
    let processes = Path::new("/proc");
    processes.join("self").exists() && !processes.join(pid).exists()
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

/// A program of PostgreSQL, as `nobody` if we are root, which gets `signal` when this process dies.
fn program(name: &str, signal: Option<&str>) -> Command {
    let mut command = Command::new("setpriv");
    if let Some(signal) = signal {
        command.arg(format!("--pdeathsig={signal}"));
    }
    if is_root() {
        command.arg(format!("--reuid={NOBODY}")).arg(format!("--regid={NOBODY}")).arg("--clear-groups");
    }
    command.arg(binaries().join(name)).current_dir("/").env("LC_ALL", "C").stdin(Stdio::null());
    command
}

/// The newest PostgreSQL of Debian's, or the one on the path.
fn binaries() -> PathBuf {
    let installed = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let versions = installed.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let mut versions: Vec<u32> = versions.collect();
    versions.sort_unstable_by(|a, b| b.cmp(a));
    let debian = versions.into_iter().map(|version| PathBuf::from(format!("/usr/lib/postgresql/{version}/bin")));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = debian.chain(std::env::split_paths(&path)).find(|dir| dir.join("initdb").exists());
    found.unwrap_or_else(|| {
        panic!("There is no PostgreSQL here. Run `.ci/test`, or install Debian's `postgresql`, or set {SERVER}.")
    })
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn run(mut command: Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error} (setpriv is in util-linux)"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} ended with {}:\n{said}", output.status);
}
