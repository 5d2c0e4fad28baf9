//! What can only be seen from inside: statements and their plans.
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, SqlSafeStr as _, Statement as _};
use voiceclone_core::ErrorKind;

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
    let types = "(bigint, uuid[], text[], bigint[], text, bigint, bigint)";
    let prepare = format!("PREPARE claim {types} AS {}", sql::CLAIM);
    sqlx::raw_sql(AssertSqlSafe(prepare)).execute(&mut connection).await.unwrap();
    for mode in ["force_custom_plan", "force_generic_plan"] {
        let set = format!("SET plan_cache_mode = {mode}");
        sqlx::raw_sql(AssertSqlSafe(set)).execute(&mut connection).await.unwrap();
        let explain = "EXPLAIN EXECUTE claim (10, '{}', '{}', '{}', '', 1000, 32)";
        let rows = sqlx::raw_sql(explain).fetch_all(&mut connection).await.unwrap();
        let plan: Vec<String> = rows.iter().map(|row| sqlx::Row::get(row, 0)).collect();
        let plan = plan.join("\n");
        assert!(!plan.contains("Seq Scan on clone_jobs"), "{mode}\n{plan}");
        assert!(plan.contains("clone_jobs_queued") && plan.contains("clone_jobs_lease"), "{mode}\n{plan}");
    }
}

/// Whether an update stays within its page also depends on who looks at the table at the time; this does not.
#[tokio::test]
async fn no_index_names_what_a_heartbeat_writes() {
    let (_, mut connection) = database().await;
    let indexes: Vec<String> = sqlx::query_scalar("SELECT indexdef FROM pg_indexes WHERE tablename = 'clone_jobs'")
        .fetch_all(&mut connection)
        .await
        .unwrap();
    assert!(indexes.len() >= 5, "{indexes:?}");
    for written in ["lease_until", "progress", "last_seq", "updated_at"] {
        assert!(sql::HEARTBEAT.contains(&format!("{written} = ")), "a heartbeat does not write {written}");
        assert!(!indexes.iter().any(|index| index.contains(written)), "an index names {written}");
    }
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
