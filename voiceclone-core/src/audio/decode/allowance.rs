//! How many bytes a parser may read before the first packet.
//!
//! Parsers keep every tag, every entry of a table and every picture that they meet, in many times the bytes that a file needs
//! to state them, and follow references as often as they are told to, inside one call that no deadline can interrupt. What they
//! have not read they cannot keep.
use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// Bytes before the sound: tables of ten minutes, tags and a picture have a fraction of it.
pub(super) const MAX_HEAD: u64 = 4 << 20;

/// Shared by who reads and who knows when the head is over.
#[derive(Debug, Clone)]
pub(super) struct Allowance(Arc<AtomicU64>);

impl Default for Allowance {
    fn default() -> Self {
        Self(Arc::new(AtomicU64::new(MAX_HEAD)))
    }
}

impl Allowance {
    /// Takes `bytes`, all that are left if there are fewer.
    ///
    /// # Errors
    /// If none is left.
    pub(super) fn spend(&self, bytes: usize) -> io::Result<()> {
        if self.is_spent() {
            return Err(io::Error::other("the head of the file is too long"));
        }
        let left = self.0.load(Ordering::Relaxed);
        if left != u64::MAX {
            self.0.store(left.saturating_sub(bytes as u64), Ordering::Relaxed);
        }
        Ok(())
    }

    pub(super) fn is_spent(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }

    /// The head is over: from here on there is no limit.
    pub(super) fn lift(&self) {
        self.0.store(u64::MAX, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_spent_is_spent_until_the_limit_is_lifted() {
        let allowance = Allowance::default();
        let reader = allowance.clone();
        let half = usize::try_from(MAX_HEAD / 2).unwrap();
        assert!(reader.spend(half).is_ok() && !allowance.is_spent());
        assert!(reader.spend(half + 1).is_ok() && allowance.is_spent());
        assert!(reader.spend(1).is_err());
        allowance.lift();
        assert!((0..10).all(|_| reader.spend(half).is_ok()));
    }
}
