//! A catalog with one fault.
use std::{collections::HashMap, num::NonZeroUsize, sync::Mutex};

use voiceclone_core::{
    Error, ErrorKind, Result, async_trait,
    domain::{SampleState, Version, Voice, VoiceSample, VoiceState},
    id::{OwnerId, SampleId, VoiceId},
    memory::MemoryCatalog,
    store::{Catalog, Page, PageQuery},
    testkit::catalog::{CASES, CatalogFixture},
};

#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    ForgetsAField,
    KeepsNamesInAscii,
    TakesAnIdTwice,
    InsertsOnUpdate,
    ShowsSamplesToAnyone,
    FoldsTheCaseOfOwners,
    KeepsTheVersion,
    RefusesAnUpdateWithoutAMove,
    TakesStaleVersions,
    ChecksThenWrites,
    AllowsEveryMove,
    RevivesVoices,
    RepeatsARecord,
    PagesByOffset,
    StartsOverOnGarbage,
    HidesTheDeleted,
    OrdersOwnersByCase,
    RepeatsOwners,
    ForgetsOwnersOfTheDeleted,
    OwnsOnlyTheLiving,
}

#[derive(Debug)]
struct FaultyCatalog {
    inner: MemoryCatalog,
    fault: Fault,
    owners: Mutex<HashMap<SampleId, OwnerId>>,
}

impl FaultyCatalog {
    fn new(fault: Fault) -> Self {
        Self { inner: MemoryCatalog::new(), fault, owners: Mutex::default() }
    }

    /// The voice with the version that is kept, so that the compare-and-set lets it pass.
    async fn forced(&self, voice: &Voice) -> Result<Voice> {
        let mut voice = voice.clone();
        voice.version = self.inner.voice(&voice.owner, voice.id).await?.version;
        self.inner.update_voice(&voice).await
    }

    fn folded(&self, owner: &OwnerId) -> OwnerId {
        let fold = self.fault == Fault::FoldsTheCaseOfOwners;
        if fold { OwnerId::new(owner.as_str().to_lowercase()).unwrap() } else { owner.clone() }
    }
}

fn is<T>(result: &Result<T>, kind: ErrorKind) -> bool {
    matches!(result, Err(error) if error.kind() == kind)
}

#[async_trait]
impl Catalog for FaultyCatalog {
    async fn insert_sample(&self, sample: &VoiceSample) -> Result<()> {
        self.owners.lock().unwrap().insert(sample.id, sample.owner.clone());
        let inserted = self.inner.insert_sample(sample).await;
        if self.fault == Fault::TakesAnIdTwice { Ok(()) } else { inserted }
    }

    async fn sample(&self, owner: &OwnerId, id: SampleId) -> Result<VoiceSample> {
        let real = self.owners.lock().unwrap().get(&id).cloned().filter(|_| self.fault == Fault::ShowsSamplesToAnyone);
        let mut sample = self.inner.sample(real.as_ref().unwrap_or(owner), id).await?;
        match self.fault {
            Fault::ForgetsAField => sample.consent.expires_at = None,
            Fault::HidesTheDeleted if sample.state() == SampleState::Deleted => {
                return Err(Error::not_found("sample", id));
            }
            _ => {}
        }
        Ok(sample)
    }

    async fn samples(&self, query: &PageQuery) -> Result<Page<VoiceSample>> {
        let page = self.inner.samples(query).await;
        let over = self.fault == Fault::StartsOverOnGarbage && page.is_err();
        if over { self.inner.samples(&query.clone().after(None)).await } else { page }
    }

    async fn update_sample(&self, sample: &VoiceSample) -> Result<VoiceSample> {
        let kept = self.inner.sample(&sample.owner, sample.id).await?;
        if self.fault == Fault::RefusesAnUpdateWithoutAMove && kept.state() == sample.state() {
            return Err(Error::new(ErrorKind::Conflict, "no move"));
        }
        let updated = self.inner.update_sample(sample).await;
        let forbidden = is(&updated, ErrorKind::Conflict) && kept.version == sample.version;
        if self.fault == Fault::AllowsEveryMove && forbidden { Ok(sample.clone()) } else { updated }
    }

    async fn insert_voice(&self, voice: &Voice) -> Result<()> {
        let mut voice = voice.clone();
        if self.fault == Fault::KeepsNamesInAscii {
            voice.name.retain(|c| c.is_ascii());
        }
        self.inner.insert_voice(&voice).await
    }

    async fn voice(&self, owner: &OwnerId, id: VoiceId) -> Result<Voice> {
        self.inner.voice(&self.folded(owner), id).await
    }

    async fn voices(&self, query: &PageQuery) -> Result<Page<Voice>> {
        let mut query = query.clone();
        query.owner = self.folded(&query.owner);
        if self.fault != Fault::PagesByOffset {
            let mut page = self.inner.voices(&query).await?;
            if let (Fault::RepeatsARecord, [.., before, _], Some(_)) = (self.fault, &*page.items, &page.next) {
                page.next = Some(before.id.to_string());
            }
            return Ok(page);
        }
        let offset = query.after.as_ref().map_or(Ok(0), |cursor| cursor.parse());
        let offset: usize = offset.map_err(|_| Error::invalid("no page gave this cursor"))?;
        let all = self.inner.voices(&PageQuery::of(query.owner).limit(1000)).await?.items;
        let end = (offset + query.limit).min(all.len());
        Ok(Page::new(all[offset..end].to_vec(), (end < all.len()).then(|| end.to_string())))
    }

