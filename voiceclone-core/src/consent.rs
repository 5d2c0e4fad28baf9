//! Consent of the person whose voice it is, and the permit that only a valid consent yields.
//!
//! Enrolment is the act of cloning and synthesis the act of speaking: neither request can be built without a [`Permit`],
//! and nothing but [`ConsentPolicy::permit`] makes one. The gate is in the types, so no route around it compiles.
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    error::{Error, ErrorKind, Result},
    id::{ConsentId, OwnerId},
    store::BlobKey,
};

/// What a voice may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Purpose {
    /// Making speech in this voice.
    SpeechSynthesis,
}

/// How the attester stands to the subject.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Relationship {
    /// The subject speaks for themself.
    Myself,
    /// A parent or legal guardian.
    Guardian,
    /// Somebody the subject authorised, such as an employer or an agent.
    Representative,
    /// Anything else, in words.
    Other(String),
}

/// One person's statement that their voice may be cloned. Subject, attester and relationship are three fields: the one
/// who ticks the box need not be the one who is heard.
///
/// ```
/// use voiceclone_core::consent::Consent;
/// let consent = Consent::by_subject("Ada Lovelace");
/// assert_eq!(consent.attester, consent.subject);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Consent {
    /// Its id, which every output names.
    pub id: ConsentId,
    /// Whose voice it is.
    pub subject: String,
    /// Who says so.
    pub attester: String,
    /// How the attester stands to the subject.
    pub relationship: Relationship,
    /// The words that were agreed to.
    pub statement: String,
    /// Which version of those words.
    pub statement_version: String,
    /// What the voice may be used for.
    pub purposes: Vec<Purpose>,
    /// When it was given.
    pub given_at: DateTime<Utc>,
    /// When it lapses, if it does.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was withdrawn, if it was.
    pub revoked_at: Option<DateTime<Utc>>,
    /// A recording or document that proves it.
    pub evidence: Option<BlobKey>,
}

/// The statement that [`Consent::by_subject`] records.
pub const DEFAULT_STATEMENT: &str = "I am the person in this recording, or I speak for them with their knowledge. I agree \
that a synthetic voice is made from it and used to speak text, and I know that I can withdraw this at any time.";

impl Consent {
    /// Consent by `subject` for themself, to [`DEFAULT_STATEMENT`], for speech synthesis, without an end.
    pub fn by_subject(subject: impl Into<String>) -> Self {
        let subject = subject.into();
        Self {
            id: ConsentId::new(),
            attester: subject.clone(),
            subject,
            relationship: Relationship::Myself,
            statement: DEFAULT_STATEMENT.to_owned(),
            statement_version: "1".to_owned(),
            purposes: vec![Purpose::SpeechSynthesis],
            given_at: Utc::now(),
            expires_at: None,
            revoked_at: None,
            evidence: None,
        }
    }

    /// Says who attests it, and how they stand to the subject.
    #[must_use]
    pub fn attested_by(mut self, attester: impl Into<String>, relationship: Relationship) -> Self {
        self.attester = attester.into();
        self.relationship = relationship;
        self
    }

    /// Replaces the statement.
    #[must_use]
    pub fn to_statement(mut self, statement: impl Into<String>, version: impl Into<String>) -> Self {
        self.statement = statement.into();
        self.statement_version = version.into();
        self
    }

    /// Says when it lapses.
    #[must_use]
    pub fn until(mut self, expires_at: DateTime<Utc>) -> Self {
        self.expires_at = Some(expires_at);
        self
    }

    /// The same record with every personal field emptied: what is left of it after an erasure.
    #[must_use]
    pub fn redacted(&self, now: DateTime<Utc>) -> Self {
        Self {
            subject: String::new(),
            attester: String::new(),
            relationship: Relationship::Other(String::new()),
            statement: String::new(),
            evidence: None,
            revoked_at: Some(self.revoked_at.unwrap_or(now)),
            ..self.clone()
        }
    }
}

/// Decides whether a consent covers a use.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct ConsentPolicy {
    /// Refuse consent that only somebody other than the subject attested.
    pub require_self_attestation: bool,
    /// Refuse consent without an evidence blob.
    pub require_evidence: bool,
}

impl ConsentPolicy {
    /// Issues the permit for one use, or says which consent stands in the way and why.
    ///
    /// # Errors
    /// `ConsentRequired` if there is no consent, or one is empty, lapsed, withdrawn, not yet given, for another purpose,
    /// short of what this policy asks, or for another person than the rest.
    pub fn permit(
        &self,
        owner: &OwnerId,
        consents: &[Consent],
        purpose: Purpose,
        now: DateTime<Utc>,
    ) -> Result<Permit> {
        let first = consents.first().ok_or_else(|| refused("no consent was recorded for this voice"))?;
        for consent in consents {
            self.check(consent, purpose, now).map_err(|why| refused(why).with("consent", consent.id))?;
            if consent.subject != first.subject {
                return Err(refused("the recordings of this voice are of different people").with("consent", consent.id));
            }
        }
        Ok(Permit(Arc::new(Granted {
            owner: owner.clone(),
            consents: consents.iter().map(|c| c.id).collect(),
            purpose,
            expires_at: consents.iter().filter_map(|c| c.expires_at).min(),
        })))
    }

