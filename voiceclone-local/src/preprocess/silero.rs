//! How likely it is that somebody speaks: the network Silero VAD 6.2 for 16 kHz. Knows its own windows and state, nothing of
//! recordings or of what a probability is good for.
//!
//! The weights are those of `silero_vad_16k_sequence.onnx` (MIT, see `assets/SHA256SUMS`); the layers are written out here
//! because the matrices of a batch of windows, multiplied at once, cost a sixth of what they cost one window at a time in a
//! general runtime. Sources, both in silero-vad 6.2.3 of the Python package index: `tinygrad_model.py` for the layers,
//! `sequence_vad.py` for the windows and the state between them.
//!
//! A window is 512 samples (32 ms) behind the last 64 of the window before (silence before the first). Its last 64 samples
//! are mirrored at its end, and four spectra of 256 points are taken, 128 apart. Four convolutions over time, each seeing
//! silence beyond the window, leave one vector of 128, which goes to a recurrent layer (LSTM) whose two vectors of 128 are
//! kept from window to window.
use std::sync::{Arc, LazyLock};

use ndarray::{Array2, ArrayView2, linalg::general_mat_mul};
use realfft::{RealFftPlanner, RealToComplex, num_complex::Complex32};
use rten_onnx::onnx::{ModelProto, TensorProto};

static WEIGHTS: &[u8] = include_bytes!("../../assets/silero_vad_16k_sequence.onnx");
/// Read once; a recording that comes later does not pay for it.
static NETWORK: LazyLock<Result<Network, String>> = LazyLock::new(|| Network::read(WEIGHTS));

/// Samples at 16 kHz that one probability is for.
pub(super) const WINDOW: usize = 512;
/// Windows whose matrices are multiplied at once. More is hardly faster.
pub(super) const BATCH: usize = 8;

/// Samples of the window before that are seen again.
const CONTEXT: usize = 64;
const FFT: usize = 256;
const HOP: usize = 128;
const BINS: usize = FFT / 2 + 1;
/// Spectra of one window.
const STEPS: usize = 4;
/// A convolution sees a step and its two neighbours.
const TAPS: usize = 3;
/// Size of the recurrent layer, and of its four gates.
const HIDDEN: usize = 128;
const GATES: usize = 4 * HIDDEN;

/// The embedded weights are not those of this network: a fault of the build.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the embedded voice network cannot be used: {0}")]
pub(super) struct SileroError(String);

/// One recording's run through the network: 5 kB of state and at most [`BATCH`] windows of scratch.
pub(super) struct Silero {
    network: &'static Network,
    fft: Arc<dyn RealToComplex<f32>>,
    context: [f32; CONTEXT],
    hidden: Vec<f32>,
    cell: Vec<f32>,
}

impl std::fmt::Debug for Silero {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Silero").finish_non_exhaustive()
    }
}

impl Silero {
    /// At the start of a recording.
    pub(super) fn start() -> Result<Self, SileroError> {
        let network = NETWORK.as_ref().map_err(|e| SileroError(e.clone()))?;
        let fft = RealFftPlanner::new().plan_fft_forward(FFT);
        Ok(Self { network, fft, context: [0.0; CONTEXT], hidden: vec![0.0; HIDDEN], cell: vec![0.0; HIDDEN] })
    }

    /// Appends one probability per window. The windows follow those of the last call.
    pub(super) fn listen(&mut self, windows: &[[f32; WINDOW]], probabilities: &mut Vec<f32>) {
        for batch in windows.chunks(BATCH) {
            let gates = self.encode(batch);
            for input in gates.chunks_exact(GATES) {
                self.network.step(input, &mut self.hidden, &mut self.cell);
                probabilities.push(self.network.probability(&self.hidden));
            }
        }
    }

    /// What the windows say to the gates of the recurrent layer.
    fn encode(&mut self, windows: &[[f32; WINDOW]]) -> Vec<f32> {
        let mut steps = Vec::with_capacity(windows.len() * STEPS * BINS);
        for window in windows {
            self.spectra(window, &mut steps);
        }
        let mut count = STEPS;
        for layer in &self.network.encoder {
            (steps, count) = layer.convolve(&steps, count);
        }
        self.network.input.apply(&steps)
    }

