//! Models of a figure over a size: fitted to some sizes, they say what the figure is at another.

/// How a figure grows with a size.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum GrowthModel {
    /// `factor * size ^ power`.
    Power {
        /// The figure at size 1.
        factor: f64,
        /// The slope of the logarithms.
        power: f64,
    },
    /// `constant + each * size`.
    Linear {
        /// The part that does not depend on the size.
        constant: f64,
        /// The part of each.
        each: f64,
    },
}

impl GrowthModel {
    /// A power law by least squares of the logarithms; `None` for fewer than two sizes.
    pub(super) fn power(points: &[(f64, f64)]) -> Option<Self> {
        let logs: Vec<(f64, f64)> = points.iter().map(|(x, y)| (x.ln(), y.ln())).collect();
        let (constant, power) = line(&logs, |_| 1.0)?;
        Some(Self::Power {
            factor: constant.exp(),
            power,
        })
    }

    /// A constant and a part for each, by least squares of the relative errors; `None` for fewer than two sizes.
    pub(super) fn linear(points: &[(f64, f64)]) -> Option<Self> {
        let (constant, each) = line(points, |y| 1.0 / (y * y).max(f64::MIN_POSITIVE))?;
        Some(Self::Linear { constant, each })
    }

    /// The figure at a size; `None` where the model has none above 0.
    pub(super) fn at(self, size: f64) -> Option<f64> {
        let figure = match self {
            Self::Power { factor, power } => factor * size.powf(power),
            Self::Linear { constant, each } => constant + each * size,
        };
        (figure.is_finite() && figure > 0.0).then_some(figure)
    }
}

/// The line through points by weighted least squares: where it begins, and its slope.
fn line(points: &[(f64, f64)], weight: impl Fn(f64) -> f64) -> Option<(f64, f64)> {
    let (mut all, mut sum_x, mut sum_y) = (0.0, 0.0, 0.0);
    for (x, y) in points {
        let of = weight(*y);
        all += of;
        sum_x += of * x;
        sum_y += of * y;
    }
    let (mean_x, mean_y) = (sum_x / all, sum_y / all);
    let (mut across, mut along) = (0.0, 0.0);
    for (x, y) in points {
        let of = weight(*y);
        across += of * (x - mean_x) * (y - mean_y);
        along += of * (x - mean_x).powi(2);
    }
    let slope = across / along;
    slope
        .is_finite()
        .then_some((mean_y - slope * mean_x, slope))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(found: Option<f64>, wanted: f64) {
        let found = found.unwrap();
        assert!((found / wanted - 1.0).abs() < 1e-6, "{found}, not {wanted}");
    }

    #[test]
    fn a_power_of_the_size_is_found() {
        let square = [(1.0, 2.0), (10.0, 200.0), (100.0, 20_000.0)];
        let Some(GrowthModel::Power { factor, power }) = GrowthModel::power(&square) else {
            panic!("no power law");
        };
        assert!((power - 2.0).abs() < 1e-9 && (factor - 2.0).abs() < 1e-9);
        near(GrowthModel::power(&square).unwrap().at(1_000.0), 2e6);
        assert_eq!(GrowthModel::power(&[(1.0, 5.0)]), None);
        assert_eq!(GrowthModel::power(&[]), None);
    }

    #[test]
    fn a_constant_with_a_part_for_each_is_found() {
        let points = [(10.0, 510.0), (100.0, 600.0), (1_000.0, 1_500.0)];
        near(GrowthModel::linear(&points).unwrap().at(10_000.0), 10_500.0);
        // A figure that falls is none below 0.
        let falls = [(1.0, 10.0), (2.0, 5.0)];
        assert_eq!(GrowthModel::linear(&falls).unwrap().at(100.0), None);
    }
}
