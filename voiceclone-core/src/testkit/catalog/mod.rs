//! The rules of [`Catalog`], one case each.
mod pages;

use std::sync::Arc;

#[allow(clippy::wildcard_imports, reason = "the list of cases below names each of them")]
use pages::*;

use super::{
    Case,
    check::{Checked, cases, ensure_eq, ensure_kind, race, walk},
    records::{changed, deleted_now, new_sample, new_voice, now, owner, to_micros},
};
use crate::{
    consent::Relationship,
    domain::{
        Binding, BindingKey, BindingState, Finding, Measure, QualityReport, SampleState, Verdict, Version, Voice,
        VoiceSample,
    },
    error::ErrorKind,
    id::{Fingerprint, OwnerId, ProviderId, ProviderVoiceId, SampleId, VoiceId},
    store::{BlobKey, Catalog, PageQuery},
};

/// An empty catalog to try the rules on.
#[derive(Debug, Clone)]
pub struct CatalogFixture {
    /// The catalog. Nothing else may write to it.
    pub store: Arc<dyn Catalog>,
}

impl CatalogFixture {
    /// The rules are tried on `store`.
    pub fn new(store: impl Catalog) -> Self {
        Self { store: Arc::new(store) }
    }

    async fn sample(&self, owner: &OwnerId) -> Checked<VoiceSample> {
        let sample = new_sample(owner)?;
        self.store.insert_sample(&sample).await?;
        Ok(sample)
    }

    async fn voice(&self, owner: &OwnerId, name: &str) -> Checked<Voice> {
        let voice = new_voice(owner, name);
        self.store.insert_voice(&voice).await?;
        Ok(voice)
    }

    /// The sample brought to `state` by the moves that lead there.
    async fn moved(&self, mut sample: VoiceSample, path: &[SampleState]) -> Checked<VoiceSample> {
        for &state in path {
            sample = self.store.update_sample(&to_micros(sample.transition(state)?)).await?;
        }
        Ok(sample)
    }

    async fn all_samples(&self, owner: &OwnerId, limit: usize) -> Checked<Vec<Vec<SampleId>>> {
        let query = PageQuery::of(owner.clone()).limit(limit);
        let page = |cursor| {
            let (store, query) = (Arc::clone(&self.store), query.clone().after(cursor));
            async move { store.samples(&query).await }
        };
        walk(None, page, |sample| sample.id).await
    }

    async fn all_voices(&self, owner: &OwnerId, limit: usize) -> Checked<Vec<Vec<VoiceId>>> {
        self.voices_after(None, owner, limit).await
    }

    async fn voices_after(&self, cursor: Option<String>, owner: &OwnerId, limit: usize) -> Checked<Vec<Vec<VoiceId>>> {
        let query = PageQuery::of(owner.clone()).limit(limit);
        let page = |cursor| {
            let (store, query) = (Arc::clone(&self.store), query.clone().after(cursor));
            async move { store.voices(&query).await }
        };
        walk(cursor, page, |voice| voice.id).await
    }
}

/// Every rule of the seam.
pub const CASES: &[Case<CatalogFixture>] = cases![
    every_field_of_a_sample_survives,
    every_field_of_a_voice_survives,
    names_of_every_script_survive,
    an_id_is_taken_once,
    what_was_never_kept_is_not_found,
    a_sample_is_its_owners_alone,
    a_voice_is_its_owners_alone,
    owners_that_look_alike_are_different,
    an_update_is_kept_with_the_next_version,
    an_update_without_a_move_is_kept_in_every_state,
    a_stale_version_is_a_conflict,
    of_sixteen_updates_one_wins,
    a_move_that_the_table_lacks_is_a_conflict,
    a_deleted_voice_does_not_come_back,
    pages_hold_every_record_once_oldest_first,
    records_inserted_while_paging_neither_repeat_nor_hide_others,
    a_cursor_that_no_page_gave_is_invalid,
    deleted_records_leave_the_pages_and_stay_readable,
    owners_are_paged_in_the_order_of_their_bytes,
    an_owner_stays_when_all_is_deleted,
    a_voice_tells_its_owner,
];