    fn check(&self, consent: &Consent, purpose: Purpose, now: DateTime<Utc>) -> Result<(), &'static str> {
        let blank = |s: &str| s.trim().is_empty();
        if blank(&consent.subject) || blank(&consent.attester) || blank(&consent.statement) {
            return Err("the consent must name its subject, its attester and a statement");
        }
        if consent.revoked_at.is_some() {
            return Err("the consent was withdrawn");
        }
        if consent.expires_at.is_some_and(|end| end <= now) {
            return Err("the consent has lapsed");
        }
        if !consent.purposes.contains(&purpose) {
            return Err("the consent was given for another purpose");
        }
        if self.require_self_attestation && consent.relationship != Relationship::Myself {
            return Err("consent must be given by the person in the recording");
        }
        if self.require_evidence && consent.evidence.is_none() {
            return Err("consent must come with evidence");
        }
        Ok(())
    }
}

fn refused(why: &str) -> Error {
    Error::new(ErrorKind::ConsentRequired, why)
}

/// Proof that a consent was checked. Only [`ConsentPolicy::permit`] makes one; it has no other constructor and is not
/// serialisable, so it cannot outlive the check in a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permit(Arc<Granted>);

#[derive(Debug, PartialEq, Eq)]
struct Granted {
    owner: OwnerId,
    consents: Vec<ConsentId>,
    purpose: Purpose,
    expires_at: Option<DateTime<Utc>>,
}

impl Permit {
    /// For whom it was issued.
    pub fn owner(&self) -> &OwnerId {
        &self.0.owner
    }

    /// The consents it rests on; at least one.
    pub fn consents(&self) -> &[ConsentId] {
        &self.0.consents
    }

    /// What it allows.
    pub fn purpose(&self) -> Purpose {
        self.0.purpose
    }

    /// When the first of its consents lapses.
    pub fn expires_at(&self) -> Option<DateTime<Utc>> {
        self.0.expires_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;

    fn ask(policy: &ConsentPolicy, consents: &[Consent]) -> Result<Permit> {
        let owner = OwnerId::new("o").unwrap();
        policy.permit(&owner, consents, Purpose::SpeechSynthesis, Utc::now())
    }

    fn assert_refused(policy: &ConsentPolicy, consents: &[Consent], why: &str) {
        let error = ask(policy, consents).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConsentRequired);
        assert!(error.message().contains(why), "{error}");
    }

    #[test]
    fn a_plain_consent_yields_a_permit_that_names_it() {
        let consent = Consent::by_subject("Ada");
        let permit = ask(&ConsentPolicy::default(), std::slice::from_ref(&consent)).unwrap();
        assert_eq!(permit.consents(), [consent.id]);
    }

    #[test]
    fn every_way_to_lack_consent_is_refused_by_name() {
        let policy = ConsentPolicy::default();
        let ada = || Consent::by_subject("Ada");
        let hour = TimeDelta::hours(1);
        assert_refused(&policy, &[], "no consent");
        assert_refused(&policy, &[ada().until(Utc::now() - hour)], "lapsed");
        assert_refused(&policy, &[Consent { revoked_at: Some(Utc::now()), ..ada() }], "withdrawn");
        assert_refused(&policy, &[Consent { purposes: vec![], ..ada() }], "another purpose");
        assert_refused(&policy, &[Consent { statement: " ".into(), ..ada() }], "statement");
        assert_refused(&policy, &[ada(), Consent::by_subject("Bob")], "different people");
        assert_refused(&policy, &[ada().redacted(Utc::now())], "name its subject");
    }

    #[test]
    fn a_stricter_policy_asks_for_more() {
        let parent = Consent::by_subject("Ada").attested_by("Annabella", Relationship::Guardian);
        let strict = ConsentPolicy { require_self_attestation: true, ..Default::default() };
        assert!(ask(&ConsentPolicy::default(), std::slice::from_ref(&parent)).is_ok());
        assert_refused(&strict, &[parent], "by the person in the recording");
        let evidence = ConsentPolicy { require_evidence: true, ..Default::default() };
        assert_refused(&evidence, &[Consent::by_subject("Ada")], "evidence");
    }

    #[test]
    fn the_earliest_end_bounds_the_permit() {
        let soon = Utc::now() + TimeDelta::hours(1);
        let later = Utc::now() + TimeDelta::hours(2);
        let consents = [Consent::by_subject("Ada").until(later), Consent::by_subject("Ada").until(soon)];
        assert_eq!(ask(&ConsentPolicy::default(), &consents).unwrap().expires_at(), Some(soon));
    }
}
