//! An observer that writes one `tracing` event for each operation, at its end.
use tokio::time::Instant;

use crate::observe::{Observer, OpInfo, OpObserver, OpOutcome};

/// Writes an event of target `voiceclone` when an operation ends: `INFO`, or `WARN` if it failed. The fields are always the
/// same: `op`, `provider`, `model`, `duration_ms`, `first_audio_ms`, `audio_bytes` and `outcome`, which is `ok`,
/// `dropped` or the kind of the error. Neither text nor message is among them.
#[derive(Debug, Clone, Copy, Default)]
pub struct TracingObserver;

impl Observer for TracingObserver {
    fn start(&self, op: &OpInfo) -> Box<dyn OpObserver> {
        Box::new(Traced { op: op.clone(), begun: Instant::now(), first_audio_ms: None, audio_bytes: 0 })
    }
}

struct Traced {
    op: OpInfo,
    begun: Instant,
    first_audio_ms: Option<u64>,
    audio_bytes: u64,
}

impl Traced {
    fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

macro_rules! ended {
    ($level:ident, $op:expr, $outcome:expr) => {
        tracing::$level!(
            target: "voiceclone",
            op = $op.op.op,
            provider = $op.op.provider,
            model = $op.op.model,
            duration_ms = $op.elapsed_ms(),
            first_audio_ms = $op.first_audio_ms,
            audio_bytes = $op.audio_bytes,
            outcome = $outcome,
            "operation ended"
        )
    };
}

impl OpObserver for Traced {
    fn first_audio(&mut self) {
        self.first_audio_ms = Some(self.elapsed_ms());
    }

    fn bytes(&mut self, n: usize) {
        self.audio_bytes += n as u64;
    }

    fn end(self: Box<Self>, outcome: OpOutcome<'_>) {
        match outcome {
            OpOutcome::Ok => ended!(info, self, "ok"),
            OpOutcome::Dropped => ended!(info, self, "dropped"),
            OpOutcome::Err(error) => ended!(warn, self, error.kind().to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::script::{
        Beat::{Audio, Done, Fail, Wait},
        heard, request, secs, shared, streams, unavailable,
    };
    use super::super::{Layer as _, ObserveLayer};
    use super::*;
    use std::{
        fmt::Debug,
        sync::{Arc, Mutex},
    };
    use tracing::{
        Event, Metadata, Subscriber,
        field::{Field, Visit},
        span,
    };

    /// Keeps every event as its level and its fields.
    #[derive(Default, Clone)]
    struct Log(Arc<Mutex<Vec<Vec<String>>>>);

    struct Line(Vec<String>);

    impl Visit for Line {
        fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
            self.0.push(format!("{}={value:?}", field.name()));
        }
    }

    impl Subscriber for Log {
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            true
        }

        fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
            span::Id::from_u64(1)
        }

        fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

        fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

        fn event(&self, event: &Event<'_>) {
            if event.metadata().target() == "voiceclone" {
                let mut line = Line(vec![event.metadata().level().to_string()]);
                event.record(&mut line);
                self.0.lock().unwrap().push(line.0);
            }
        }

        fn enter(&self, _: &span::Id) {}

        fn exit(&self, _: &span::Id) {}
    }

    #[tokio::test(start_paused = true)]
    async fn one_event_of_fixed_fields_at_the_end_and_never_the_text() {
        let log = Log::default();
        let _default = tracing::subscriber::set_default(log.clone());
        let whole = streams([Wait(secs(1)), Audio(4), Wait(secs(2)), Audio(2), Done]);
        let broken = streams([Fail(unavailable())]);
        let provider = ObserveLayer::new(Arc::new(TracingObserver)).synthesizer(shared([whole, broken]));
        heard(provider.synthesize(&request()).await).await.unwrap();
        heard(provider.synthesize(&request()).await).await.unwrap_err();
        let log = log.0.lock().unwrap();
        let head = ["message=operation ended", "op=\"synthesize\"", "provider=\"script\"", "model=\"m1\""];
        let whole = ["duration_ms=3000", "first_audio_ms=1000", "audio_bytes=6", "outcome=\"ok\""];
        assert_eq!(log[0], [&["INFO"][..], &head, &whole].concat());
        let broken = ["duration_ms=0", "audio_bytes=0", "outcome=\"unavailable\""];
        assert_eq!(log[1], [&["WARN"][..], &head, &broken].concat());
        assert_eq!(log.len(), 2);
    }
}
