//! Whether nothing is lost and nothing happened twice, read with SQL and from the directory of the object store, never
//! through the code under test.
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;
use sha2::{Digest as _, Sha256};
use sqlx::{Connection as _, PgConnection, SqliteConnection, sqlite::SqliteConnectOptions};

use crate::s3;

/// A connection of our own, past every proxy.
pub(crate) enum Raw {
    Postgres(PgConnection),
    Sqlite(SqliteConnection),
}

macro_rules! rows {
    ($raw:expr, $sql:expr) => {
        match $raw {
            Raw::Postgres(connection) => sqlx::query_as($sql).fetch_all(connection).await,
            Raw::Sqlite(connection) => sqlx::query_as($sql).fetch_all(connection).await,
        }
    };
}

/// A row of a job.
#[derive(Debug)]
pub(crate) struct JobRow {
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) status: String,
    pub(crate) attempt: i64,
    pub(crate) max_attempts: i64,
    pub(crate) crashes: i64,
    pub(crate) max_crashes: i64,
    pub(crate) last_seq: i64,
    pub(crate) text: Option<String>,
    pub(crate) output: Option<Value>,
    pub(crate) error: Option<Value>,
}

impl JobRow {
    pub(crate) fn is_terminal(&self) -> bool {
        matches!(self.status.as_str(), "succeeded" | "failed" | "cancelled")
    }

    pub(crate) fn error_kind(&self) -> &str {
        self.error.as_ref().and_then(|error| error["kind"].as_str()).unwrap_or_default()
    }
}

const JOBS: &str = "SELECT CAST(job_id AS TEXT), CAST(kind AS TEXT), CAST(status AS TEXT), CAST(attempt AS BIGINT), \
                    CAST(max_attempts AS BIGINT), CAST(last_seq AS BIGINT), CAST(text AS TEXT), \
                    CAST(output AS TEXT), CAST(error AS TEXT) FROM clone_jobs ORDER BY job_id";
const CRASHES: &str =
    "SELECT CAST(job_id AS TEXT), CAST(crashes AS BIGINT), CAST(max_crashes AS BIGINT) FROM clone_jobs";
const EVENTS: &str = "SELECT CAST(job_id AS TEXT), CAST(seq AS BIGINT), CAST(status AS TEXT) FROM job_events \
                      ORDER BY job_id, seq";
const SAMPLES: &str = "SELECT CAST(original_url AS TEXT), CAST(processed_url AS TEXT) FROM voice_samples \
                       WHERE status <> 'deleted'";

const BOOKS: &str = "SELECT CAST(key AS TEXT), CAST(status AS TEXT) FROM blobs";

impl Raw {
    /// The database behind a URL of PostgreSQL or the path of a SQLite file.
    pub(crate) async fn connect(place: &str) -> sqlx::Result<Self> {
        if place.starts_with("postgres://") {
            let mut connection = PgConnection::connect(place).await?;
            sqlx::query("SET search_path TO voiceclone").execute(&mut connection).await?;
            return Ok(Self::Postgres(connection));
        }
        let options = SqliteConnectOptions::new().filename(place);
        Ok(Self::Sqlite(SqliteConnection::connect_with(&options).await?))
    }

    pub(crate) async fn jobs(&mut self) -> sqlx::Result<Vec<JobRow>> {
        type Row = (String, String, String, i64, i64, i64, Option<String>, Option<String>, Option<String>);
        let rows: Vec<Row> = rows!(self, JOBS)?;
        let crashes: Vec<(String, i64, i64)> = rows!(self, CRASHES)?;
        let crashes: BTreeMap<String, (i64, i64)> = crashes.into_iter().map(|(id, n, most)| (id, (n, most))).collect();
        let json = |text: Option<String>| text.map(|text| serde_json::from_str(&text).unwrap());
        let jobs = rows.into_iter().map(|(id, kind, status, attempt, max_attempts, last_seq, text, output, error)| {
            // Two reads: a job that came between them has not crashed yet.
            let (crashes, max_crashes) = crashes.get(&id).copied().unwrap_or((0, 1));
            let (output, error) = (json(output), json(error));
            JobRow { id, kind, status, attempt, max_attempts, crashes, max_crashes, last_seq, text, output, error }
        });
        Ok(jobs.collect())
    }

    async fn events(&mut self) -> sqlx::Result<BTreeMap<String, Vec<(i64, String)>>> {
        let rows: Vec<(String, i64, String)> = rows!(self, EVENTS)?;
        let mut events: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (job, seq, status) in rows {
            events.entry(job).or_default().push((seq, status));
        }
        Ok(events)
    }

    async fn books(&mut self) -> sqlx::Result<Vec<(String, String)>> {
        rows!(self, BOOKS)
    }

    async fn sample_blobs(&mut self) -> sqlx::Result<Vec<String>> {
        let rows: Vec<(Option<String>, Option<String>)> = rows!(self, SAMPLES)?;
        Ok(rows.into_iter().flat_map(|(original, processed)| original.into_iter().chain(processed)).collect())
    }
}