    async fn update_voice(&self, voice: &Voice) -> Result<Voice> {
        let kept = self.inner.voice(&voice.owner, voice.id).await;
        match (self.fault, kept) {
            (Fault::InsertsOnUpdate, Err(_)) => self.inner.insert_voice(voice).await.map(|()| voice.clone()),
            (Fault::TakesStaleVersions, Ok(_)) => self.forced(voice).await,
            (Fault::ChecksThenWrites, Ok(kept)) if kept.version == voice.version => {
                tokio::task::yield_now().await;
                self.forced(voice).await
            }
            (Fault::RevivesVoices, Ok(kept)) if kept.version == voice.version => {
                let updated = self.inner.update_voice(voice).await;
                if is(&updated, ErrorKind::Conflict) { Ok(voice.clone()) } else { updated }
            }
            (Fault::KeepsTheVersion, Ok(_)) => {
                let mut updated = self.inner.update_voice(voice).await?;
                updated.version = Version(updated.version.0 - 1);
                Ok(updated)
            }
            _ => self.inner.update_voice(voice).await,
        }
    }

    async fn owners(&self, after: Option<OwnerId>, limit: NonZeroUsize) -> Result<Vec<OwnerId>> {
        let mut owners = self.inner.owners(None, NonZeroUsize::MAX).await?;
        match self.fault {
            Fault::OrdersOwnersByCase => owners.sort_by_key(|owner| (owner.as_str().to_lowercase(), owner.clone())),
            Fault::ForgetsOwnersOfTheDeleted => {
                let mut living = Vec::new();
                for owner in owners {
                    if !self.inner.samples(&PageQuery::of(owner.clone())).await?.items.is_empty() {
                        living.push(owner);
                    }
                }
                owners = living;
            }
            _ => {}
        }
        let repeats = self.fault == Fault::RepeatsOwners && limit.get() > 1;
        let from = after.map_or(0, |after| {
            let known = owners.iter().position(|owner| *owner == after).map(|i| if repeats { i } else { i + 1 });
            known.unwrap_or_else(|| owners.iter().position(|owner| *owner > after).unwrap_or(owners.len()))
        });
        Ok(owners.into_iter().skip(from).take(limit.get()).collect())
    }

    async fn voice_owner(&self, id: VoiceId) -> Result<OwnerId> {
        let owner = self.inner.voice_owner(id).await?;
        let is_deleted = self.inner.voice(&owner, id).await?.state() == VoiceState::Deleted;
        let hides = self.fault == Fault::OwnsOnlyTheLiving && is_deleted;
        if hides { Err(Error::not_found("voice", id)) } else { Ok(owner) }
    }
}

#[test]
fn every_faulty_catalog_is_caught() {
    for (fault, case) in [
        (Fault::ForgetsAField, "every_field_of_a_sample_survives"),
        (Fault::KeepsNamesInAscii, "names_of_every_script_survive"),
        (Fault::TakesAnIdTwice, "an_id_is_taken_once"),
        (Fault::InsertsOnUpdate, "what_was_never_kept_is_not_found"),
        (Fault::ShowsSamplesToAnyone, "a_sample_is_its_owners_alone"),
        (Fault::FoldsTheCaseOfOwners, "owners_that_look_alike_are_different"),
        (Fault::KeepsTheVersion, "an_update_is_kept_with_the_next_version"),
        (Fault::RefusesAnUpdateWithoutAMove, "an_update_without_a_move_is_kept_in_every_state"),
        (Fault::TakesStaleVersions, "a_stale_version_is_a_conflict"),
        (Fault::ChecksThenWrites, "of_sixteen_updates_one_wins"),
        (Fault::AllowsEveryMove, "a_move_that_the_table_lacks_is_a_conflict"),
        (Fault::RevivesVoices, "a_deleted_voice_does_not_come_back"),
        (Fault::RepeatsARecord, "pages_hold_every_record_once_oldest_first"),
        (Fault::PagesByOffset, "records_inserted_while_paging_neither_repeat_nor_hide_others"),
        (Fault::StartsOverOnGarbage, "a_cursor_that_no_page_gave_is_invalid"),
        (Fault::HidesTheDeleted, "deleted_records_leave_the_pages_and_stay_readable"),
        (Fault::OrdersOwnersByCase, "owners_are_paged_in_the_order_of_their_bytes"),
        (Fault::RepeatsOwners, "owners_are_paged_in_the_order_of_their_bytes"),
        (Fault::ForgetsOwnersOfTheDeleted, "an_owner_stays_when_all_is_deleted"),
        (Fault::OwnsOnlyTheLiving, "a_voice_tells_its_owner"),
    ] {
        super::assert_caught(CASES, &format!("{fault:?}"), case, || CatalogFixture::new(FaultyCatalog::new(fault)));
    }
}

#[test]
fn the_model_test_catches_faulty_catalogs() {
    for fault in [
        Fault::TakesStaleVersions,
        Fault::AllowsEveryMove,
        Fault::HidesTheDeleted,
        Fault::RepeatsARecord,
        Fault::ForgetsOwnersOfTheDeleted,
        Fault::OwnsOnlyTheLiving,
    ] {
        super::assert_panics(&format!("{fault:?}"), || {
            voiceclone_core::testkit::model::catalog_model_test(256, async || FaultyCatalog::new(fault));
        });
    }
}
