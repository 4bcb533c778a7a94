//! The spread of a figure over rounds.

/// The median of a figure over rounds, with the lowest and the highest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// The median.
    pub median: f64,
    /// The lowest.
    pub lowest: f64,
    /// The highest.
    pub highest: f64,
}

impl Spread {
    /// Of some figures; `None` without one.
    pub fn of(figures: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<f64> = figures.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        let upper = *sorted.get(middle)?;
        let median = if sorted.len() % 2 == 1 {
            upper
        } else {
            f64::midpoint(upper, *sorted.get(middle.checked_sub(1)?)?)
        };
        Some(Self {
            median,
            lowest: *sorted.first()?,
            highest: *sorted.last()?,
        })
    }

    /// The difference of the highest and the lowest, as a share of the median.
    pub fn width(self) -> f64 {
        if self.median > 0.0 {
            (self.highest - self.lowest) / self.median
        } else {
            0.0
        }
    }

    /// Whether all figures of one are beyond all of the other.
    pub fn is_apart(self, other: Self) -> bool {
        self.lowest > other.highest || self.highest < other.lowest
    }
}

#[cfg(test)]
mod tests {
    use super::Spread;

    #[test]
    fn the_median_of_rounds_has_its_lowest_and_highest() {
        let of = |figures: &[f64]| Spread::of(figures.iter().copied());
        assert_eq!(of(&[]), None);
        let three = of(&[5.0, 1.0, 3.0]).unwrap();
        assert_eq!((three.lowest, three.median, three.highest), (1.0, 3.0, 5.0));
        let two = of(&[2.0, 4.0]).unwrap();
        assert!((two.median - 3.0).abs() < 1e-9 && (two.width() - 2.0 / 3.0).abs() < 1e-9);
        assert!(two.is_apart(of(&[4.5, 9.0]).unwrap()));
        assert!(!two.is_apart(three));
    }
}
