//! Everything a scenario runs on: a database and an object store behind proxies, worker processes, and a client that
//! queues work as an application does.
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use tempfile::TempDir;

use voiceclone_store::PostgresStore;

use crate::{
    client::Client,
    gates::Point,
    oracle::{self, JobRow, Raw},
    postgres::{Cluster, Durability},
    process::{Process, until},
    proxy::Proxy,
    stores::{Places, Stores},
    tally::Tally,
    worker::{S3_PORT, S3_ROOT, WORKER, WorkerOptions},
};

/// The lease of the workers, unless a scenario wants another.
pub(crate) const LEASE: Duration = Duration::from_secs(2);

/// What the stores are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// PostgreSQL and S3, each a process of its own behind a proxy.
    Distributed,
    /// PostgreSQL behind a proxy, and a directory that all workers share.
    Shared,
    /// SQLite and a directory.
    Embedded,
}

pub(crate) struct Database {
    pub(crate) cluster: Cluster,
    pub(crate) proxy: Proxy,
}

pub(crate) struct Bucket {
    pub(crate) server: Process,
    pub(crate) proxy: Proxy,
    pub(crate) port: u16,
}

pub(crate) struct Stack {
    pub(crate) rng: StdRng,
    pub(crate) tally: Tally,
    pub(crate) workers: Vec<Process>,
    pub(crate) client: Client,
    pub(crate) database: Option<Database>,
    pub(crate) bucket: Option<Bucket>,
    started: Instant,
    places: Places,
    /// Where the records are, past the proxy.
    direct: String,
    blob_dir: PathBuf,
    names: u32,
    _home: TempDir,
}

impl Stack {
    /// Stores with one prepared voice in them and no workers.
    pub(crate) async fn start(kind: Kind, seed: u64) -> Self {
        let home = tempfile::tempdir().unwrap();
        Self::start_in(kind, seed, home, None, None).await
    }

    /// The same with the database, or the blobs, in a directory of the scenario's choice.
    pub(crate) async fn start_in(
        kind: Kind,
        seed: u64,
        home: TempDir,
        database_in: Option<&Path>,
        blobs_in: Option<&Path>,
    ) -> Self {
        let started = Instant::now();
        let blob_dir = blobs_in.unwrap_or(home.path()).join("blobs");
        let bucket = if kind == Kind::Distributed { Some(Bucket::start(&blob_dir).await) } else { None };
        let (database, direct) = if kind == Kind::Embedded {
            (None, database_in.unwrap_or(home.path()).join("records.db").display().to_string())
        } else {
            let database = Database::start(database_in).await;
            let direct = database.cluster.url("postgres");
            (Some(database), direct)
        };
        let records = database.as_ref().map_or(direct.clone(), |database| {
            format!("postgres://postgres@127.0.0.1:{}/postgres", database.proxy.port)
        });
        let blobs = bucket
            .as_ref()
            .map_or(blob_dir.display().to_string(), |bucket| format!("http://127.0.0.1:{}", bucket.proxy.port));
        let places = Places { records, blobs };
        let client = Client::prepare(Stores::open(&places).await.unwrap()).await;
        Self {
            rng: StdRng::seed_from_u64(seed),
            tally: Tally { runs: 1, ..Tally::default() },
            workers: Vec::new(),
            client,
            database,
            bucket,
            started,
            places,
            direct,
            blob_dir,
            names: 0,
            _home: home,
        }
    }

    pub(crate) fn database(&mut self) -> &mut Database {
        self.database.as_mut().unwrap()
    }

    pub(crate) fn bucket(&mut self) -> &mut Bucket {
        self.bucket.as_mut().unwrap()
    }

    /// Worker processes of two jobs at a time, ready to work.
    pub(crate) async fn add_workers(&mut self, n: usize) {
        for _ in 0..n {
            self.spawn_worker(|_| {}, &[]);
        }
        for worker in &mut self.workers {
            worker.says("ready").await;
        }
    }

    /// A worker process of one job at a time that stops at this point.
    pub(crate) async fn add_victim(&mut self, point: Point) -> usize {
        let set = |options: &mut WorkerOptions| (options.stop_at, options.concurrency) = (Some(point), 1);
        self.add_worker_with(set, &[]).await
    }

