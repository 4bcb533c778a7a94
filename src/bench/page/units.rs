//! Figures as texts, in the unit that suits them.

use crate::bench::suite::{GroupFigure, Spread};

/// A number with three digits or so, and a comma between thousands.
pub(super) fn number(of: f64) -> String {
    if of >= 1_000.0 {
        return grouped(&format!("{of:.0}"));
    }
    if of >= 100.0 {
        format!("{of:.0}")
    } else if of >= 10.0 {
        format!("{of:.1}")
    } else {
        format!("{of:.2}")
    }
}

/// A whole number with a comma between thousands.
pub(super) fn whole(of: f64) -> String {
    grouped(&format!("{of:.0}"))
}

fn grouped(digits: &str) -> String {
    let mut text = String::new();
    let length = digits.chars().count();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (length - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A time.
pub(super) fn time(us: f64) -> String {
    if us < 1_000.0 {
        format!("{} us", number(us))
    } else if us < 1_000_000.0 {
        format!("{} ms", number(us / 1e3))
    } else {
        format!("{} s", number(us / 1e6))
    }
}

/// A figure of a kind, with its unit.
pub(super) fn of_kind(figure: GroupFigure, value: f64) -> String {
    match figure {
        GroupFigure::Rate => format!("{}/s", number(value)),
        GroupFigure::P50 => time(value),
        GroupFigure::Hosts => format!("{} hosts", whole(value)),
        GroupFigure::Memory => bytes(value),
    }
}

/// A number of bytes.
pub(super) fn bytes(of: f64) -> String {
    if of < 1_024.0 {
        format!("{of:.0} B")
    } else if of < 1_048_576.0 {
        format!("{} KiB", number(of / 1_024.0))
    } else {
        format!("{} MiB", number(of / 1_048_576.0))
    }
}

/// A ratio.
pub(super) fn ratio(of: f64) -> String {
    if of >= 10.0 {
        format!("{of:.0}x")
    } else if of >= 1.95 {
        format!("{of:.1}x")
    } else {
        format!("{of:.2}x")
    }
}

/// A ratio with the worst and the best of the rounds.
pub(super) fn ratios(of: Spread) -> String {
    format!(
        "{} ({} to {})",
        ratio(of.median),
        ratio(of.lowest),
        ratio(of.highest)
    )
}

/// A figure with the lowest and the highest of the rounds.
pub(super) fn spread(of: Spread, text: impl Fn(f64) -> String) -> String {
    let median = text(of.median);
    if of.width() < 0.005 {
        return median;
    }
    format!("{median} ({} to {})", text(of.lowest), text(of.highest))
}

/// A file size or length in bytes as a figure.
#[expect(
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "sizes are far below 2^52"
)]
pub(super) fn float(of: u64) -> f64 {
    of as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_units_that_suit_them() {
        let numbers = [0.123, 9.99, 12.34, 123.4, 1_234.5, 1_234_567.0].map(number);
        assert_eq!(
            numbers,
            ["0.12", "9.99", "12.3", "123", "1,234", "1,234,567"]
        );
        let times = [12.3, 1_234.0, 250_000.0, 9_876_543.0].map(time);
        assert_eq!(times, ["12.3 us", "1.23 ms", "250 ms", "9.88 s"]);
        let sizes = [100.0, 2_048.0, 1_572_864.0].map(bytes);
        assert_eq!(sizes, ["100 B", "2.00 KiB", "1.50 MiB"]);
        assert_eq!(
            [0.9, 1.5, 2.81, 93.2].map(ratio),
            ["0.90x", "1.50x", "2.8x", "93x"]
        );
    }

    #[test]
    fn a_spread_shows_its_rounds() {
        let of = |figures: &[f64]| Spread::of(figures.iter().copied()).unwrap();
        assert_eq!(spread(of(&[5.0, 4.0, 6.0]), number), "5.00 (4.00 to 6.00)");
        assert_eq!(spread(of(&[5.0]), number), "5.00");
        assert_eq!(ratios(of(&[2.0, 1.0, 3.0])), "2.0x (1.00x to 3.0x)");
    }
}
