//! Offsets per class of sound, learnt without parallel recordings.
//!
//! After D. Erro, A. Moreno, A. Bonafonte, "INCA algorithm for training voice conversion systems from nonparallel
//! corpora", IEEE TASLP 18 (2010): soft classes of the base voice, moved towards the target's frames in turns.

#![expect(clippy::cast_precision_loss, reason = "counts of frames and classes")]

use serde::{Deserialize, Serialize};

use super::cepstrum::{COMPARED, Cepstra, ORDER, add, distance};

const CLASSES: usize = 16;
const LLOYD_ROUNDS: usize = 15;
const TURNS: usize = 4;
/// Frames of the target a class must have before its own offset weighs as much as none.
const SHRINKAGE: f32 = 60.0;
/// How much of a turn's movement is taken.
const STEP: f32 = 0.7;
/// Softness of the classes, in units of their mean squared radius.
const SOFTNESS: f32 = 0.7;

/// Classes of voiced sounds and what separates the target from the base voice in each.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Clusters {
    /// Mean squared distance of a frame to its class.
    pub(super) radius: f32,
    pub(super) classes: Vec<Class>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Class {
    pub(super) centre: [f32; COMPARED],
    pub(super) offset: Cepstra,
}

impl Clusters {
    /// Learns the offsets that move `base` frames, already matched in their mean, to `target` frames.
    pub(super) fn learn(base: &[Cepstra], target: &[Cepstra]) -> Self {
        let centres = k_means(base);
        let nearest = |frame: &Cepstra| centres.iter().map(|c| distance(frame, c)).fold(f32::MAX, f32::min);
        let radius = base.iter().map(nearest).sum::<f32>() / base.len().max(1) as f32;
        let mut clusters = Self {
            radius: radius.max(1e-3),
            classes: centres.iter().map(|c| Class { centre: head(c), offset: [0.0; ORDER] }).collect(),
        };
        let (base_means, _) = clusters.class_means(base);
        let home = clusters.classes.clone();
        for _ in 0..TURNS {
            let (target_means, counts) = clusters.class_means(target);
            let travels = base_means.iter().zip(&target_means).zip(counts);
            for ((class, home), ((from, to), count)) in clusters.classes.iter_mut().zip(&home).zip(travels) {
                let trust = count / (count + SHRINKAGE);
                class.offset = add(&[0.0; ORDER], trust, &add(to, -1.0, from));
                let there = add(from, 1.0, &class.offset);
                for ((centre, there), home) in class.centre.iter_mut().zip(&there).zip(&home.centre) {
                    *centre = STEP * there + (1.0 - STEP) * home;
                }
            }
        }
        for (class, home) in clusters.classes.iter_mut().zip(home) {
            class.centre = home.centre;
        }
        clusters
    }

    /// The offset for a frame of the base voice.
    pub(super) fn offset(&self, frame: &Cepstra) -> Cepstra {
        let weights = self.memberships(frame);
        let classes = self.classes.iter().zip(weights);
        classes.fold([0.0; ORDER], |sum, (class, weight)| add(&sum, weight, &class.offset))
    }

    fn memberships(&self, frame: &Cepstra) -> Vec<f32> {
        let scores: Vec<f32> =
            self.classes.iter().map(|class| -distance(frame, &class.centre) / (SOFTNESS * self.radius)).collect();
        let best = scores.iter().copied().fold(f32::MIN, f32::max);
        let total: f32 = scores.iter().map(|score| (score - best).exp()).sum();
        scores.iter().map(|score| (score - best).exp() / total).collect()
    }

    /// Weighted mean of the frames in each class, and their weight.
    fn class_means(&self, frames: &[Cepstra]) -> (Vec<Cepstra>, Vec<f32>) {
        let mut sums = vec![[0.0; ORDER]; self.classes.len()];
        let mut counts = vec![0.0_f32; self.classes.len()];
        for frame in frames {
            for ((sum, count), weight) in sums.iter_mut().zip(&mut counts).zip(self.memberships(frame)) {
                *sum = add(sum, weight, frame);
                *count += weight;
            }
        }
        for (sum, count) in sums.iter_mut().zip(&counts) {
            *sum = sum.map(|value| value / count.max(1e-6));
        }
        (sums, counts)
    }
}

/// Lloyd's algorithm from frames spread evenly over the sample, so that it is deterministic.
fn k_means(frames: &[Cepstra]) -> Vec<Cepstra> {
    let mut centres: Vec<Cepstra> =
        frames.iter().step_by((frames.len() / CLASSES).max(1)).take(CLASSES).copied().collect();
    for _ in 0..LLOYD_ROUNDS {
        let mut sums = vec![([0.0; ORDER], 0.0_f32); centres.len()];
        for frame in frames {
            let distances = centres.iter().map(|c| distance(frame, c)).enumerate();
            let nearest = distances.min_by(|a, b| a.1.total_cmp(&b.1)).map_or(0, |(i, _)| i);
            if let Some((sum, count)) = sums.get_mut(nearest) {
                *sum = add(sum, 1.0, frame);
                *count += 1.0;
            }
        }
        for (centre, (sum, count)) in centres.iter_mut().zip(sums).filter(|(_, (_, count))| *count > 0.0) {
            *centre = sum.map(|value| value / count);
        }
    }
    centres
}

fn head(cepstra: &Cepstra) -> [f32; COMPARED] {
    let mut head = [0.0; COMPARED];
    for (slot, value) in head.iter_mut().zip(cepstra) {
        *slot = *value;
    }
    head
}