    pub(crate) async fn add_worker_with(
        &mut self,
        set: impl FnOnce(&mut WorkerOptions),
        environment: &[(&str, String)],
    ) -> usize {
        let number = self.spawn_worker(set, environment);
        self.workers[number].says("ready").await;
        number
    }

    fn spawn_worker(&mut self, set: impl FnOnce(&mut WorkerOptions), environment: &[(&str, String)]) -> usize {
        self.names += 1;
        let name = format!("worker-{}", self.names);
        let (places, stop_at) = (self.places.clone(), None);
        let mut options = WorkerOptions { places, name: name.clone(), concurrency: 2, lease: LEASE, stop_at };
        set(&mut options);
        let mut environment = environment.to_vec();
        environment.push((WORKER, serde_json::to_string(&options).unwrap()));
        self.workers.push(Process::start("worker", &name, &environment));
        self.workers.len() - 1
    }

    /// Kills a worker at once.
    pub(crate) fn kill_worker(&mut self, number: usize) {
        self.workers[number].kill();
        self.tally.killed += 1;
    }

    /// A random worker that is alive and not frozen.
    pub(crate) fn any_worker(&mut self) -> Option<usize> {
        let mut up = Vec::new();
        for (number, worker) in self.workers.iter_mut().enumerate() {
            if worker.is_alive() && !worker.is_frozen() {
                up.push(number);
            }
        }
        (!up.is_empty()).then(|| up[self.rng.random_range(0..up.len())])
    }

    /// Starts a worker for each that has died, as a supervisor does.
    pub(crate) fn revive_workers(&mut self, wanted: usize) {
        let alive = self.workers.iter_mut().filter_map(|worker| worker.is_alive().then_some(())).count();
        for _ in alive..wanted {
            self.spawn_worker(|_| {}, &[]);
        }
    }

    /// The rows of all jobs; nothing while the database is away.
    pub(crate) async fn rows(&self) -> Option<Vec<JobRow>> {
        let look = async { Raw::connect(&self.direct).await?.jobs().await };
        tokio::time::timeout(Duration::from_secs(5), look).await.ok()?.ok()
    }

    /// The row of one job.
    pub(crate) async fn row(&self, id: &str) -> JobRow {
        until("the database can be read", async || self.rows().await?.into_iter().find(|job| job.id == id)).await
    }

    /// Waits until so many texts are spoken.
    pub(crate) async fn spoken(&self, least: usize) {
        let what = format!("{least} texts are spoken");
        let done = |jobs: &Vec<JobRow>| jobs.iter().filter(|job| job.kind == "speak" && job.is_terminal()).count();
        until(&what, async || self.rows().await.filter(|jobs| done(jobs) >= least)).await;
    }

    /// Waits until every job has ended.
    pub(crate) async fn all_ended(&self) {
        until("every job has ended", async || self.rows().await.filter(|jobs| jobs.iter().all(JobRow::is_terminal)))
            .await;
    }

    /// Waits until this job has ended.
    pub(crate) async fn ended(&self, id: &str) -> JobRow {
        until("the job has ended", async || {
            self.rows().await?.into_iter().find(|job| job.id == id && job.is_terminal())
        })
        .await
    }

    /// Ends the workers, sweeps, and asks the oracle.
    pub(crate) async fn judge(&mut self, may_fail: impl Fn(&JobRow) -> bool) {
        self.all_ended().await;
        self.stop_workers().await;
        self.tally.swept += self.client.sweep().await;
        let acknowledged: BTreeSet<String> = self.client.acknowledged();
        let objects = self.objects();
        let mut raw = Raw::connect(&self.direct).await.unwrap();
        let mut wrong = oracle::verdict(&mut raw, &objects, &acknowledged).await;
        let jobs = raw.jobs().await.unwrap();
        for job in jobs.iter().filter(|job| job.status != "succeeded" && !may_fail(job)) {
            writeln!(wrong, "{} failed and should not: {job:?}", job.id).unwrap();
        }
        self.count(&jobs);
        assert!(wrong.is_empty(), "the oracle says:\n{wrong}");
    }

    /// Every object, by its key.
    pub(crate) fn objects(&self) -> BTreeMap<String, PathBuf> {
        oracle::objects(&self.blob_dir, self.bucket.is_some())
    }