/// Makes one test of every rule of [`Catalog`](crate::store::Catalog): `catalog_conformance!(module, fixture)`, where the
/// fixture is an expression, evaluated anew in async context for every test.
///
/// ```
/// use voiceclone_core::{memory::MemoryCatalog, testkit::catalog::CatalogFixture};
/// voiceclone_core::catalog_conformance!(memory_catalog, CatalogFixture::new(MemoryCatalog::new()));
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! catalog_conformance {
    ($module:ident, $fixture:expr) => {
        $crate::__conformance_tests!(
            $module,
            $crate::testkit::catalog::CASES,
            $fixture,
            [
                every_field_of_a_sample_survives,
                every_field_of_a_voice_survives,
                names_of_every_script_survive,
                an_id_is_taken_once,
                what_was_never_kept_is_not_found,
                a_sample_is_its_owners_alone,
                a_voice_is_its_owners_alone,
                owners_that_look_alike_are_different,
                an_update_is_kept_with_the_next_version,
                an_update_without_a_move_is_kept_in_every_state,
                a_stale_version_is_a_conflict,
                of_sixteen_updates_one_wins,
                a_move_that_the_table_lacks_is_a_conflict,
                a_deleted_voice_does_not_come_back,
                pages_hold_every_record_once_oldest_first,
                records_inserted_while_paging_neither_repeat_nor_hide_others,
                a_cursor_that_no_page_gave_is_invalid,
                deleted_records_leave_the_pages_and_stay_readable,
                owners_are_paged_in_the_order_of_their_bytes,
                an_owner_stays_when_all_is_deleted,
                a_voice_tells_its_owner,
            ]
        );
    };
}

const TO_READY: &[SampleState] = &[SampleState::Processing, SampleState::Ready];
const TO_REJECTED: &[SampleState] = &[SampleState::Processing, SampleState::Rejected];

async fn every_field_of_a_sample_survives(f: CatalogFixture) -> Checked {
    let owner = owner("ada")?;
    let plain = f.sample(&owner).await?;
    ensure_eq(&f.store.sample(&owner, plain.id).await?, &plain, "a sample as it was received")?;

    let mut full = to_micros(f.moved(f.sample(&owner).await?, TO_READY).await?);
    full.processed = Some(BlobKey::new("samples/clean.flac")?);
    full.processed_fingerprint = Some(Fingerprint::new("clean-3 b4")?);
    full.quality = Some(QualityReport::new(vec![
        Finding::new(Measure::Loudness, -23.4, Verdict::Ok, "Loud enough."),
        Finding::new(Measure::Snr, 9.5, Verdict::Warn, "Noisy.").advise("Close the window."),
    ]));
    full.rejections = vec!["No speech.".into(), "Too “quiet”.".into()];
    full.consent = full.consent.attested_by("Annabella", Relationship::Other("mother".into())).until(now());
    full.consent.revoked_at = Some(now());
    full.consent.evidence = Some(BlobKey::new("consent/1")?);
    let updated = f.store.update_sample(&full).await?;
    full.version = full.version.next();
    ensure_eq(&updated, &full, "what an update returns")?;
    ensure_eq(f.store.sample(&owner, full.id).await?, full, "a sample with every field set")
}

async fn every_field_of_a_voice_survives(f: CatalogFixture) -> Checked {
    let owner = owner("ada")?;
    let mut voice = f.voice(&owner, "Ada").await?;
    ensure_eq(&f.store.voice(&owner, voice.id).await?, &voice, "a voice as it was made")?;
    for (name, states) in [("one", &[BindingState::Ready][..]), ("two", &[BindingState::Failed]), ("three", &[])] {
        let provider = ProviderId::new(name)?;
        let key = BindingKey { provider: provider.clone(), account: "k-9".into(), clips: Fingerprint::new("c")? };
        let mut binding = states.iter().try_fold(Binding::pending(key), |binding, &state| binding.transition(state))?;
        binding.voice = Some(ProviderVoiceId::new("v/1 é")?);
        binding.failure = (name == "two").then(|| "too short".into());
        binding.updated_at = now();
        voice.bindings.insert(provider, binding);
    }
    voice.samples.reverse();
    let updated = f.store.update_voice(&voice).await?;
    voice.version = voice.version.next();
    ensure_eq(&updated, &voice, "what an update returns")?;
    ensure_eq(f.store.voice(&owner, voice.id).await?, voice, "a voice with every field set")
}

async fn names_of_every_script_survive(f: CatalogFixture) -> Checked {
    for name in ["Zoë", "Zoe\u{308}", "العربية", "日本語 🎤", "O'Brien\"; DROP TABLE voices; --", "%_\\\n\t", ""]
    {
        let owner = owner(format!("owner {}", name.replace(char::is_control, "")).trim_end())?;
        let voice = f.voice(&owner, name).await?;
        ensure_eq(f.store.voice(&owner, voice.id).await?.name, name, "a voice's name")?;
        ensure_eq(f.all_voices(&owner, 10).await?.concat(), vec![voice.id], "the pages of an owner of that name")?;
    }
    Ok(())
}

