//! One at a time for each key: whoever comes second waits for the first.
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::OwnedMutexGuard;

use crate::id::Fingerprint;

type Lock = Arc<tokio::sync::Mutex<()>>;
type Map = Mutex<HashMap<Fingerprint, Lock>>;

/// The keys somebody is at work on. A key takes room only while it is in use.
#[derive(Debug, Default)]
pub(crate) struct Flights(Arc<Map>);

impl Flights {
    /// Waits for whoever is at work on `key`, in the order of arrival.
    ///
    /// # Cancel safety
    /// Whoever drops the future has left the line.
    pub(crate) async fn enter(&self, key: &Fingerprint) -> Flight {
        let lock = Arc::clone(lock(&self.0).entry(key.clone()).or_default());
        let seat = Seat { map: Arc::clone(&self.0), key: key.clone(), lock };
        let turn = Arc::clone(&seat.lock).lock_owned().await;
        Flight { _turn: turn, _seat: seat }
    }
}

/// The right to work on a key, until it is dropped.
#[derive(Debug)]
pub(crate) struct Flight {
    // Dropped in this order: the turn is given on before the seat is counted.
    _turn: OwnedMutexGuard<()>,
    _seat: Seat,
}

#[derive(Debug)]
struct Seat {
    map: Arc<Map>,
    key: Fingerprint,
    lock: Lock,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut map = lock(&self.map);
        // The map's and ours: seats are made under the map's lock, so nobody can be about to sit down.
        if Arc::strong_count(&self.lock) == 2 {
            map.remove(&self.key);
        }
    }
}

fn lock(map: &Map) -> MutexGuard<'_, HashMap<Fingerprint, Lock>> {
    map.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;

    #[tokio::test]
    async fn one_works_on_a_key_and_the_next_when_it_is_done_or_gone() {
        let flights = Flights::default();
        let [a, b] = ["a", "b"].map(|key| Fingerprint::new(key).unwrap());
        let first = flights.enter(&a).await;
        let other = flights.enter(&b).now_or_never();
        assert!(other.is_some());
        let mut second = std::pin::pin!(flights.enter(&a));
        assert!((&mut second).now_or_never().is_none());
        assert!(flights.enter(&a).now_or_never().is_none(), "this one leaves the line");
        drop(first);
        let second = second.now_or_never().unwrap();
        assert_eq!(flights.0.lock().unwrap().len(), 2);
        drop((second, other));
        assert_eq!(flights.0.lock().unwrap().len(), 0);
    }
}
