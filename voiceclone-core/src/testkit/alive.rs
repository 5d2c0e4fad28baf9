//! Whether work that was dropped is gone. Knows tokio's count of live tasks and no seam.
use tokio::runtime::Handle;

use super::check::{Checked, ensure};

/// Tokio's tasks before something was begun. Work on blocking threads and threads of one's own is not counted.
pub(crate) struct Alive(usize);

/// More chances to end than any task that was told to end needs.
const CHANCES: usize = 1_000_000;

impl Alive {
    pub(crate) fn now() -> Self {
        Self(Handle::current().metrics().num_alive_tasks())
    }

    /// Fails if more tasks stay alive than there were.
    pub(crate) async fn is_restored(&self, what: &str) -> Checked {
        let mut alive = Self::now().0;
        for _ in 0..CHANCES {
            if alive <= self.0 {
                return Ok(());
            }
            tokio::task::yield_now().await;
            alive = Self::now().0;
        }
        ensure(false, format!("{what} leaves {} tasks running", alive - self.0))
    }
}
