//! Random operations on catalogs.
use std::num::NonZeroUsize;

use proptest::{arbitrary::any, collection::vec, prop_oneof, strategy::Strategy};

use super::told;
use crate::{
    domain::{SampleState, Voice, VoiceSample},
    error::Result,
    id::{OwnerId, SampleId, VoiceId},
    memory::MemoryCatalog,
    store::{Catalog, Page, PageQuery},
    testkit::{
        check::Checked,
        records::{deleted_now, new_sample, new_voice, owner, to_micros},
    },
};

const OWNERS: usize = 2;
const SLOTS: usize = 5;

/// One random operation. A slot is a record, made before the sequence; an owner is a number.
#[derive(Debug, Clone)]
pub(super) enum Op {
    Insert {
        slot: usize,
    },
    Read {
        owner: usize,
        slot: usize,
    },
    /// Writes a copy that was written before, moved on as far as it goes, under the newest version or its own.
    UpdateSample {
        slot: usize,
        copy: usize,
        path: Vec<usize>,
        newest: bool,
    },
    UpdateVoice {
        slot: usize,
        copy: usize,
        delete: bool,
        newest: bool,
    },
    Page {
        owner: usize,
        limit: usize,
    },
    /// Every owner, so many at a time.
    Owners {
        limit: usize,
    },
    VoiceOwner {
        slot: usize,
    },
}

pub(super) fn op() -> impl Strategy<Value = Op> {
    let path = vec(0..SampleState::ALL.len(), 0..3);
    prop_oneof![
        3 => (0..SLOTS).prop_map(|slot| Op::Insert { slot }),
        1 => (0..OWNERS, 0..SLOTS).prop_map(|(owner, slot)| Op::Read { owner, slot }),
        6 => (0..SLOTS, 0..4_usize, path, any::<bool>())
            .prop_map(|(slot, copy, path, newest)| Op::UpdateSample { slot, copy, path, newest }),
        4 => (0..SLOTS, 0..4_usize, any::<bool>(), any::<bool>())
            .prop_map(|(slot, copy, delete, newest)| Op::UpdateVoice { slot, copy, delete, newest }),
        2 => (0..OWNERS, 1..4_usize).prop_map(|(owner, limit)| Op::Page { owner, limit }),
        1 => (1..4_usize).prop_map(|limit| Op::Owners { limit }),
        1 => (0..SLOTS).prop_map(|slot| Op::VoiceOwner { slot }),
    ]
}

/// One operation with everything it says: the same for both sides.
#[derive(Debug)]
pub(super) enum Call {
    Insert(Box<VoiceSample>, Voice),
    Read(OwnerId, SampleId, VoiceId),
    UpdateSample(Box<VoiceSample>),
    UpdateVoice(Voice),
    Page(OwnerId, usize),
    Owners(NonZeroUsize),
    VoiceOwner(VoiceId),
}

/// The records of a sequence: for each slot every copy that was written.
pub(super) struct Records {
    owners: Vec<OwnerId>,
    samples: Vec<Vec<VoiceSample>>,
    voices: Vec<Vec<Voice>>,
}

#[expect(clippy::indexing_slicing, reason = "owners and slots are below their numbers, a slot has a copy")]
impl Records {
    pub(super) fn new() -> Checked<Self> {
        let owners = ["ada", "bob"].map(owner).into_iter().collect::<Checked<Vec<_>>>()?;
        let of = |slot: usize| &owners[slot % OWNERS];
        let samples = (0..SLOTS).map(|slot| Ok(vec![new_sample(of(slot))?])).collect::<Checked<_>>()?;
        let voices = (0..SLOTS).map(|slot| vec![new_voice(of(slot), "Ada")]).collect();
        Ok(Self { owners, samples, voices })
    }

    pub(super) async fn call(&mut self, op: &Op, model: &MemoryCatalog) -> Call {
        match *op {
            Op::Insert { slot } => Call::Insert(Box::new(self.samples[slot][0].clone()), self.voices[slot][0].clone()),
            Op::Read { owner, slot } => {
                Call::Read(self.owners[owner].clone(), self.samples[slot][0].id, self.voices[slot][0].id)
            }
            Op::UpdateSample { slot, copy, ref path, newest } => {
                let copies = &mut self.samples[slot];
                let mut sample = copies[copy % copies.len()].clone();
                for &state in path {
                    sample = sample.clone().transition(SampleState::ALL[state]).map_or(sample, to_micros);
                }
                if let (true, Ok(kept)) = (newest, model.sample(&sample.owner, sample.id).await) {
                    sample.version = kept.version;
                }
                sample.rejections = vec![format!("copy {}", copies.len())];
                copies.push(sample.clone());
                Call::UpdateSample(Box::new(sample))
            }
            Op::UpdateVoice { slot, copy, delete, newest } => {
                let copies = &mut self.voices[slot];
                let copy = &copies[copy % copies.len()];
                let mut voice = if delete { deleted_now(copy) } else { copy.clone() };
                if let (true, Ok(kept)) = (newest, model.voice(&voice.owner, voice.id).await) {
                    voice.version = kept.version;
                }
                voice.name = format!("copy {}", copies.len());
                copies.push(voice.clone());
                Call::UpdateVoice(voice)
            }
            Op::Page { owner, limit } => Call::Page(self.owners[owner].clone(), limit),
            Op::Owners { limit } => Call::Owners(NonZeroUsize::new(limit).unwrap_or(NonZeroUsize::MIN)),
            Op::VoiceOwner { slot } => Call::VoiceOwner(self.voices[slot][0].id),
        }
    }
}

/// What a catalog answers.
pub(super) async fn answer(store: &dyn Catalog, call: &Call) -> String {
    match call {
        Call::Insert(sample, voice) => told(store.insert_sample(sample).await) + &told(store.insert_voice(voice).await),
        Call::Read(owner, sample, voice) => {
            told(store.sample(owner, *sample).await) + &told(store.voice(owner, *voice).await)
        }
        Call::UpdateSample(sample) => told(store.update_sample(sample).await),
        Call::UpdateVoice(voice) => told(store.update_voice(voice).await),
        Call::Page(owner, limit) => {
            let (mut answer, mut query) = (String::new(), PageQuery::of(owner.clone()).limit(*limit));
            loop {
                let (samples, next) = page(store.samples(&query).await);
                answer += &samples;
                query = query.after(next);
                if query.after.is_none() {
                    break;
                }
            }
            loop {
                let (voices, next) = page(store.voices(&query).await);
                answer += &voices;
                query = query.after(next);
                if query.after.is_none() {
                    return answer;
                }
            }
        }
        Call::Owners(limit) => told(owners(store, *limit).await),
        Call::VoiceOwner(voice) => told(store.voice_owner(*voice).await),
    }
}

async fn owners(store: &dyn Catalog, limit: NonZeroUsize) -> Result<Vec<Vec<OwnerId>>> {
    let mut pages = vec![store.owners(None, limit).await?];
    while let Some(last) = pages.last().and_then(|page| page.last()) {
        let next = store.owners(Some(last.clone()), limit).await?;
        pages.push(next);
    }
    Ok(pages)
}

/// A page as it is told, apart from its cursor, which is the store's own.
fn page<T: std::fmt::Debug>(page: Result<Page<T>>) -> (String, Option<String>) {
    match page {
        Ok(Page { items, next }) => (format!("{items:?}, more: {}", next.is_some()), next),
        Err(error) => (told::<()>(Err(error)), None),
    }
}
