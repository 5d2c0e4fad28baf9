//! Power over time and frequency as a picture: time to the right, pitch upwards, brightness for decibels.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "windows, rows and colours, far within the exact range"
)]
use std::{collections::VecDeque, f32::consts::TAU, sync::Arc};

use realfft::{RealFftPlanner, RealToComplex, num_complex::Complex32};
use voiceclone_core::{
    Error, Result,
    audio::{DecodeLimits, RawAudio},
};

use super::{
    colour::palette,
    columns::Columns,
    each_block, open,
    scale::{Row, rows},
};
use crate::blocking::Cancel;

/// Seconds from one spectrum to the next.
const HOP: f32 = 0.005;
/// The least and the most pixels of a side.
const SIDE: std::ops::RangeInclusive<u32> = 16..=2_048;

/// Width and height of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PictureSize {
    width: u32,
    height: u32,
}

impl PictureSize {
    /// `width` by `height` pixels.
    ///
    /// # Errors
    /// `InvalidInput` unless both are 16 to 2048: memory is 8 bytes per pixel, and up to as much again while drawing.
    pub fn new(width: u32, height: u32) -> Result<Self> {
        if SIDE.contains(&width) && SIDE.contains(&height) {
            return Ok(Self { width, height });
        }
        let (least, most) = (SIDE.start(), SIDE.end());
        Err(Error::invalid(format!("a picture of {width} × {height} pixels; {least} to {most} each way are accepted")))
    }

    /// Pixels from left to right.
    pub const fn width(self) -> u32 {
        self.width
    }

    /// Pixels from top to bottom.
    pub const fn height(self) -> u32 {
        self.height
    }
}

/// A spectrogram on the mel scale, drawn so that the harmonics of a voice can be told apart. Equal bytes give equal pictures.
///
/// ```
/// # fn main() -> voiceclone_core::Result<()> {
/// use voiceclone_core::audio::{Container, DecodeLimits, Pcm, RawAudio, encode};
/// use voiceclone_local::picture::{PictureSize, Spectrogram};
/// let silence = RawAudio::new(encode(&Pcm::new(vec![0.0; 32_000], 16_000, 1)?, Container::Wav)?.body);
/// let png = Spectrogram::default().png(&silence, PictureSize::new(400, 200)?, &DecodeLimits::default())?;
/// assert!(png.starts_with(b"\x89PNG"));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Spectrogram {
    /// Length of the Hann window in seconds. Default 0.04: harmonics 100 Hz apart are two lines, syllables stay sharp.
    pub window: f32,
    /// The frequency at the bottom, hertz. Default 0.
    pub low: f32,
    /// The frequency at the top, hertz; at most half the sample rate is shown. Default 10 000.
    pub high: f32,
    /// Decibels between the loudest point of the picture and black. Default 75.
    pub range: f32,
}

impl Default for Spectrogram {
    fn default() -> Self {
        Self { window: 0.04, low: 0.0, high: 10_000.0, range: 75.0 }
    }
}

/// Power below this is nothing: −120 dB of a full-scale sine. Silence is black and not a picture of rounding errors.
const NOTHING: f32 = 1e-12;

impl Spectrogram {
    /// Decodes `audio` once and draws it as a PNG with 256 colours. Channels are shown together, by the mean of their powers,
    /// so that one that is reversed does not take the other away. Blocking.
    ///
    /// # Errors
    /// `InvalidInput` for a window outside 5 to 200 ms, frequencies that are not in order or a range that is not above zero;
    /// those of [`Decoder::open`](voiceclone_core::audio::Decoder::open) and
    /// [`Decoder::next_block`](voiceclone_core::audio::Decoder::next_block).
    pub fn png(&self, audio: &RawAudio, size: PictureSize, limits: &DecodeLimits) -> Result<Vec<u8>> {
        self.draw(audio, size, limits, &Cancel::default())
    }

    pub(super) fn draw(
        &self,
        audio: &RawAudio,
        size: PictureSize,
        limits: &DecodeLimits,
        cancel: &Cancel,
    ) -> Result<Vec<u8>> {
        let mut decoder = open(audio, limits)?;
        let (rate, channels) = (decoder.format().sample_rate(), usize::from(decoder.format().channels()));
        let high = self.high.min(rate as f32 / 2.0);
        self.check(high)?;
        let mut columns = Columns::new(size.width as usize, size.height as usize);
        let mut spectra = Spectra::new(rate, channels, self.window);
        let rows = rows(size.height as usize, self.low, high, spectra.bin_width, spectra.power.len());
        each_block(&mut decoder, cancel, |block| spectra.add(block, &rows, &mut columns))?;
        spectra.finish(&rows, &mut columns);
        png(size, &self.colours(&columns.finish(), size))
    }

