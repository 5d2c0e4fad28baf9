//! The acoustic network: phoneme ids in, vocoder parameters out.
//!
//! The network is hibari 0.2.1 (Apache-2.0, see `assets/SHA256SUMS`), run by rten. This module knows its inputs,
//! outputs and limits; it knows nothing of text, of waveforms or of whose voice is wanted.

use std::sync::Arc;

use rten::{Model, NodeId, RunOptions, ThreadPool, Value};
use rten_tensor::NdTensor;
use rten_tensor::prelude::*;

use crate::vocoder::{BINS, VocoderFrames};

static WEIGHTS: &[u8] = include_bytes!("../assets/hibari.onnx");

/// Most phoneme ids one call accepts: 400 phonemes, as the package that ships the network, and the two pads.
pub const MAX_PHONEMES: usize = 402;

/// Slowest and fastest speaking rates the network was trained for.
pub const SPEED_RANGE: std::ops::RangeInclusive<f32> = 0.5..=2.0;

/// Number of rows in the network's embedding table.
const VOCABULARY: i32 = 178;

/// Why the network gave no frames.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AcousticError {
    /// The embedded weights could not be read.
    #[error("the embedded acoustic network cannot be loaded")]
    Load(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The network stopped while running.
    #[error("the acoustic network failed on {phonemes} phoneme ids")]
    Run {
        /// Length of the input.
        phonemes: usize,
        /// What the runtime said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The input holds no phoneme between its pads, or too many.
    #[error("found {found} phoneme ids, 3 to {MAX_PHONEMES} are accepted (the first and last are pads)")]
    Length {
        /// Length of the input.
        found: usize,
    },
    /// An id the network has no embedding for.
    #[error("phoneme id {id} at position {position} is not in the vocabulary of 0 to 177")]
    UnknownPhoneme {
        /// The id.
        id: i32,
        /// Where it stands in the input.
        position: usize,
    },
    /// A speaking rate outside [`SPEED_RANGE`].
    #[error("found speed {found}, 0.5 to 2.0 is accepted")]
    Speed {
        /// The rate asked for.
        found: f32,
    },
    /// An output does not have the shape the vocoder needs.
    #[error("the acoustic network's output `{output}` has shape {found:?}")]
    Shape {
        /// Name of the output.
        output: &'static str,
        /// Its shape.
        found: Vec<usize>,
    },
}

/// The loaded network. Cloning shares it.
#[derive(Clone)]
pub struct AcousticModel {
    inner: Arc<Inner>,
}

struct Inner {
    model: Model,
    ids: NodeId,
    speed: NodeId,
    outputs: [NodeId; 6],
    // One thread: the network needs a hundredth of real time, and more threads only wait for each other.
    threads: Arc<ThreadPool>,
}

impl std::fmt::Debug for AcousticModel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AcousticModel").field("parameters", &self.inner.model.total_params()).finish()
    }
}

impl AcousticModel {
    /// Reads the embedded weights; do it once and share the result.
    ///
    /// # Errors
    /// [`AcousticError::Load`] when the runtime refuses the weights.
    pub fn load() -> Result<Self, AcousticError> {
        let model = Model::load_static_slice(WEIGHTS).map_err(|e| AcousticError::Load(Box::new(e)))?;
        let node = |name| model.node_id(name).map_err(|e| AcousticError::Load(Box::new(e)));
        let outputs = [node("lh")?, node("theta")?, node("ln")?, node("lr")?, node("phi")?, node("f0")?];
        let (ids, speed) = (node("ids")?, node("speed")?);
        let threads = Arc::new(ThreadPool::with_num_threads(1));
        Ok(Self { inner: Arc::new(Inner { model, ids, speed, outputs, threads }) })
    }

    /// Predicts the vocoder parameters of one sentence.
    ///
    /// `ids` are phoneme ids with the pad 0 first and last; `speed` 1.0 is the natural pace, 2.0 twice as fast.
    /// Blocks for about a hundredth of the speech's duration and returns about 1 MB per second of speech.
    ///
    /// # Errors
    /// Any [`AcousticError`] but [`AcousticError::Load`].
    pub fn run(&self, ids: &[i32], speed: f32) -> Result<VocoderFrames, AcousticError> {
        check_input(ids, speed)?;
        let failed = |source| AcousticError::Run { phonemes: ids.len(), source };
        let ids_tensor = NdTensor::from_data([1, ids.len()], ids.to_vec());
        let speed_tensor = NdTensor::from_data([1], vec![speed]);
        let inner = &self.inner;
        let options = RunOptions::default().with_thread_pool(Some(Arc::clone(&inner.threads)));
        let inputs = vec![(inner.ids, ids_tensor.view().into()), (inner.speed, speed_tensor.view().into())];
        let outputs = inner.model.run(inputs, &inner.outputs, Some(options)).map_err(|e| failed(Box::new(e)))?;
        let [harmonic, theta, noise, residual, phi, f0]: [Value; 6] =
            outputs.try_into().map_err(|_| failed("the number of outputs is not 6".into()))?;

        let f0: NdTensor<f32, 2> = f0.try_into().map_err(|e| failed(Box::new(e)))?;
        let f0 = f0.to_vec();
        let frame_major = |output, value: Value| -> Result<Vec<f32>, AcousticError> {
            let value: NdTensor<f32, 3> = value.try_into().map_err(|e| failed(Box::new(e)))?;
            if value.shape() != [1, BINS, f0.len()] {
                return Err(AcousticError::Shape { output, found: value.shape().to_vec() });
            }
            Ok(value.permuted([0, 2, 1]).to_vec())
        };
        let mut harmonic_phase = frame_major("theta", theta)?;
        for phase in &mut harmonic_phase {
            *phase = std::f32::consts::PI * phase.tanh();
        }
        Ok(VocoderFrames {
            harmonic: frame_major("lh", harmonic)?,
            harmonic_phase,
            noise: frame_major("ln", noise)?,
            residual: frame_major("lr", residual)?,
            residual_phase: frame_major("phi", phi)?,
            f0,
        })
    }
}