/// Every object, by its key, as the files of the server say.
pub(crate) fn objects(dir: &Path, is_bucket: bool) -> BTreeMap<String, PathBuf> {
    let root = if is_bucket { dir.join(s3::BUCKET) } else { dir.to_owned() };
    let mut found = BTreeMap::new();
    let mut dirs = vec![root.clone()];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(dir).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if entry.file_type().unwrap().is_dir() {
                dirs.push(path);
                continue;
            }
            let name = path.strip_prefix(&root).unwrap().to_str().unwrap();
            // `name#1` is a file that was being written when its process was killed: no object.
            if !name.contains('#') {
                found.insert(if is_bucket { s3::key_of(name) } else { name.to_owned() }, path);
            }
        }
    }
    found
}

/// Everything that is wrong after all work is over and the sweep has run. Empty if nothing is.
pub(crate) async fn verdict(
    raw: &mut Raw,
    objects: &BTreeMap<String, PathBuf>,
    acknowledged: &BTreeSet<String>,
) -> String {
    let mut wrong = String::new();
    let (jobs, events) = (raw.jobs().await.unwrap(), raw.events().await.unwrap());
    let known: BTreeSet<String> = jobs.iter().map(|job| job.id.clone()).collect();
    for lost in acknowledged.difference(&known) {
        writeln!(wrong, "{lost} was acknowledged and is lost").unwrap();
    }
    for extra in jobs.iter().filter(|job| job.kind == "speak" && !acknowledged.contains(&job.id)) {
        writeln!(wrong, "{} was never acknowledged: a repeated request made a second job", extra.id).unwrap();
    }
    let mut named = BTreeSet::from_iter(raw.sample_blobs().await.unwrap());
    for job in &jobs {
        wrong += &check_job(job, objects);
        wrong += &check_events(job, events.get(&job.id).map_or(&[], Vec::as_slice));
        named.extend(result_key(job).map(str::to_owned));
    }
    let there: BTreeSet<String> = objects.keys().cloned().collect();
    for orphan in there.difference(&named) {
        writeln!(wrong, "the object {orphan} belongs to no live row").unwrap();
    }
    for missing in named.difference(&there) {
        writeln!(wrong, "a live row names {missing}, and there is no such object").unwrap();
    }
    wrong + &check_books(&raw.books().await.unwrap(), &there)
}

fn check_books(books: &[(String, String)], there: &BTreeSet<String>) -> String {
    let mut wrong = String::new();
    for (key, status) in books.iter().filter(|(_, status)| status != "live") {
        writeln!(wrong, "the books still have {key} as {status}").unwrap();
    }
    for unknown in there.difference(&books.iter().map(|(key, _)| key.clone()).collect()) {
        writeln!(wrong, "the object {unknown} is in no book").unwrap();
    }
    wrong
}

fn result_key(job: &JobRow) -> Option<&str> {
    job.output.as_ref().filter(|_| job.kind == "speak")?["key"].as_str()
}

fn check_job(job: &JobRow, objects: &BTreeMap<String, PathBuf>) -> String {
    let (mut wrong, id) = (String::new(), &job.id);
    if !job.is_terminal() {
        writeln!(wrong, "{id} is {}", job.status).unwrap();
    }
    if job.attempt > job.max_attempts || job.crashes > job.max_crashes {
        writeln!(wrong, "{id} was tried too often: {job:?}").unwrap();
    }
    let succeeded = job.status == "succeeded";
    if succeeded != job.output.is_some() || (succeeded || job.status == "failed") == (succeeded == job.error.is_some())
    {
        writeln!(wrong, "{id} does not have what its state says: {job:?}").unwrap();
    }
    let Some(path) = result_key(job).and_then(|key| objects.get(key)) else { return wrong };
    let bytes = fs::read(path).unwrap();
    let sha256 = Sha256::digest(&bytes).iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
    let output = job.output.as_ref().unwrap();
    if output["sha256"] != sha256.as_str() || output["bytes"] != bytes.len() {
        writeln!(wrong, "{id}: its result is {} bytes of {sha256}, and its row says {output}", bytes.len()).unwrap();
    }
    // The tone speaks each character for 1,600 samples of two bytes.
    let whole = job.text.as_deref().unwrap_or_default().chars().count() * 3200;
    if bytes.len() * 100 < whole * 95 {
        writeln!(wrong, "{id}: {} bytes are not all of its text, which takes {whole}", bytes.len()).unwrap();
    }
    wrong
}

fn check_events(job: &JobRow, events: &[(i64, String)]) -> String {
    let mut wrong = String::new();
    let gapless = events.iter().zip(1..).all(|((seq, _), expected)| *seq == expected);
    let ends = events.last().is_some_and(|(seq, status)| *seq == job.last_seq && *status == job.status);
    let ended = events.iter().filter(|(_, status)| matches!(status.as_str(), "succeeded" | "failed" | "cancelled"));
    let begins = events.first().is_some_and(|(_, status)| status == "queued");
    if !gapless || !ends || !begins || (job.is_terminal() && ended.count() != 1) {
        writeln!(wrong, "{} is {} at {}, and its events are {events:?}", job.id, job.status, job.last_seq).unwrap();
    }
    wrong
}