    fn check(&self, high: f32) -> Result<()> {
        if !(0.005..=0.2).contains(&self.window) {
            return Err(Error::invalid(format!("the window is {} s; 0.005 to 0.2 s are accepted", self.window)));
        }
        if !(self.low >= 0.0 && self.low < high) {
            let found = format!("the picture begins at {} Hz and the recording ends at {high} Hz", self.low);
            return Err(Error::invalid(format!("{found}; the first must be below the second and not below 0 Hz")));
        }
        if !(self.range > 0.0 && self.range.is_finite()) {
            return Err(Error::invalid(format!("the range is {} dB; more than 0 dB are accepted", self.range)));
        }
        Ok(())
    }

    /// Column by column in, row by row out: one byte per pixel, 255 for the loudest.
    fn colours(&self, power: &[f32], size: PictureSize) -> Vec<u8> {
        let (width, height) = (size.width as usize, size.height as usize);
        let loudest = power.iter().copied().fold(NOTHING, f32::max);
        let colour = |power: f32| {
            let below = 10.0 * (power.max(NOTHING) / loudest).log10();
            ((1.0 + below / self.range).clamp(0.0, 1.0) * 255.0).round() as u8
        };
        if loudest <= NOTHING {
            return vec![0; width * height];
        }
        let row = |y: usize| power.iter().skip(y).step_by(height).map(|power| colour(*power));
        (0..height).flat_map(row).collect()
    }
}

/// Samples to spectra, [`HOP`] after [`HOP`], each in the middle of its window.
struct Spectra {
    channels: usize,
    hop: usize,
    bin_width: f32,
    window: Vec<f32>,
    fft: Arc<dyn RealToComplex<f32>>,
    /// Interleaved samples from the start of the next window.
    waiting: VecDeque<f32>,
    input: Vec<f32>,
    output: Vec<Complex32>,
    power: Vec<f32>,
}

impl Spectra {
    fn new(rate: u32, channels: usize, seconds: f32) -> Self {
        let len = ((rate as f32 * seconds) as usize).max(2);
        let size = len.next_power_of_two();
        let hann = |i: usize| 0.5 - 0.5 * (TAU * (i as f32 + 0.5) / len as f32).cos();
        let window: Vec<f32> = (0..len).map(hann).collect();
        let fft = RealFftPlanner::new().plan_fft_forward(size);
        Self {
            channels,
            hop: ((rate as f32 * HOP) as usize).max(1),
            bin_width: rate as f32 / size as f32,
            // The first spectrum has the first sample in its middle.
            waiting: std::iter::repeat_n(0.0, len / 2 * channels).collect(),
            input: fft.make_input_vec(),
            output: fft.make_output_vec(),
            power: vec![0.0; size / 2 + 1],
            window,
            fft,
        }
    }

    fn add(&mut self, block: &[f32], rows: &[Row], columns: &mut Columns) {
        self.waiting.extend(block);
        while self.waiting.len() >= self.window.len() * self.channels {
            self.measure();
            columns.add(rows.iter().map(|row| row.of(&self.power)));
            self.waiting.drain(..self.hop * self.channels);
        }
    }

    /// The last half window, with silence after it.
    fn finish(&mut self, rows: &[Row], columns: &mut Columns) {
        let silence = vec![0.0; (self.window.len() - self.window.len() / 2) * self.channels];
        self.add(&silence, rows, columns);
    }

    /// The mean over channels of the power of what waits; a sine of full scale has 1.
    fn measure(&mut self) {
        self.power.fill(0.0);
        let full_scale = self.window.iter().sum::<f32>() / 2.0;
        let scale = 1.0 / (full_scale * full_scale * self.channels as f32);
        for channel in 0..self.channels {
            self.input.fill(0.0);
            let samples = self.waiting.iter().skip(channel).step_by(self.channels);
            for ((input, sample), window) in self.input.iter_mut().zip(samples).zip(&self.window) {
                *input = sample * window;
            }
            // It can only refuse buffers of another size, and these are its own.
            if self.fft.process(&mut self.input, &mut self.output).is_ok() {
                self.power.iter_mut().zip(&self.output).for_each(|(power, bin)| *power += bin.norm_sqr() * scale);
            }
        }
    }
}

fn png(size: PictureSize, colours: &[u8]) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, size.width, size.height);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_palette(palette());
    encoder.write_header().and_then(|mut writer| writer.write_image_data(colours)).map_err(failed)?;
    Ok(bytes)
}

fn failed(error: png::EncodingError) -> Error {
    Error::unexpected("the picture cannot be written as PNG").with_source(error)
}