    /// Appends the four magnitude spectra of a window.
    fn spectra(&mut self, window: &[f32; WINDOW], steps: &mut Vec<f32>) {
        let mut seen: Vec<f32> = self.context.iter().chain(window).copied().collect();
        seen.extend_from_within(WINDOW - 1..WINDOW + CONTEXT - 1);
        if let Some(mirrored) = seen.get_mut(WINDOW + CONTEXT..) {
            mirrored.reverse();
        }
        if let Some(context) = window.last_chunk() {
            self.context = *context;
        }
        let (mut input, mut output) = ([0.0; FFT], [Complex32::default(); BINS]);
        for segment in seen.windows(FFT).step_by(HOP) {
            for ((out, sample), weight) in input.iter_mut().zip(segment).zip(&self.network.taper) {
                *out = sample * weight;
            }
            // Lengths are the plan's own, so the transform cannot fail.
            let _ = self.fft.process(&mut input, &mut output);
            steps.extend(output.iter().map(|bin| bin.norm_sqr().sqrt()));
        }
    }
}

/// `input · weights + bias` for every row of the input.
struct Layer {
    /// As many rows as an input has values, as many columns as there are outputs.
    weights: Array2<f32>,
    bias: Vec<f32>,
}

impl Layer {
    fn apply(&self, input: &[f32]) -> Vec<f32> {
        let (values, outputs) = self.weights.dim();
        let rows = input.len() / values;
        let mut out = Array2::from_shape_fn((rows, outputs), |(_, n)| self.bias.get(n).copied().unwrap_or_default());
        if let Ok(input) = ArrayView2::from_shape((rows, values), input) {
            general_mat_mul(1.0, &input, &self.weights, 1.0, &mut out);
        }
        out.into_raw_vec_and_offset().0
    }
}

/// A convolution over the steps of each window, followed by a rectifier.
struct Convolution {
    layer: Layer,
    stride: usize,
}

impl Convolution {
    /// `steps` holds `count` steps of each window one after the other. Gives the new steps and how many each window has.
    fn convolve(&self, steps: &[f32], count: usize) -> (Vec<f32>, usize) {
        let channels = self.layer.weights.nrows() / TAPS;
        let silence = vec![0.0; channels];
        let mut input = Vec::with_capacity(steps.len() * TAPS);
        for window in steps.chunks_exact(count * channels) {
            let padded: Vec<&[f32]> = [silence.as_slice()]
                .into_iter()
                .chain(window.chunks_exact(channels))
                .chain([silence.as_slice()])
                .collect();
            padded.windows(TAPS).step_by(self.stride).flatten().for_each(|step| input.extend_from_slice(step));
        }
        let mut out = self.layer.apply(&input);
        for value in &mut out {
            *value = value.max(0.0);
        }
        (out, count.div_ceil(self.stride))
    }
}

struct Network {
    /// What a spectrum's samples are weighted with: the Hann window, which the file holds as its transform of 0 Hz.
    taper: Vec<f32>,
    encoder: [Convolution; 4],
    /// From the encoder to the gates, in the order input, output, forget, cell of ONNX.
    input: Layer,
    /// From the last hidden vector to the gates: a row of [`GATES`] for each of its values.
    recurrent: Vec<f32>,
    output: Vec<f32>,
    output_bias: f32,
}

