//! Rows to records and back. Knows columns, not statements.
use std::{str::FromStr, time::Duration};

use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use serde_json::Value;
use sqlx::{Decode, Postgres, Row as _, Type, postgres::PgRow};
use uuid::Uuid;
use voiceclone_core::{
    Error, Result,
    domain::{Job, JobEvent, JobSpec, JobState},
    id::{IdempotencyKey, LeaseId, OwnerId},
    store::Lease,
};

use crate::sql::values::{self, unreadable};

const YEAR: i64 = 365 * 86_400_000_000;
/// The end of time as far as delays and leases go: a thousand centuries.
const FOREVER: i64 = 100_000 * YEAR;
/// Older than everything, and not before the beginning of PostgreSQL's time.
const AGES: i64 = 1000 * YEAR;

/// Microseconds, rounded up so that nothing is due early.
pub(super) fn micros(duration: Duration) -> i64 {
    let micros = duration.as_nanos().div_ceil(1000);
    i64::try_from(micros).unwrap_or(FOREVER).min(FOREVER)
}

/// Microseconds that lie back.
pub(super) fn age(duration: Duration) -> i64 {
    micros(duration).min(AGES)
}

pub(super) fn get<'r, T: Decode<'r, Postgres> + Type<Postgres>>(row: &'r PgRow, column: &'static str) -> Result<T> {
    row.try_get(column).map_err(|e| unreadable(column, e))
}

pub(super) fn parse<T: FromStr<Err = Error>>(row: &PgRow, column: &'static str) -> Result<T> {
    get::<&str>(row, column)?.parse().map_err(|e| unreadable(column, e))
}

pub(super) fn json<T: DeserializeOwned>(row: &PgRow, column: &'static str) -> Result<T> {
    // NULL reads as JSON's null, which is what an absent value of a record is.
    let text = get::<Option<&str>>(row, column)?.unwrap_or("null");
    serde_json::from_str(text).map_err(|e| unreadable(column, e))
}

fn number<T: TryFrom<i64, Error: std::error::Error + Send + Sync + 'static>>(
    row: &PgRow,
    column: &'static str,
) -> Result<T> {
    get::<i64>(row, column)?.try_into().map_err(|e| unreadable(column, e))
}

pub(super) fn lease_id(row: &PgRow) -> Result<LeaseId> {
    get::<Uuid>(row, "lease_id").map(LeaseId::from_uuid)
}

fn state(row: &PgRow) -> Result<JobState> {
    values::state(get(row, "status")?)
}

/// What is asked as two columns: the document without the text that is to be spoken, and that text.
pub(super) fn split_text(spec: &JobSpec) -> Result<(String, Option<String>)> {
    let JobSpec::Speak { request } = spec else { return Ok((values::to_json(spec)?, None)) };
    let text = request.utterance.text.as_str().to_owned();
    let mut document = serde_json::to_value(spec)
        .map_err(|e| Error::unexpected("a record cannot be written as JSON").with_source(e))?;
    if let Some(Value::Object(request)) = document.get_mut("request") {
        request.remove("text");
    }
    Ok((document.to_string(), Some(text)))
}

fn spec(row: &PgRow) -> Result<JobSpec> {
    let Some(text) = get::<Option<&str>>(row, "text")? else { return json(row, "spec") };
    let mut document: Value = json(row, "spec")?;
    if let Some(Value::Object(request)) = document.get_mut("request") {
        request.insert("text".to_owned(), text.into());
    }
    serde_json::from_value(document).map_err(|e| unreadable("spec", e))
}

/// A row of the columns `job!()`.
pub(super) fn job(row: &PgRow) -> Result<Job> {
    let key: Option<&str> = get(row, "idempotency_key")?;
    let time = |column| get::<DateTime<Utc>>(row, column);
    Ok(Job {
        id: parse(row, "job_id")?,
        owner: parse::<OwnerId>(row, "user_id")?,
        spec: spec(row)?,
        state: state(row)?,
        priority: get(row, "priority")?,
        attempt: number(row, "attempt")?,
        max_attempts: number(row, "max_attempts")?,
        crashes: number(row, "crashes")?,
        max_crashes: number(row, "max_crashes")?,
        progress: json(row, "progress")?,
        output: json(row, "output")?,
        error: json(row, "error")?,
        cancel_requested: get(row, "cancel_requested")?,
        idempotency_key: key.map(IdempotencyKey::new).transpose()?,
        run_at: time("run_at")?,
        created_at: time("created_at")?,
        updated_at: time("updated_at")?,
    })
}

/// A row of a claim.
pub(super) fn lease(row: &PgRow) -> Result<Lease> {
    Ok(Lease::new(lease_id(row)?, job(row)?))
}

/// A row of `job_events`.
pub(super) fn event(row: &PgRow) -> Result<JobEvent> {
    Ok(JobEvent {
        job: parse(row, "job_id")?,
        seq: number(row, "seq")?,
        at: get(row, "at")?,
        state: state(row)?,
        progress: json(row, "progress")?,
        error: json(row, "error")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use voiceclone_core::{id::VoiceId, speak::SpeakRequest};

    #[test]
    fn a_delay_is_never_cut_short() {
        assert_eq!(micros(Duration::ZERO), 0);
        assert_eq!(micros(Duration::from_nanos(1)), 1);
        assert_eq!(micros(Duration::from_millis(7)), 7000);
        assert_eq!(micros(Duration::MAX), FOREVER);
    }

    #[test]
    fn the_text_is_in_its_own_column_only() {
        let request = SpeakRequest::new(VoiceId::new(), "Good morning.").unwrap().language("en");
        let (document, text) = split_text(&JobSpec::Speak { request }).unwrap();
        assert_eq!(text.as_deref(), Some("Good morning."));
        assert!(document.contains("\"en\"") && !document.contains("Good morning"), "{document}");
    }
}
