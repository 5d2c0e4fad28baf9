//! Paging records, and walking over all owners.
use std::num::NonZeroUsize;

use super::CatalogFixture;
use crate::{
    domain::SampleState,
    error::ErrorKind,
    id::{OwnerId, VoiceId},
    store::PageQuery,
    testkit::{
        Failure,
        check::{Checked, ensure, ensure_eq, ensure_kind},
        records::{deleted_now, new_sample, new_voice, owner},
    },
};

fn chunked<Id: Copy>(ids: &[Id], limit: usize) -> Vec<Vec<Id>> {
    ids.chunks(limit).map(<[Id]>::to_vec).collect()
}

pub(super) async fn pages_hold_every_record_once_oldest_first(f: CatalogFixture) -> Checked {
    let (ada, bob) = (owner("ada")?, owner("bob")?);
    let (mut samples, mut voices) = (Vec::new(), Vec::new());
    for _ in 0..12 {
        samples.push(new_sample(&ada)?);
        voices.push(new_voice(&ada, "Ada"));
        f.sample(&bob).await?;
        f.voice(&bob, "Bob").await?;
    }
    // Newest first, so that the order of insertion is not the order of the ids.
    for (sample, voice) in samples.iter().zip(&voices).rev() {
        f.store.insert_sample(sample).await?;
        f.store.insert_voice(voice).await?;
    }
    let samples: Vec<_> = samples.iter().map(|sample| sample.id).collect();
    let voices: Vec<_> = voices.iter().map(|voice| voice.id).collect();
    for limit in [1, 4, 5, 12, 100] {
        ensure_eq(f.all_samples(&ada, limit).await?, chunked(&samples, limit), "the pages of samples")?;
        ensure_eq(f.all_voices(&ada, limit).await?, chunked(&voices, limit), "the pages of voices")?;
    }
    Ok(())
}

pub(super) async fn records_inserted_while_paging_neither_repeat_nor_hide_others(f: CatalogFixture) -> Checked {
    let ada = owner("ada")?;
    let early = new_voice(&ada, "early");
    let mut expected = Vec::new();
    for _ in 0..4 {
        expected.push(f.voice(&ada, "Ada").await?.id);
    }
    let query = PageQuery::of(ada.clone()).limit(2);
    let first = f.store.voices(&query).await?;
    f.store.insert_voice(&early).await?;
    expected.push(f.voice(&ada, "late").await?.id);
    let mut found: Vec<_> = first.items.iter().map(|voice| voice.id).collect();
    found.extend(f.voices_after(first.next, &ada, 2).await?.concat());
    ensure_eq(found, expected, "the records paged while others came")
}

pub(super) async fn a_cursor_that_no_page_gave_is_invalid(f: CatalogFixture) -> Checked {
    let ada = owner("ada")?;
    f.sample(&ada).await?;
    f.voice(&ada, "Ada").await?;
    for garbage in ["", "garbage", "smp_", "voc_zz", "' OR 1=1 --", "ä"] {
        let query = PageQuery::of(ada.clone()).after(Some(garbage.into()));
        ensure_kind(f.store.samples(&query).await, ErrorKind::InvalidInput, "paging samples")?;
        ensure_kind(f.store.voices(&query).await, ErrorKind::InvalidInput, "paging voices")?;
    }
    Ok(())
}

pub(super) async fn deleted_records_leave_the_pages_and_stay_readable(f: CatalogFixture) -> Checked {
    let ada = owner("ada")?;
    let (mut samples, mut voices) = (Vec::new(), Vec::new());
    for i in 0..9 {
        let (sample, voice) = (f.sample(&ada).await?, f.voice(&ada, "Ada").await?);
        if i % 3 == 0 {
            samples.push(sample.id);
            voices.push(voice.id);
            continue;
        }
        let sample = f.moved(sample, &[SampleState::Deleted]).await?;
        ensure_eq(f.store.sample(&ada, sample.id).await?, sample, "a deleted sample")?;
        let voice = f.store.update_voice(&deleted_now(&voice)).await?;
        ensure_eq(f.store.voice(&ada, voice.id).await?, voice, "a deleted voice")?;
    }
    for limit in [1, 2, 3, 100] {
        ensure_eq(f.all_samples(&ada, limit).await?, chunked(&samples, limit), "the pages of samples")?;
        ensure_eq(f.all_voices(&ada, limit).await?, chunked(&voices, limit), "the pages of voices")?;
    }
    Ok(())
}

async fn owners_after(f: &CatalogFixture, mut after: Option<OwnerId>, limit: usize) -> Checked<Vec<OwnerId>> {
    let limit = NonZeroUsize::new(limit).unwrap_or(NonZeroUsize::MIN);
    let mut all = Vec::new();
    for _ in 0..100 {
        let page = f.store.owners(after, limit).await?;
        ensure(page.len() <= limit.get(), "a page of owners is longer than its limit")?;
        after = page.last().cloned();
        if after.is_none() {
            return Ok(all);
        }
        all.extend(page);
    }
    Err(Failure("the pages of owners never end".into()))
}

pub(super) async fn owners_are_paged_in_the_order_of_their_bytes(f: CatalogFixture) -> Checked {
    ensure_eq(owners_after(&f, None, 10).await?, [], "the owners of nothing")?;
    let names = ["zoë", "ada", "Zoe", "日本", "b", "😀", "Ada", "a b", "ÿ", "ad%", "～", "ab", "B", "é", "e\u{301}"];
    let owners = names.into_iter().map(owner).collect::<Checked<Vec<_>>>()?;
    for _ in 0..2 {
        for owner in &owners {
            f.sample(owner).await?;
        }
    }
    let mut expected = owners;
    expected.sort_by(|a, b| a.as_str().as_bytes().cmp(b.as_str().as_bytes()));
    for limit in [1, 2, 4, 15, 100] {
        ensure_eq(owners_after(&f, None, limit).await?, &*expected, "the owners")?;
    }
    for after in ["A", "Ada", "c", "～", "😀"] {
        let later: Vec<_> = expected.iter().filter(|owner| owner.as_str() > after).cloned().collect();
        ensure_eq(owners_after(&f, Some(owner(after)?), 2).await?, later, "the owners after one")?;
    }
    Ok(())
}

pub(super) async fn an_owner_stays_when_all_is_deleted(f: CatalogFixture) -> Checked {
    let (ada, bob) = (owner("ada")?, owner("bob")?);
    for owner in [&ada, &bob] {
        f.sample(owner).await?;
    }
    let only = f.all_samples(&ada, 10).await?.concat();
    for id in only {
        f.moved(f.store.sample(&ada, id).await?, &[SampleState::Deleted]).await?;
    }
    ensure_eq(owners_after(&f, None, 10).await?, [ada, bob], "the owners")
}

pub(super) async fn a_voice_tells_its_owner(f: CatalogFixture) -> Checked {
    for name in ["ada", "Ada", "Zoë 🎤"] {
        let owner = owner(name)?;
        let voice = f.voice(&owner, "Ada").await?;
        ensure_eq(&f.store.voice_owner(voice.id).await?, &owner, "the owner of a voice")?;
        let voice = f.store.update_voice(&deleted_now(&voice)).await?;
        ensure_eq(f.store.voice_owner(voice.id).await?, owner, "the owner of a deleted voice")?;
    }
    ensure_kind(f.store.voice_owner(VoiceId::new()).await, ErrorKind::NotFound, "the owner of no voice")
}