fn check_input(ids: &[i32], speed: f32) -> Result<(), AcousticError> {
    if !(3..=MAX_PHONEMES).contains(&ids.len()) {
        return Err(AcousticError::Length { found: ids.len() });
    }
    if !SPEED_RANGE.contains(&speed) {
        return Err(AcousticError::Speed { found: speed });
    }
    match ids.iter().position(|id| !(0..VOCABULARY).contains(id)) {
        Some(position) => {
            Err(AcousticError::UnknownPhoneme { id: ids.get(position).copied().unwrap_or_default(), position })
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// "Hello there."
    const HELLO: [i32; 13] = [0, 50, 83, 54, 156, 31, 16, 81, 156, 86, 123, 4, 0];

    #[expect(clippy::cast_precision_loss, reason = "a count")]
    fn mean(values: impl ExactSizeIterator<Item = f32>) -> f32 {
        let count = values.len() as f32;
        values.sum::<f32>() / count
    }

    /// Oracle: hibari-tts 0.2.1 with onnxruntime 1.32 on the same ids. The two runtimes quantise activations on their
    /// own, so spectra agree to some thousandths on average, and durations exactly.
    #[test]
    fn the_network_predicts_what_the_reference_runtime_predicts() {
        let frames = AcousticModel::load().unwrap().run(&HELLO, 1.0).unwrap();
        assert_eq!(frames.len(), 110);
        assert_eq!(frames.pitch().flatten().count(), 50);
        let mut pitch: Vec<f32> = frames.pitch().flatten().collect();
        pitch.sort_by(f32::total_cmp);
        assert!((pitch[25] - 227.5).abs() < 1.0, "median pitch {}", pitch[25]);
        for (name, spectra, expected) in
            [("lh", &frames.harmonic, -6.1209), ("lr", &frames.residual, -6.2201), ("ln", &frames.noise, -12.9323)]
        {
            let found = mean(spectra.iter().copied());
            assert!((found - expected).abs() < 0.02, "{name}: {found} is not {expected}");
        }
        let theta = mean(frames.harmonic_phase.iter().copied()) / std::f32::consts::PI;
        assert!((theta + 0.0072).abs() < 0.005, "{theta}");
    }

    #[test]
    fn a_faster_pace_gives_fewer_frames() {
        let model = AcousticModel::load().unwrap();
        let [slow, fast] = [0.5, 2.0].map(|speed| model.run(&HELLO, speed).unwrap().len());
        assert!(slow > 3 * fast, "{slow} frames at 0.5, {fast} at 2.0");
    }

    #[test]
    fn input_the_network_cannot_take_is_refused_with_what_was_found() {
        let model = AcousticModel::load().unwrap();
        assert!(matches!(model.run(&[0, 0], 1.0), Err(AcousticError::Length { found: 2 })));
        assert!(matches!(model.run(&[0; MAX_PHONEMES + 1], 1.0), Err(AcousticError::Length { found: 403 })));
        assert!(matches!(model.run(&[0, 178, 0], 1.0), Err(AcousticError::UnknownPhoneme { id: 178, position: 1 })));
        assert!(matches!(model.run(&[0, -1, 0], 1.0), Err(AcousticError::UnknownPhoneme { id: -1, position: 1 })));
        for speed in [0.49, 2.01, f32::NAN, f32::INFINITY] {
            assert!(matches!(model.run(&HELLO, speed), Err(AcousticError::Speed { .. })), "{speed}");
        }
    }

    #[test]
    fn the_longest_accepted_input_runs() {
        let ids: Vec<i32> = std::iter::once(0).chain((0..400).map(|i| [43, 44, 16, 68][i % 4])).chain([0]).collect();
        assert!(AcousticModel::load().unwrap().run(&ids, 2.0).unwrap().len() > 100);
    }
}