async fn an_id_is_taken_once(f: CatalogFixture) -> Checked {
    let (ada, bob) = (owner("ada")?, owner("bob")?);
    let (sample, voice) = (f.sample(&ada).await?, f.voice(&ada, "Ada").await?);
    let (mut same_sample, mut same_voice) = (sample.clone(), voice.clone());
    for owner in [&ada, &bob] {
        (same_sample.owner, same_voice.owner) = (owner.clone(), owner.clone());
        same_voice.name = "Eve".into();
        let again = f.store.insert_sample(&same_sample).await;
        ensure_kind(again, ErrorKind::AlreadyExists, "a second sample of one id")?;
        let again = f.store.insert_voice(&same_voice).await;
        ensure_kind(again, ErrorKind::AlreadyExists, "a second voice of one id")?;
    }
    ensure_eq(f.store.sample(&ada, sample.id).await?, sample, "the first sample")?;
    ensure_eq(f.store.voice(&ada, voice.id).await?, voice, "the first voice")
}

async fn what_was_never_kept_is_not_found(f: CatalogFixture) -> Checked {
    let ada = owner("ada")?;
    let (sample, voice) = (new_sample(&ada)?, new_voice(&ada, "Ada"));
    ensure_kind(f.store.sample(&ada, sample.id).await, ErrorKind::NotFound, "reading a sample")?;
    ensure_kind(f.store.update_sample(&sample).await, ErrorKind::NotFound, "updating a sample")?;
    ensure_kind(f.store.voice(&ada, voice.id).await, ErrorKind::NotFound, "reading a voice")?;
    ensure_kind(f.store.update_voice(&voice).await, ErrorKind::NotFound, "updating a voice")?;
    ensure_eq(f.all_samples(&ada, 10).await?, vec![vec![]], "the pages of nobody's samples")?;
    ensure_eq(f.all_voices(&ada, 10).await?, vec![vec![]], "the pages of nobody's voices")
}

async fn a_sample_is_its_owners_alone(f: CatalogFixture) -> Checked {
    let (ada, eve) = (owner("ada")?, owner("eve")?);
    let sample = f.sample(&ada).await?;
    ensure_kind(f.store.sample(&eve, sample.id).await, ErrorKind::NotFound, "another owner reading")?;
    let mut stolen = sample.clone().transition(SampleState::Deleted)?;
    stolen.owner = eve.clone();
    ensure_kind(f.store.update_sample(&stolen).await, ErrorKind::NotFound, "another owner updating")?;
    stolen.version = Version(99);
    ensure_kind(f.store.update_sample(&stolen).await, ErrorKind::NotFound, "another owner's stale update")?;
    ensure_eq(f.all_samples(&eve, 10).await?.concat(), vec![], "another owner's pages")?;
    ensure_eq(f.store.sample(&ada, sample.id).await?, sample, "the sample afterwards")
}

async fn a_voice_is_its_owners_alone(f: CatalogFixture) -> Checked {
    let (ada, eve) = (owner("ada")?, owner("eve")?);
    let voice = f.voice(&ada, "Ada").await?;
    ensure_kind(f.store.voice(&eve, voice.id).await, ErrorKind::NotFound, "another owner reading")?;
    let mut stolen = voice.clone().deleted();
    stolen.owner = eve.clone();
    ensure_kind(f.store.update_voice(&stolen).await, ErrorKind::NotFound, "another owner updating")?;
    ensure_eq(f.all_voices(&eve, 10).await?.concat(), vec![], "another owner's pages")?;
    ensure_eq(f.store.voice(&ada, voice.id).await?, voice, "the voice afterwards")
}

async fn owners_that_look_alike_are_different(f: CatalogFixture) -> Checked {
    let voice = f.voice(&owner("ada")?, "Ada").await?;
    for other in ["Ada", "ada2", "ad", "ad%", "ad_", "a\u{64}a\u{301}"] {
        let other = owner(other)?;
        ensure_kind(f.store.voice(&other, voice.id).await, ErrorKind::NotFound, "another owner reading")?;
        ensure_eq(f.all_voices(&other, 10).await?.concat(), vec![], "another owner's pages")?;
    }
    Ok(())
}

async fn an_update_is_kept_with_the_next_version(f: CatalogFixture) -> Checked {
    let ada = owner("ada")?;
    let (mut sample, mut voice) = (f.sample(&ada).await?, f.voice(&ada, "Ada").await?);
    for round in 2..5 {
        sample.rejections.push(format!("round {round}"));
        sample = f.store.update_sample(&sample).await?;
        voice.name = format!("Ada {round}");
        voice = f.store.update_voice(&voice).await?;
        ensure_eq((sample.version, voice.version), (Version(round), Version(round)), "the versions returned")?;
        ensure_eq(&f.store.sample(&ada, sample.id).await?, &sample, "the sample kept")?;
        ensure_eq(&f.store.voice(&ada, voice.id).await?, &voice, "the voice kept")?;
    }
    Ok(())
}

