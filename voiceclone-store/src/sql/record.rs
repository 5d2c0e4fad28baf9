//! What samples and voices have in common, and pages of anything that has an id.
use std::{fmt, str::FromStr};

use chrono::{DateTime, Utc};
use serde::{Serialize, de::DeserializeOwned};
use voiceclone_core::{
    Error, Result,
    domain::{SampleState, Version, Voice, VoiceSample, VoiceState},
    id::{OwnerId, SampleId, VoiceId},
    store::Page,
};

/// A document with an owner and a version. Each database adds the statements of its table.
pub(crate) trait Record: Clone + Serialize + DeserializeOwned + Send + Sync {
    type Id: fmt::Display + FromStr<Err = Error> + Copy + Send + Sync;
    type State: Serialize + Send;
    const WHAT: &'static str;

    fn id(&self) -> Self::Id;
    fn owner(&self) -> &OwnerId;
    fn version(&mut self) -> &mut Version;
    /// When it was made, and when it last changed.
    fn times(&self) -> [DateTime<Utc>; 2];
    /// The kept states that this record may replace.
    fn origins(&self) -> Vec<Self::State>;
}

impl Record for VoiceSample {
    type Id = SampleId;
    type State = SampleState;
    const WHAT: &'static str = "sample";

    fn id(&self) -> SampleId {
        self.id
    }

    fn owner(&self) -> &OwnerId {
        &self.owner
    }

    fn version(&mut self) -> &mut Version {
        &mut self.version
    }

    fn times(&self) -> [DateTime<Utc>; 2] {
        [self.created_at, self.updated_at]
    }

    fn origins(&self) -> Vec<SampleState> {
        let state = self.state();
        SampleState::ALL.into_iter().filter(|kept| *kept == state || kept.can_become(state)).collect()
    }
}

impl Record for Voice {
    type Id = VoiceId;
    type State = VoiceState;
    const WHAT: &'static str = "voice";

    fn id(&self) -> VoiceId {
        self.id
    }

    fn owner(&self) -> &OwnerId {
        &self.owner
    }

    fn version(&mut self) -> &mut Version {
        &mut self.version
    }

    fn times(&self) -> [DateTime<Utc>; 2] {
        [self.created_at, self.updated_at]
    }

    fn origins(&self) -> Vec<VoiceState> {
        match self.state() {
            VoiceState::Deleted => vec![VoiceState::Active, VoiceState::Deleted],
            _ => vec![VoiceState::Active],
        }
    }
}

/// Where a page begins, which is after the id that its cursor is; every id is greater than no id.
pub(crate) fn cursor<Id: FromStr<Err = Error> + fmt::Display>(after: Option<&str>) -> Result<String> {
    let id = after.map(str::parse::<Id>).transpose()?;
    Ok(id.map(|id| id.to_string()).unwrap_or_default())
}

/// One page of the records found, of which there is one more than asked if there are more.
pub(crate) fn page_of<T, Id: fmt::Display>(mut found: Vec<T>, limit: usize, id: impl Fn(&T) -> Id) -> Page<T> {
    let has_more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| has_more).map(|last| id(last).to_string());
    Page::new(found, next)
}