impl Network {
    fn read(file: &[u8]) -> Result<Self, String> {
        let graph = ModelProto::parse_buf(file).map_err(|e| e.to_string())?.graph.ok_or("it has no graph")?;
        let tensor = |name: &str, length: usize| values(&graph.initializer, name, length);
        let convolution = |name: &str, inputs: usize, outputs: usize, stride: usize| {
            let weights = tensor(&format!("{name}.weight"), outputs * inputs * TAPS)?;
            let bias = tensor(&format!("{name}.bias"), outputs)?;
            // Stored as output, input, tap; a row of the input here holds tap by tap.
            let weights = Array2::from_shape_fn((TAPS * inputs, outputs), |(row, out)| {
                let at = (out * inputs + row % inputs) * TAPS + row / inputs;
                weights.get(at).copied().unwrap_or_default()
            });
            Ok::<_, String>(Convolution { layer: Layer { weights, bias }, stride })
        };
        let transposed = |name: &str| {
            let weights = tensor(name, GATES * HIDDEN)?;
            let place = |(value, gate): (usize, usize)| weights.get(gate * HIDDEN + value).copied().unwrap_or_default();
            Ok::<_, String>(Array2::from_shape_fn((HIDDEN, GATES), place))
        };
        let mut taper = tensor("stft.forward_basis_buffer", 2 * BINS * FFT)?;
        taper.truncate(FFT);
        // Two biases of each gate, one after the other.
        let biases = tensor("onnx::LSTM_211", 2 * GATES)?;
        let bias = biases.iter().zip(biases.iter().skip(GATES)).map(|(a, b)| a + b).collect();
        Ok(Self {
            taper,
            encoder: [
                convolution("encoder.0", BINS, 128, 1)?,
                convolution("encoder.1", 128, 64, 2)?,
                convolution("encoder.2", 64, 64, 2)?,
                convolution("encoder.3", 64, HIDDEN, 1)?,
            ],
            input: Layer { weights: transposed("onnx::LSTM_209")?, bias },
            recurrent: transposed("onnx::LSTM_210")?.into_raw_vec_and_offset().0,
            output: tensor("output.weight", HIDDEN)?,
            output_bias: tensor("output.bias", 1)?.first().copied().unwrap_or_default(),
        })
    }

    /// One step of the recurrent layer (Hochreiter and Schmidhuber 1997, with the forget gate of Gers 2000).
    fn step(&self, input: &[f32], hidden: &mut [f32], cell: &mut [f32]) {
        let mut gates = [0.0; GATES];
        gates.copy_from_slice(input);
        // Four rows at a time: the sums are then loaded and stored a quarter as often.
        for (values, rows) in hidden.as_chunks::<4>().0.iter().zip(self.recurrent.as_chunks::<{ 4 * GATES }>().0) {
            let [a, b, c, d] = *values;
            let (first, second) = rows.split_at(2 * GATES);
            let ((ra, rb), (rc, rd)) = (first.split_at(GATES), second.split_at(GATES));
            for ((((gate, ra), rb), rc), rd) in gates.iter_mut().zip(ra).zip(rb).zip(rc).zip(rd) {
                *gate += a * ra + b * rb + c * rc + d * rd;
            }
        }
        let (opening, content) = gates.split_at(2 * HIDDEN);
        let ((input, output), (forget, fresh)) = (opening.split_at(HIDDEN), content.split_at(HIDDEN));
        let gates = input.iter().zip(output).zip(forget.iter().zip(fresh));
        for ((hidden, cell), ((i, o), (f, g))) in hidden.iter_mut().zip(cell).zip(gates) {
            *cell = sigmoid(*f) * *cell + sigmoid(*i) * g.tanh();
            *hidden = sigmoid(*o) * cell.tanh();
        }
    }

    fn probability(&self, hidden: &[f32]) -> f32 {
        let sum: f32 = hidden.iter().zip(&self.output).map(|(value, weight)| value.max(0.0) * weight).sum();
        sigmoid(sum + self.output_bias)
    }
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

/// The values of a tensor of 32-bit floats.
fn values(tensors: &[TensorProto], name: &str, length: usize) -> Result<Vec<f32>, String> {
    let tensor =
        tensors.iter().find(|t| t.name.as_deref() == Some(name)).ok_or_else(|| format!("{name} is missing"))?;
    let raw = tensor.raw_data.as_ref().ok_or_else(|| format!("{name} holds no values"))?.borrow();
    let values: Vec<f32> = raw.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    if values.len() != length {
        return Err(format!("{name} has {} values, {length} are needed", values.len()));
    }
    Ok(values)
}

#[cfg(test)]
#[expect(clippy::cast_precision_loss, reason = "indices")]
mod tests {
    use super::*;
    use crate::preprocess::testing;

