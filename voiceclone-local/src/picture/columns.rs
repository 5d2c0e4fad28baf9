//! The columns of a spectrogram while the recording goes on: when there are too many, each two become their mean.
#![expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "columns are a few thousand")]

/// At least `width` columns once there are as many, never more than twice that.
#[derive(Debug, Clone)]
pub(super) struct Columns {
    width: usize,
    rows: usize,
    /// How many spectra make a column.
    each: usize,
    /// Column by column.
    power: Vec<f32>,
    /// The sum of the spectra that are not yet a column.
    open: Vec<f32>,
    spectra_in_open: usize,
}

impl Columns {
    pub(super) fn new(width: usize, rows: usize) -> Self {
        Self { width, rows, each: 1, power: Vec::new(), open: vec![0.0; rows], spectra_in_open: 0 }
    }

    /// Adds the rows of one spectrum.
    pub(super) fn add(&mut self, rows: impl Iterator<Item = f32>) {
        for (sum, power) in self.open.iter_mut().zip(rows) {
            *sum += power;
        }
        self.spectra_in_open += 1;
        if self.spectra_in_open == self.each {
            self.close();
            if self.count() == self.width * 2 {
                self.halve();
            }
        }
    }

    /// The picture, column by column, with the width that was asked for.
    pub(super) fn finish(mut self) -> Vec<f32> {
        if self.spectra_in_open > 0 {
            self.close();
        }
        let scale = self.count() as f64 / self.width as f64;
        (0..self.width).flat_map(|x| self.between(x as f64 * scale, (x + 1) as f64 * scale)).collect()
    }

    fn count(&self) -> usize {
        self.power.len() / self.rows
    }

    fn close(&mut self) {
        let spectra = self.spectra_in_open as f32;
        self.power.extend(self.open.iter().map(|sum| sum / spectra));
        self.open.fill(0.0);
        self.spectra_in_open = 0;
    }

    fn halve(&mut self) {
        let pairs = self.power.chunks_exact(self.rows * 2);
        let mean = |pair: &[f32]| -> Vec<f32> {
            let (left, right) = pair.split_at(pair.len() / 2);
            left.iter().zip(right).map(|(left, right)| f32::midpoint(*left, *right)).collect()
        };
        self.power = pairs.flat_map(mean).collect();
        self.each *= 2;
    }

    /// The mean of the columns from `from` to `to`, each counted as far as it lies between them.
    fn between(&self, from: f64, to: f64) -> Vec<f32> {
        let mut mean = vec![0.0; self.rows];
        for (number, column) in self.power.chunks_exact(self.rows).enumerate() {
            let inside = (to.min(number as f64 + 1.0) - from.max(number as f64)).max(0.0) / (to - from);
            if inside > 0.0 {
                mean.iter_mut().zip(column).for_each(|(mean, power)| *mean += power * inside as f32);
            }
        }
        mean
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_minutes_take_no_more_memory_than_the_picture() {
        let mut columns = Columns::new(100, 4);
        for _ in 0..120_000 {
            columns.add([1.0, 2.0, 3.0, 4.0].into_iter());
            assert!(columns.count() < 200);
        }
        assert!(columns.power.capacity() <= 2_000);
        let picture = columns.finish();
        assert_eq!(picture.len(), 400);
        assert!(
            picture.chunks(4).all(|column| column.iter().zip([1.0, 2.0, 3.0, 4.0]).all(|(a, b)| (a - b).abs() < 1e-4))
        );
    }

    #[test]
    fn few_columns_are_widened() {
        let mut columns = Columns::new(4, 1);
        columns.add([1.0].into_iter());
        columns.add([3.0].into_iter());
        assert_eq!(columns.finish(), [1.0, 1.0, 3.0, 3.0]);
    }
}
