//! The oracle must see what it is there to see.
use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use sqlx::{Connection as _, SqliteConnection, sqlite::SqliteConnectOptions};
use voiceclone_core::testkit::run_on_runtime;

use crate::{
    oracle::{Raw, verdict},
    stack::{Kind, Stack},
};

type Objects = BTreeMap<String, PathBuf>;

/// What is done behind the back of the stores, in SQL, and a word of what the oracle must say to it.
const DAMAGE: [(&str, &str); 9] = [
    ("UPDATE job_events SET seq = 9 WHERE seq = 2", "its events are"),
    ("DELETE FROM job_events WHERE status = 'succeeded'", "its events are"),
    ("UPDATE job_events SET status = 'succeeded' WHERE status = 'running'", "its events are"),
    ("UPDATE clone_jobs SET attempt = 6", "tried too often"),
    ("UPDATE clone_jobs SET crashes = 6", "tried too often"),
    ("UPDATE clone_jobs SET output = json_set(output, '$.sha256', 'a0') WHERE kind = 'speak'", "its row says"),
    ("UPDATE blobs SET status = 'pending'", "as pending"),
    ("DELETE FROM blobs", "in no book"),
    ("UPDATE clone_jobs SET error = '{}'", "does not have what its state says"),
];

#[test]
fn the_oracle_sees_every_kind_of_damage() {
    run_on_runtime(async {
        let mut stack = Stack::start(Kind::Embedded, 0).await;
        stack.add_workers(1).await;
        let id = stack.client.submit_many(2).await.remove(0);
        stack.judge(|_| false).await;
        let (objects, acknowledged) = (stack.objects(), stack.client.acknowledged());
        for (sql, expected) in DAMAGE {
            let said = damaged(&stack, sql, &objects, &acknowledged).await;
            assert!(said.contains(expected), "{sql}: {said:?}");
        }
        let nothing = "SELECT 1";
        let (key, path) = objects.iter().find(|(key, _)| key.contains(&id)).unwrap();
        let without: Objects = objects.iter().filter(|(k, _)| *k != key).map(|(k, p)| (k.clone(), p.clone())).collect();
        assert!(damaged(&stack, nothing, &without, &acknowledged).await.contains("there is no such object"));
        let mut with = objects.clone();
        with.insert("owners/0/jobs/0".to_owned(), path.clone());
        assert!(damaged(&stack, nothing, &with, &acknowledged).await.contains("belongs to no live row"));
        let mut more = acknowledged.clone();
        more.insert("job_0".to_owned());
        assert!(damaged(&stack, nothing, &objects, &more).await.contains("is lost"));
        more = BTreeSet::from([id]);
        assert!(damaged(&stack, nothing, &objects, &more).await.contains("never acknowledged"));
        std::fs::write(path, [0; 1000]).unwrap();
        let said = damaged(&stack, nothing, &objects, &acknowledged).await;
        assert!(said.contains("its row says") && said.contains("not all of its text"), "{said}");
    });
}

/// What the oracle says after this statement, which is taken back.
async fn damaged(stack: &Stack, sql: &'static str, objects: &Objects, acknowledged: &BTreeSet<String>) -> String {
    let options = SqliteConnectOptions::new().filename(stack.direct());
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::query("BEGIN").execute(&mut connection).await.unwrap();
    sqlx::query(sql).execute(&mut connection).await.unwrap();
    // Dropping the connection takes it back.
    verdict(&mut Raw::Sqlite(connection), objects, acknowledged).await
}
