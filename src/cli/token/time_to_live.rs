//! Times to live of tokens: a number and a unit.

use std::time::Duration;

/// The longest, in days: a hundred years.
const LONGEST: u64 = 36_500;

const DAY: u64 = 24 * 60 * 60;

/// Parses a number and a unit: `90d`, `12h`, `30m`, `45s`.
pub(super) fn parse(text: &str) -> Result<Duration, String> {
    let wrong =
        || format!("not a number and a unit, such as 90d, 12h, 30m or 45s, up to {LONGEST}d");
    let units = [("d", DAY), ("h", 60 * 60), ("m", 60), ("s", 1)];
    let seconds = units.iter().find_map(|(unit, seconds)| {
        let number = text.strip_suffix(unit)?;
        let is_plain = number.bytes().all(|byte| byte.is_ascii_digit());
        let number = number.parse::<u64>().ok().filter(|_| is_plain)?;
        number.checked_mul(*seconds)
    });
    let seconds = seconds.filter(|seconds| (1..=LONGEST * DAY).contains(seconds));
    seconds.map(Duration::from_secs).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_to_live_has_a_unit() {
        for (text, seconds) in [
            ("90d", 90 * DAY),
            ("12h", 43_200),
            ("30m", 1_800),
            ("1s", 1),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_secs(seconds)));
        }
        for wrong in [
            "",
            "90",
            "d",
            "0d",
            "+1d",
            "-1d",
            "1.5d",
            "36501d",
            "1w",
            "99999999999999999999d",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
