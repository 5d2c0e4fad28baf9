//! Envelopes of the recording itself, towards which the converted voice is pulled.
//!
//! After M. Baas, B. van Niekerk, H. Kamper, "Voice conversion with just nearest neighbors", Interspeech 2023, with
//! cepstra in place of a network's features.

#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "cepstra are stored as bounded integers"
)]

use serde::{Deserialize, Serialize};

use super::cepstrum::{COMPARED, Cepstra, ORDER, distance};

/// Most frames kept: six seconds of voiced speech, one per 10 ms; more did not help.
const MOST: usize = 600;
/// Neighbours that are averaged.
const NEIGHBOURS: usize = 8;
/// Stored integers per unit of log power.
const RESOLUTION: f32 = 500.0;
/// Weight of the slope against the shape.
const SLOPE_WEIGHT: f32 = 1.5;
/// Seconds to which slopes refer.
const SLOPE_SECONDS: f32 = 0.015;

/// A frame's shape, averaged over its neighbours in time, and where it is moving.
#[derive(Clone, Debug)]
pub(super) struct Moment {
    pub(super) shape: Cepstra,
    slope: [f32; COMPARED],
}

impl Moment {
    /// The moment at `index` of `frames` that are `step` seconds apart, seen over `reach` frames to either side.
    pub(super) fn at(frames: &[Cepstra], index: usize, reach: usize, step: f32) -> Self {
        let from = index.saturating_sub(reach);
        let until = (index + reach + 1).min(frames.len());
        let seen = frames.get(from..until).unwrap_or_default();
        let shape = super::cepstrum::mean(seen);
        let mut slope = [0.0; COMPARED];
        if let [first, .., last] = seen {
            let scale = SLOPE_WEIGHT * SLOPE_SECONDS / (step * (seen.len() - 1) as f32);
            for ((slope, first), last) in slope.iter_mut().zip(first).zip(last) {
                *slope = (last - first) * scale;
            }
        }
        Self { shape, slope }
    }
}

/// The recording's moments.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Neighbours {
    moments: Vec<StoredMoment>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct StoredMoment {
    shape: [i16; ORDER],
    slope: [i16; COMPARED],
}

impl Neighbours {
    /// Keeps an even selection of the moments.
    pub(super) fn of(moments: &[Moment]) -> Self {
        let step = moments.len().div_ceil(MOST).max(1);
        let store = |moment: &Moment| StoredMoment {
            shape: moment.shape.map(|x| (x * RESOLUTION) as i16),
            slope: moment.slope.map(|x| (x * RESOLUTION) as i16),
        };
        Self { moments: moments.iter().step_by(step).map(store).collect() }
    }

    /// Mean shape of the moments most like `query`; `None` when there are too few.
    pub(super) fn mean_of_nearest(&self, query: &Moment) -> Option<Cepstra> {
        // Ascending by distance, never longer than NEIGHBOURS.
        let mut nearest: Vec<(f32, &StoredMoment)> = Vec::with_capacity(NEIGHBOURS + 1);
        for moment in &self.moments {
            let far = distance(&query.shape, &moment.shape.map(restored))
                + distance(&query.slope, &moment.slope.map(restored));
            if nearest.len() < NEIGHBOURS || nearest.last().is_some_and(|(worst, _)| far < *worst) {
                let place = nearest.partition_point(|(near, _)| *near <= far);
                nearest.insert(place, (far, moment));
                nearest.truncate(NEIGHBOURS);
            }
        }
        let shapes: Vec<Cepstra> = nearest.iter().map(|(_, moment)| moment.shape.map(restored)).collect();
        (shapes.len() == NEIGHBOURS).then(|| super::cepstrum::mean(&shapes))
    }
}

fn restored(stored: i16) -> f32 {
    f32::from(stored) / RESOLUTION
}
