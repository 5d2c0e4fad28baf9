//! Which frequencies a row of a spectrogram shows: the mel scale, on which equal distances sound alike.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "rows and bins are a few thousand"
)]

/// Hertz to mel, in the form of O'Shaughnessy, "Speech Communication", 1987, which HTK uses.
fn mel(hertz: f32) -> f32 {
    2_595.0 * (1.0 + hertz / 700.0).log10()
}

fn hertz(mel: f32) -> f32 {
    700.0 * (10_f32.powf(mel / 2_595.0) - 1.0)
}

/// The bins that make a row and how much each counts. The weights of a row have the sum 1.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    first: usize,
    weights: Vec<f32>,
}

impl Row {
    /// The mean power of the row.
    pub(super) fn of(&self, power: &[f32]) -> f32 {
        power.iter().skip(self.first).zip(&self.weights).map(|(power, weight)| power * weight).sum()
    }
}

/// `rows` rows from `low` at the bottom, the last, to `high` hertz at the top, over `bins` bins that are `bin_width` hertz apart.
pub(super) fn rows(rows: usize, low: f32, high: f32, bin_width: f32, bins: usize) -> Vec<Row> {
    let step = (mel(high) - mel(low)) / rows as f32;
    let row = |number: usize| {
        let centre = mel(high) - (number as f32 + 0.5) * step;
        let width = hertz(centre + step / 2.0) - hertz(centre - step / 2.0);
        triangle(hertz(centre) / bin_width, (width / bin_width).max(1.0), bins)
    };
    (0..rows).map(row).collect()
}

/// Weights that fall from the centre to nothing at `half` on both sides: between two bins, a straight line from one to the
/// other. What would lie beyond the last bin counts for nothing.
fn triangle(centre: f32, half: f32, bins: usize) -> Row {
    let first = (centre - half).floor().max(-1.0) as isize;
    let first = usize::try_from(first + 1).unwrap_or(0);
    let last = ((centre + half).ceil() as usize).min(bins);
    let raw: Vec<f32> = (first..last).map(|bin| 1.0 - (bin as f32 - centre).abs() / half).collect();
    let sum: f32 = raw.iter().sum();
    Row { first, weights: raw.into_iter().map(|weight| weight / sum).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thousand_hertz_are_a_thousand_mel() {
        assert!((mel(1_000.0) - 1_000.0).abs() < 0.1);
        assert!((hertz(mel(4_321.0)) - 4_321.0).abs() < 0.1);
    }

    #[test]
    fn every_row_is_a_mean_of_bins_that_exist() {
        for (count, bin_width, bins) in [(16, 7.8, 1_025), (128, 11.7, 1_025), (1_024, 23.4, 513)] {
            let high = (bin_width * (bins - 1) as f32).min(12_000.0);
            for row in rows(count, 0.0, high, bin_width, bins) {
                assert!((row.of(&vec![2.0; bins]) - 2.0).abs() < 1e-4, "{row:?}");
            }
        }
    }
}
