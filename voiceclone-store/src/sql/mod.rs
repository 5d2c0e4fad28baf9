//! What the SQL stores share: records and their pages, the words of a refusal, values, and following a job. Knows no
//! database and no statement.
pub(crate) mod follow;
pub(crate) mod record;
pub(crate) mod refuse;
pub(crate) mod values;