    /// Where the records are, past every proxy.
    pub(crate) fn direct(&self) -> &str {
        &self.direct
    }

    fn count(&mut self, jobs: &[JobRow]) {
        let spoken = jobs.iter().filter(|job| job.kind == "speak");
        for job in spoken {
            self.tally.jobs += 1;
            self.tally.succeeded += u64::from(job.status == "succeeded");
            self.tally.failed += u64::from(job.status == "failed");
            self.tally.again += u64::try_from(job.attempt.max(1) - 1).unwrap();
            self.tally.crashes += u64::try_from(job.crashes).unwrap();
        }
        self.tally.resubmitted = self.client.resubmitted();
        for worker in &self.workers {
            let lost = |line: &&String| line.contains("refused: LeaseLost");
            self.tally.fenced += worker.said().iter().filter(lost).count() as u64;
        }
        self.tally.time = self.started.elapsed();
    }

    /// Tells the workers that live to stop, and waits until they have.
    async fn stop_workers(&mut self) {
        for worker in &mut self.workers {
            worker.tell("stop");
        }
        for worker in &mut self.workers {
            let what = format!("{} stops", worker.name);
            until(&what, async || (!worker.is_alive()).then_some(())).await;
        }
    }

    /// What is to be known when a scenario has failed.
    pub(crate) async fn state(&mut self) -> String {
        let mut state = String::new();
        match self.rows().await {
            Some(jobs) => {
                for job in jobs {
                    writeln!(state, "  {job:?}").unwrap();
                }
            }
            None => writeln!(state, "  the database does not answer").unwrap(),
        }
        for worker in &mut self.workers {
            let said = worker.said();
            let last = said.iter().rev().take(12).rev().fold(String::new(), |all, line| all + "\n    " + line);
            let alive = worker.is_alive();
            writeln!(state, "  {} (alive: {alive}):{last}", worker.name).unwrap();
        }
        if let Some(database) = &self.database {
            writeln!(state, "  {:?}\n{}", database.proxy, database.cluster.log()).unwrap();
        }
        if let Some(bucket) = &mut self.bucket {
            let said = bucket.server.said();
            writeln!(state, "  {:?}, alive: {}\n  {said:?}", bucket.proxy, bucket.server.is_alive()).unwrap();
        }
        state
    }
}

impl Database {
    async fn start(root: Option<&Path>) -> Self {
        let memory = || Cluster::start(Durability::Durable);
        let cluster = root.map_or_else(memory, |root| Cluster::start_in(root, Durability::Durable));
        PostgresStore::migrate(&cluster.url("postgres")).await.unwrap();
        Self { proxy: Proxy::to(cluster.port).await, cluster }
    }
}

impl Bucket {
    async fn start(root: &Path) -> Self {
        std::fs::create_dir_all(root).unwrap();
        let (server, port) = Self::serve(root, 0).await;
        Self { server, proxy: Proxy::to(port).await, port }
    }

    async fn serve(root: &Path, port: u16) -> (Process, u16) {
        let environment = [(S3_ROOT, root.display().to_string()), (S3_PORT, port.to_string())];
        let mut server = Process::start("s3_server", "s3", &environment);
        let port = server.says("port ").await.trim_start_matches("port ").parse().unwrap();
        (server, port)
    }
}

impl Stack {
    /// Kills the server of the blobs and starts it again over the same files.
    pub(crate) async fn restart_bucket(&mut self, away: Duration) {
        let root = self.blob_dir.clone();
        self.tally.killed += 1;
        let bucket = self.bucket();
        bucket.server.kill();
        tokio::time::sleep(away).await;
        bucket.server = Bucket::serve(&root, bucket.port).await.0;
    }

    /// A moment of random length.
    pub(crate) fn moment(&mut self, least: f64, most: f64) -> Duration {
        Duration::from_secs_f64(self.rng.random_range(least..most))
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // A thread of its own, because a runtime cannot be waited for inside another.
            let state = std::thread::scope(|scope| {
                scope.spawn(|| tokio::runtime::Runtime::new().unwrap().block_on(self.state())).join()
            });
            println!("{}", state.unwrap_or_default());
        }
    }
}