    /// Oracle: onnxruntime 1.32 (CPU) running the same file over the same recording; window and probability.
    const RECORDED: [(usize, f32); 39] = [
        (0, 0.046_734),
        (1, 0.030_667),
        (2, 0.032_025),
        (3, 0.034_237),
        (4, 0.035_431),
        (5, 0.044_250),
        (6, 0.077_933),
        (7, 0.272_840),
        (8, 0.253_743),
        (9, 0.235_375),
        (10, 0.391_928),
        (11, 0.676_530),
        (12, 0.849_626),
        (13, 0.972_811),
        (14, 0.996_673),
        (15, 0.999_036),
        (20, 0.999_982),
        (37, 0.999_901),
        (54, 0.999_979),
        (71, 0.993_848),
        (88, 0.999_985),
        (105, 0.999_999),
        (122, 0.999_202),
        (139, 0.998_910),
        (156, 0.996_993),
        (173, 0.999_823),
        (190, 0.999_982),
        (207, 0.999_706),
        (210, 0.997_892),
        (211, 0.998_173),
        (212, 0.996_565),
        (213, 0.949_684),
        (214, 0.584_924),
        (215, 0.178_199),
        (216, 0.053_520),
        (217, 0.026_833),
        (218, 0.022_025),
        (219, 0.016_143),
        (220, 0.017_747),
    ];

    /// The last window is completed with silence.
    fn windows() -> Vec<[f32; WINDOW]> {
        let mut speech = testing::speech().0;
        speech.resize(speech.len().next_multiple_of(WINDOW), 0.0);
        speech.as_chunks().0.to_vec()
    }

    #[test]
    fn probabilities_are_those_of_the_reference_runtime() {
        let mut heard = Vec::new();
        Silero::start().unwrap().listen(&windows(), &mut heard);
        for (window, expected) in RECORDED {
            assert!((heard[window] - expected).abs() < 1e-4, "window {window}: {} for {expected}", heard[window]);
        }
    }

    #[test]
    fn the_state_does_not_depend_on_how_many_windows_come_at_once() {
        let (mut whole, mut parts) = (Vec::new(), Vec::new());
        Silero::start().unwrap().listen(&windows(), &mut whole);
        let mut network = Silero::start().unwrap();
        windows().chunks(3).for_each(|part| network.listen(part, &mut parts));
        assert_eq!(whole.len(), parts.len());
        assert!(whole.iter().zip(parts).all(|(a, b)| (a - b).abs() < 1e-5));
    }

    #[test]
    fn other_weights_are_refused_by_name() {
        let refused = |file: &[u8]| Network::read(file).err().unwrap();
        assert!(!refused(b"no network").is_empty());
        let other = refused(include_bytes!("../../assets/g2p/oov.onnx"));
        assert!(other.contains("stft.forward_basis_buffer") || other.contains("missing"), "{other}");
    }

    #[test]
    fn the_spectra_of_the_file_are_those_of_a_hann_window() {
        let graph = ModelProto::parse_buf(WEIGHTS).unwrap().graph.unwrap();
        let basis = values(&graph.initializer, "stft.forward_basis_buffer", 2 * BINS * FFT).unwrap();
        for (row, values) in basis.chunks_exact(FFT).enumerate() {
            for (n, value) in values.iter().enumerate() {
                let phase = std::f32::consts::TAU * ((row % BINS * n) % FFT) as f32 / FFT as f32;
                let hann = 0.5 - 0.5 * (std::f32::consts::TAU * n as f32 / FFT as f32).cos();
                let expected = if row < BINS { phase.cos() } else { -phase.sin() } * hann;
                assert!((value - expected).abs() < 1e-5, "bin {row}, sample {n}: {value} for {expected}");
            }
        }
    }
}
