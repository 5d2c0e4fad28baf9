//! What is dropped stops, and what runs at once does not mix.
use futures_util::{FutureExt as _, StreamExt as _};

use super::{Checked, SynthFixture, seconds};
use crate::testkit::{
    alive::Alive,
    check::{ensure, in_time, race},
};

pub(super) async fn a_dropped_stream_leaves_nothing_running(f: SynthFixture) -> Checked {
    // Whatever a provider keeps from call to call is there after the first.
    f.collect(&f.saying(&f.short)?).await?;
    let before = Alive::now();
    let request = f.saying(&f.long)?;
    for _ in 0..3 {
        let mut stream = in_time("a synthesis", f.synthesizer.synthesize(&request)).await??;
        in_time("the first event", stream.next()).await?.transpose()?;
        drop(stream);
    }
    before.is_restored("a dropped stream").await?;
    f.collect(&request).await.map(drop)
}

pub(super) async fn a_dropped_call_leaves_nothing_running(f: SynthFixture) -> Checked {
    f.collect(&f.saying(&f.short)?).await?;
    let before = Alive::now();
    let request = f.saying(&f.long)?;
    for _ in 0..3 {
        drop(f.synthesizer.synthesize(&request).now_or_never());
    }
    before.is_restored("a dropped call").await?;
    f.collect(&request).await.map(drop)
}

pub(super) async fn many_at_once_speak_as_one_alone(f: SynthFixture) -> Checked {
    let texts = [f.short.clone(), format!("{0} {0}", f.short)];
    let mut alone = Vec::new();
    for text in &texts {
        alone.push(f.collect(&f.saying(text)?).await?);
    }
    let at_once = race(f.at_once.get(), |i| {
        let (f, text) = (f.clone(), texts.iter().cycle().nth(i).cloned().unwrap_or_default());
        async move { Checked::Ok((i % 2, f.collect(&f.saying(&text)?).await?)) }
    });
    for outcome in at_once.await? {
        let (which, whole) = outcome?;
        ensure(seconds(&whole)? > 0.0, "there is no audio")?;
        let Some(expected) = alone.get(which) else { continue };
        ensure(!f.can().deterministic || whole.audio == expected.audio, "at once it gives other bytes than alone")?;
    }
    Ok(())
}
