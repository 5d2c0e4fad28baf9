//! Rows to records and back. Knows columns, not statements.
use std::{str::FromStr, time::Duration};

use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use sqlx::{Decode, Row as _, Sqlite, Type, sqlite::SqliteRow};
use voiceclone_core::{
    Error, Result,
    domain::{Job, JobEvent, JobState},
    id::{IdempotencyKey, OwnerId},
    store::Lease,
};

use crate::{
    outbox::{OutboxMessage, OutboxWaiting},
    sql::values::{self, unreadable},
};

/// The end of time as far as delays and leases go: a thousand centuries.
const FOREVER: i64 = 100_000 * 365 * 86_400_000;

/// Milliseconds, rounded up so that nothing is due early.
pub(super) fn millis(duration: Duration) -> i64 {
    let millis = duration.as_nanos().div_ceil(1_000_000);
    i64::try_from(millis).unwrap_or(FOREVER).min(FOREVER)
}

pub(super) fn get<'r, T: Decode<'r, Sqlite> + Type<Sqlite>>(row: &'r SqliteRow, column: &'static str) -> Result<T> {
    row.try_get(column).map_err(|e| unreadable(column, e))
}

pub(super) fn parse<T: FromStr<Err = Error>>(row: &SqliteRow, column: &'static str) -> Result<T> {
    get::<&str>(row, column)?.parse().map_err(|e| unreadable(column, e))
}

pub(super) fn json<T: DeserializeOwned>(row: &SqliteRow, column: &'static str) -> Result<T> {
    // NULL reads as JSON's null, which is what an absent value of a record is.
    let text = get::<Option<&str>>(row, column)?.unwrap_or("null");
    serde_json::from_str(text).map_err(|e| unreadable(column, e))
}

fn number<T: TryFrom<i64, Error: std::error::Error + Send + Sync + 'static>>(
    row: &SqliteRow,
    column: &'static str,
) -> Result<T> {
    get::<i64>(row, column)?.try_into().map_err(|e| unreadable(column, e))
}

fn time(row: &SqliteRow, column: &'static str) -> Result<DateTime<Utc>> {
    let millis: i64 = get(row, column)?;
    let time = DateTime::from_timestamp_millis(millis);
    time.ok_or_else(|| Error::unexpected("a stored time is out of range").with("column", column))
}

fn state(row: &SqliteRow) -> Result<JobState> {
    values::state(get(row, "status")?)
}

/// A row of the columns `job!()`.
pub(super) fn job(row: &SqliteRow) -> Result<Job> {
    let key: Option<&str> = get(row, "idempotency_key")?;
    Ok(Job {
        id: parse(row, "job_id")?,
        owner: parse::<OwnerId>(row, "user_id")?,
        spec: json(row, "spec")?,
        state: state(row)?,
        priority: number(row, "priority")?,
        attempt: number(row, "attempt")?,
        max_attempts: number(row, "max_attempts")?,
        crashes: number(row, "crashes")?,
        max_crashes: number(row, "max_crashes")?,
        progress: json(row, "progress")?,
        output: json(row, "output")?,
        error: json(row, "error")?,
        cancel_requested: get(row, "cancel_requested")?,
        idempotency_key: key.map(IdempotencyKey::new).transpose()?,
        run_at: time(row, "run_at")?,
        created_at: time(row, "created_at")?,
        updated_at: time(row, "updated_at")?,
    })
}

/// A row of a claim.
pub(super) fn lease(row: &SqliteRow) -> Result<Lease> {
    Ok(Lease::new(parse(row, "lease_id")?, job(row)?))
}

/// A row of `outbox`.
pub(super) fn message(row: &SqliteRow) -> Result<OutboxMessage> {
    Ok(OutboxMessage {
        id: get(row, "id")?,
        job: parse(row, "job_id")?,
        owner: parse(row, "user_id")?,
        kind: get(row, "kind")?,
        state: state(row)?,
        at: time(row, "at")?,
        deliveries: number(row, "deliveries")?,
    })
}

/// How many messages wait, and for how long the oldest has.
pub(super) fn waiting(row: &SqliteRow) -> Result<OutboxWaiting> {
    let age: Option<i64> = get(row, "age")?;
    let oldest = age.map(|age| Duration::from_millis(age.try_into().unwrap_or_default()));
    Ok(OutboxWaiting { count: number(row, "waiting")?, oldest })
}

/// A row of `job_events`.
pub(super) fn event(row: &SqliteRow) -> Result<JobEvent> {
    Ok(JobEvent {
        job: parse(row, "job_id")?,
        seq: number(row, "seq")?,
        at: time(row, "at")?,
        state: state(row)?,
        progress: json(row, "progress")?,
        error: json(row, "error")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delay_is_never_cut_short() {
        assert_eq!(millis(Duration::ZERO), 0);
        assert_eq!(millis(Duration::from_nanos(1)), 1);
        assert_eq!(millis(Duration::from_millis(7)), 7);
        let far = Utc::now().timestamp_millis() + millis(Duration::MAX);
        assert!(DateTime::from_timestamp_millis(far).is_some());
    }
}
