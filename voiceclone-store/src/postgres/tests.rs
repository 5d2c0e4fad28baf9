//! What can only be seen from inside: statements and their plans.
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, SqlSafeStr as _, Statement as _};
use voiceclone_core::{
    ErrorKind,
    domain::{JobSpec, NewJob},
    id::{OwnerId, SampleId},
    store::JobStore as _,
};

use super::{PostgresStore, server, sql};

async fn database() -> (String, PgConnection) {
    let url = server::fresh_database();
    PostgresStore::migrate(&url).await.unwrap();
    let connection = PgConnection::connect(&url).await.unwrap();
    (url, connection)
}

#[tokio::test]
async fn every_statement_prepares() {
    let (_, mut connection) = database().await;
    for (name, sql) in sql::all() {
        let prepared = (&mut connection).prepare(sql.into_sql_str()).await;
        let prepared = prepared.unwrap_or_else(|e| panic!("{name}: {e}: {sql}"));
        assert!(!prepared.columns().is_empty(), "{name} returns no row to count");
    }
}

/// Many jobs that have ended, some that wait, a few that run.
const MANY: &str = "
    INSERT INTO voiceclone.clone_jobs (job_id, user_id, kind, spec, fingerprint, status, priority, max_attempts, max_crashes,
        run_at, ended_at, lease_id, lease_until)
    SELECT 'job_' || lpad(n::text, 32, '0'), 'owner' || n % 50, 'erase', '{}', '', status, 0, 5, 5, now(),
        CASE status WHEN 'succeeded' THEN now() END, CASE status WHEN 'running' THEN gen_random_uuid() END,
        CASE status WHEN 'running' THEN now() + interval '1 hour' END
    FROM (SELECT n, CASE WHEN n % 25 = 0 THEN 'queued' WHEN n % 1001 = 0 THEN 'running' ELSE 'succeeded' END AS status
        FROM generate_series(1, 50000) n) jobs";

#[tokio::test]
async fn a_claim_reads_no_more_of_the_table_than_it_must() {
    let (_, mut connection) = database().await;
    sqlx::query(MANY).execute(&mut connection).await.unwrap();
    sqlx::query("ANALYZE voiceclone.clone_jobs").execute(&mut connection).await.unwrap();
    let types = "(bigint, uuid[], text, bigint, text, bigint, bigint)";
    let prepare = format!("PREPARE claim {types} AS {}", sql::CLAIM);
    sqlx::raw_sql(AssertSqlSafe(prepare)).execute(&mut connection).await.unwrap();
    for mode in ["force_custom_plan", "force_generic_plan"] {
        let set = format!("SET plan_cache_mode = {mode}");
        sqlx::raw_sql(AssertSqlSafe(set)).execute(&mut connection).await.unwrap();
        let explain = "EXPLAIN EXECUTE claim (10, '{}', 'worker', 1, '', 1000, 32)";
        let rows = sqlx::raw_sql(explain).fetch_all(&mut connection).await.unwrap();
        let plan: Vec<String> = rows.iter().map(|row| sqlx::Row::get(row, 0)).collect();
        let plan = plan.join("\n");
        assert!(!plan.contains("Seq Scan on clone_jobs"), "{mode}\n{plan}");
        assert!(plan.contains("clone_jobs_queued") && plan.contains("clone_jobs_lease"), "{mode}\n{plan}");
    }
}

#[tokio::test]
async fn heartbeats_change_no_index() {
    let (url, mut connection) = database().await;
    let store = PostgresStore::connect(&url).await.unwrap();
    let owner = OwnerId::new("ada").unwrap();
    for _ in 0..10 {
        store.enqueue(&NewJob::new(owner.clone(), JobSpec::PrepareSample { sample: SampleId::new() })).await.unwrap();
    }
    let ten = std::num::NonZeroUsize::new(10).unwrap();
    let hour = std::time::Duration::from_hours(1);
    let leases = store.claim("worker", ten, hour).await.unwrap();
    let counted = "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'clone_jobs'";
    let before = counted_updates(&url, &store, counted).await;
    let store = PostgresStore::connect(&url).await.unwrap();
    for _ in 0..30 {
        futures_util::future::join_all(leases.iter().map(|lease| store.heartbeat(lease.id, None, hour))).await;
    }
    let after = counted_updates(&url, &store, counted).await;
    let (updates, hot) = (after.0 - before.0, after.1 - before.1);
    assert!(updates == 300 && hot >= 290, "{hot} of {updates} heartbeats stayed within their page");
    connection.ping().await.unwrap();
}

/// The server counts what a session did when it ends, at the latest.
async fn counted_updates(url: &str, store: &PostgresStore, counted: &'static str) -> (i64, i64) {
    store.close().await;
    let others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
        AND backend_type = 'client backend' AND application_name = 'voiceclone'";
    let mut connection = PgConnection::connect(url).await.unwrap();
    while sqlx::query_scalar::<_, i64>(others).fetch_one(&mut connection).await.unwrap() > 0 {}
    sqlx::query_as(counted).fetch_one(&mut connection).await.unwrap()
}

#[tokio::test]
async fn a_record_cannot_name_bytes_that_are_being_removed() {
    let (url, mut connection) = database().await;
    let store = PostgresStore::connect(&url).await.unwrap();
    let removing = "INSERT INTO voiceclone.blobs (key, status) VALUES ('samples/x', 'deleting')";
    sqlx::query(removing).execute(&mut connection).await.unwrap();
    let sample = r#"{"original": "samples/x", "state": "received"}"#;
    let insert = sqlx::query(sql::SAMPLES.insert).bind("smp_x").bind("ada").bind(0_i64).bind(sample);
    let now = chrono::Utc::now();
    let error = store.run(insert.bind(now).bind(now)).await.unwrap_err();
    assert!(error.kind() == ErrorKind::Conflict && error.message().contains("send them again"), "{error}");
}
