//! Medians with their least and greatest, and the rows they are printed in.
use std::fmt;

/// The middle of some figures, the least and the greatest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// The one in the middle, or halfway between the two in the middle.
    pub median: f64,
    /// The least.
    pub min: f64,
    /// The greatest.
    pub max: f64,
}

impl Spread {
    /// Of `figures`, unless there are none.
    pub fn of(figures: &[f64]) -> Option<Self> {
        let mut sorted = figures.to_vec();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len().checked_sub(1)?;
        let (low, high) = (sorted.get(middle / 2)?, sorted.get(middle.div_ceil(2))?);
        Some(Self { median: f64::midpoint(*low, *high), min: *sorted.first()?, max: *sorted.last()? })
    }

    /// Of the ratios of each figure to the one beside it.
    pub fn of_ratios(figures: &[f64], others: &[f64]) -> Option<Self> {
        let ratios: Vec<f64> = figures.iter().zip(others).map(|(a, b)| a / b).collect();
        Self::of(&ratios)
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = f.precision().unwrap_or(0);
        write!(f, "{:>10.digits$} ({:.digits$} to {:.digits$})", self.median, self.min, self.max)
    }
}

/// The figure that `share` of all are no greater than, unless there are none.
pub fn percentile(figures: &[f64], share: f64) -> Option<f64> {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let wanted = share * f64::from(u32::try_from(sorted.len()).ok()?);
    let below = (1_u32..).zip(&sorted);
    below.into_iter().find(|(rank, _)| f64::from(*rank) >= wanted).map(|(_, figure)| *figure)
}

/// A spread as a cell of its own width, or a dash.
pub fn cell(spread: Option<Spread>, digits: usize) -> String {
    spread.map_or_else(|| format!("{:>28}", "-"), |spread| format!("{:<28}", format!("{spread:.digits$}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(Spread::of(&[]), None);
        assert_eq!(Spread::of(&[3.0, 1.0, 2.0]), Some(Spread { median: 2.0, min: 1.0, max: 3.0 }));
        assert_eq!(Spread::of(&[4.0, 1.0]), Some(Spread { median: 2.5, min: 1.0, max: 4.0 }));
        assert_eq!(Spread::of_ratios(&[4.0, 9.0], &[2.0, 3.0]).map(|r| (r.min, r.max)), Some((2.0, 3.0)));
    }

    #[test]
    fn a_percentile_is_one_of_the_figures() {
        let hundred: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!(percentile(&hundred, 0.5), Some(50.0));
        assert_eq!(percentile(&hundred, 0.99), Some(99.0));
        assert_eq!(percentile(&[7.0], 0.99), Some(7.0));
        assert_eq!(percentile(&[], 0.5), None);
    }
}