async fn an_update_without_a_move_is_kept_in_every_state(f: CatalogFixture) -> Checked {
    let ada = owner("ada")?;
    for path in [&[][..], &[SampleState::Processing], TO_READY, TO_REJECTED, &[SampleState::Deleted]] {
        let mut sample = f.moved(f.sample(&ada).await?, path).await?;
        sample.consent = sample.consent.redacted(now());
        sample = f.store.update_sample(&sample).await?;
        ensure_eq(&f.store.sample(&ada, sample.id).await?, &sample, "a sample changed in its state")?;
    }
    let mut voice = f.store.update_voice(&deleted_now(&f.voice(&ada, "Ada").await?)).await?;
    voice.name.clear();
    voice = f.store.update_voice(&voice).await?;
    ensure_eq(f.store.voice(&ada, voice.id).await?.name, "", "the name of a voice emptied after its deletion")
}

async fn a_stale_version_is_a_conflict(f: CatalogFixture) -> Checked {
    let ada = owner("ada")?;
    let (sample, voice) = (f.sample(&ada).await?, f.voice(&ada, "Ada").await?);
    let kept = (f.store.update_sample(&sample).await?, f.store.update_voice(&voice).await?);
    for version in [Version(0), Version(1), Version(3), Version(1 << 40)] {
        let stale = changed(&sample, |s| (s.version, s.rejections) = (version, vec!["stale".into()]));
        ensure_kind(f.store.update_sample(&stale).await, ErrorKind::Conflict, "a sample of another version")?;
        let stale = changed(&voice, |v| (v.version, v.name) = (version, "stale".into()));
        ensure_kind(f.store.update_voice(&stale).await, ErrorKind::Conflict, "a voice of another version")?;
    }
    let found = (f.store.sample(&ada, sample.id).await?, f.store.voice(&ada, voice.id).await?);
    ensure_eq(found, kept, "the records afterwards")
}

async fn of_sixteen_updates_one_wins(f: CatalogFixture) -> Checked {
    let ada = owner("ada")?;
    let voice = f.voice(&ada, "Ada").await?;
    let outcomes = race(16, |i| {
        let (store, mine) = (Arc::clone(&f.store), changed(&voice, |v| v.name = format!("Ada {i}")));
        async move { store.update_voice(&mine).await }
    });
    let (won, lost): (Vec<_>, Vec<_>) = outcomes.await?.into_iter().partition(Result::is_ok);
    for outcome in lost {
        ensure_kind(outcome, ErrorKind::Conflict, "an update that lost")?;
    }
    let won: Vec<Voice> = won.into_iter().flatten().collect();
    ensure_eq(won.len(), 1, "updates that won")?;
    ensure_eq(Some(&f.store.voice(&ada, voice.id).await?), won.first(), "the voice kept")
}

async fn a_move_that_the_table_lacks_is_a_conflict(f: CatalogFixture) -> Checked {
    let ada = owner("ada")?;
    for (path, forbidden) in [
        (&[][..], TO_READY),
        (&[], TO_REJECTED),
        (TO_READY, &[SampleState::Processing]),
        (TO_READY, TO_REJECTED),
        (TO_REJECTED, TO_READY),
        (&[SampleState::Deleted], &[SampleState::Processing]),
        (&[SampleState::Deleted], &[]),
    ] {
        let first = f.sample(&ada).await?;
        let kept = f.moved(first.clone(), path).await?;
        // The forbidden state is reached from the first version, which the store has forgotten.
        let mut bad = forbidden.iter().try_fold(first, |sample, &state| sample.transition(state))?;
        bad.version = kept.version;
        let what = format!("{:?} to {:?}", kept.state(), bad.state());
        ensure_kind(f.store.update_sample(&bad).await, ErrorKind::Conflict, &what)?;
        ensure_eq(f.store.sample(&ada, kept.id).await?, kept, "the sample afterwards")?;
    }
    Ok(())
}

async fn a_deleted_voice_does_not_come_back(f: CatalogFixture) -> Checked {
    let ada = owner("ada")?;
    let voice = f.voice(&ada, "Ada").await?;
    let deleted = f.store.update_voice(&deleted_now(&voice)).await?;
    let revived = changed(&voice, |v| v.version = deleted.version);
    ensure_kind(f.store.update_voice(&revived).await, ErrorKind::Conflict, "bringing a voice back")?;
    ensure_eq(f.store.voice(&ada, deleted.id).await?, deleted, "the voice afterwards")
}
