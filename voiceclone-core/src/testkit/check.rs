//! What the cases of every suite are written with. Knows no seam.
use std::{fmt::Debug, future::Future, time::Duration};

use tokio::task::JoinSet;

use super::Failure;
use crate::{
    error::{Error, ErrorKind},
    store::Page,
};

/// What a case comes to.
pub(crate) type Checked<T = ()> = Result<T, Failure>;

/// Long past anything a store that works takes: it turns a hang into a failure and times nothing.
const HANG: Duration = Duration::from_mins(1);

/// Makes the list of a suite's cases of functions of the same names.
macro_rules! cases {
    ($($name:ident $(needs $ability:literal if $declared:expr)?),+ $(,)?) => {
        &[$($crate::testkit::check::cases!(@one $name $($ability, $declared)?)),+]
    };
    (@one $name:ident) => {
        $crate::testkit::Case::new(stringify!($name), |fixture| Box::pin($name(fixture)))
    };
    (@one $name:ident $ability:literal, $declared:expr) => {
        $crate::testkit::Case::needing(stringify!($name), $ability, $declared, |fixture| Box::pin($name(fixture)))
    };
}
pub(crate) use cases;

/// Fails with `rule` unless it holds.
pub(crate) fn ensure(holds: bool, rule: impl Into<String>) -> Checked {
    if holds { Ok(()) } else { Err(Failure(rule.into())) }
}

/// Fails, showing both, unless `found` is `expected`.
#[expect(clippy::needless_pass_by_value, reason = "cases pass what they have, borrowed or not")]
pub(crate) fn ensure_eq<T: PartialEq<U> + Debug, U: Debug>(found: T, expected: U, what: &str) -> Checked {
    ensure(found == expected, format!("{what}: expected {expected:?}, found {found:?}"))
}

/// Fails unless `result` is an error of `kind`.
pub(crate) fn ensure_kind<T>(result: Result<T, Error>, kind: ErrorKind, what: &str) -> Checked {
    match result {
        Err(error) if error.kind() == kind => Ok(()),
        Err(error) => Err(Failure(format!("{what}: expected the error {kind}, found {error:?}"))),
        Ok(_) => Err(Failure(format!("{what}: expected the error {kind}, found success"))),
    }
}

/// Awaits something that must come.
pub(crate) async fn in_time<T>(what: &str, future: impl Future<Output = T>) -> Checked<T> {
    let hangs = |_| Failure(format!("{what}: nothing happened for {} seconds", HANG.as_secs()));
    tokio::time::timeout(HANG, future).await.map_err(hangs)
}

/// Runs `n` futures at once, each in a task of its own.
pub(crate) async fn race<T, F>(n: usize, contender: impl Fn(usize) -> F) -> Checked<Vec<T>>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let tasks: JoinSet<T> = (0..n).map(contender).collect();
    in_time("a race", tasks.join_all()).await
}

/// Every page from `cursor` to the last, as the ids it holds.
pub(crate) async fn walk<T, Id, F: Future<Output = crate::Result<Page<T>>>>(
    mut cursor: Option<String>,
    page: impl Fn(Option<String>) -> F,
    id: impl Fn(&T) -> Id,
) -> Checked<Vec<Vec<Id>>> {
    let mut pages = Vec::new();
    for _ in 0..1000 {
        let Page { items, next } = page(cursor).await?;
        pages.push(items.iter().map(&id).collect());
        cursor = next;
        if cursor.is_none() {
            return Ok(pages);
        }
    }
    Err(Failure("the pages never end".into()))
}
