//! How a conformance suite is written and run. Knows no seam.
use std::{fmt, future::Future, pin::Pin};

/// Why a case failed, in a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure(pub String);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<crate::Error> for Failure {
    fn from(error: crate::Error) -> Self {
        Self(format!("unexpected error: {}", error.chain()))
    }
}

/// What a case returns.
pub type CaseFuture = Pin<Box<dyn Future<Output = Result<(), Failure>> + Send>>;

/// An ability by name, and whether a fixture declares it.
pub type Need<F> = (&'static str, fn(&F) -> bool);

/// One rule of a seam, and how to see whether it is kept.
#[derive(Debug, Clone, Copy)]
pub struct Case<F> {
    /// The rule, as a test's name.
    pub name: &'static str,
    /// The ability without which the rule does not apply: its name, and whether the fixture declares it.
    pub needs: Option<Need<F>>,
    /// Tries it.
    pub run: fn(F) -> CaseFuture,
}

impl<F> Case<F> {
    /// A rule that always applies.
    pub const fn new(name: &'static str, run: fn(F) -> CaseFuture) -> Self {
        Self { name, needs: None, run }
    }

    /// A rule that applies where `declared` is true.
    pub const fn needing(
        name: &'static str,
        ability: &'static str,
        declared: fn(&F) -> bool,
        run: fn(F) -> CaseFuture,
    ) -> Self {
        Self { name, needs: Some((ability, declared)), run }
    }
}

/// Runs the case of this name over a fixture.
///
/// # Errors
/// What the rule's breach looks like, or that the suite has no case of this name.
pub async fn run_case<F>(cases: &[Case<F>], name: &str, fixture: F) -> Result<(), Failure> {
    let Some(case) = cases.iter().find(|case| case.name == name) else {
        return Err(Failure(format!("the suite has no case named {name}")));
    };
    if let Some((ability, declared)) = case.needs
        && !declared(&fixture)
    {
        #[expect(clippy::print_stderr, reason = "a skip must be seen in the test's output")]
        {
            eprintln!("skipped {name}: the fixture does not declare {ability}");
        }
        return Ok(());
    }
    (case.run)(fixture).await
}

/// Runs a future to its end on a runtime of its own, so that the caller's crate needs no tokio macros.
///
/// # Panics
/// If no runtime can be made.
#[expect(clippy::expect_used, reason = "only tests call it, and a panic is how a test fails")]
pub fn run_on_runtime<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a tokio runtime").block_on(future)
}

/// Makes one test of every case. The public macros of the suites call it; nobody else should.
#[doc(hidden)]
#[macro_export]
macro_rules! __conformance_tests {
    ($module:ident, $cases:path, $fixture:expr, [$($case:ident),+ $(,)?]) => {
        mod $module {
            #[allow(unused_imports, reason = "the fixture may be written in terms of its module")]
            use super::*;

            $(
                #[test]
                fn $case() {
                    let outcome = $crate::testkit::run_on_runtime(async {
                        $crate::testkit::run_case($cases, stringify!($case), $fixture).await
                    });
                    if let Err(failure) = outcome {
                        panic!("{failure}");
                    }
                }
            )+

            #[test]
            fn suite_is_complete() {
                let here = [$(stringify!($case)),+];
                let all: Vec<_> = $cases.iter().map(|case| case.name).collect();
                assert_eq!(here.as_slice(), all.as_slice(), "the macro and the suite list different cases");
            }
        }
    };
}
