//! Durations as text: `time.ParseDuration` and `Duration.String` (Go 1.15).

use super::quote::quote;

/// One hour in nanoseconds.
const HOUR: u64 = 3_600_000_000_000;

/// Why a text is no duration, in Go's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::face) enum DurationError {
    /// Not of the form `[-+]?([0-9]*(\.[0-9]*)?[a-z]+)+`, or too large.
    #[error("time: invalid duration {0}")]
    Invalid(String),
    /// A number without a unit.
    #[error("time: missing unit in duration {0}")]
    MissingUnit(String),
    /// A unit that Go does not know.
    #[error("time: unknown unit {unit} in duration {text}")]
    UnknownUnit {
        /// The unit, quoted.
        unit: String,
        /// The whole text, quoted.
        text: String,
    },
}

/// Reads a duration such as `15s`, `1h30m` or `-1.5ms`, in nanoseconds.
pub(in crate::face) fn parse_duration(text: &str) -> Result<i64, DurationError> {
    let invalid = || DurationError::Invalid(quote(text.as_bytes()));
    let (negative, mut rest) = match text.strip_prefix(['-', '+']) {
        Some(rest) => (text.starts_with('-'), rest),
        None => (false, text),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let (term, after) = parse_term(text, rest)?;
        total = total
            .checked_add(term)
            .filter(|total| *total <= 1 << 63)
            .ok_or_else(invalid)?;
        rest = after;
    }
    // Go 1.15 refuses -2^63 too.
    let total = i64::try_from(total).map_err(|_| invalid())?;
    Ok(if negative { -total } else { total })
}

/// Reads one number with its unit; returns nanoseconds and the rest of the text.
fn parse_term<'a>(text: &str, rest: &'a str) -> Result<(u64, &'a str), DurationError> {
    let quoted = |part: &str| quote(part.as_bytes());
    let invalid = || DurationError::Invalid(quoted(text));
    let (whole, rest) = split_digits(rest);
    let (fraction, rest) = match rest.strip_prefix('.') {
        Some(rest) => split_digits(rest),
        None => ("", rest),
    };
    if whole.is_empty() && fraction.is_empty() {
        return Err(invalid());
    }
    let end = rest
        .find(|c: char| c == '.' || c.is_ascii_digit())
        .unwrap_or(rest.len());
    let (unit_text, rest) = rest.split_at_checked(end).ok_or_else(invalid)?;
    if unit_text.is_empty() {
        return Err(DurationError::MissingUnit(quoted(text)));
    }
    let unit = unit_of(unit_text).ok_or_else(|| DurationError::UnknownUnit {
        unit: quoted(unit_text),
        text: quoted(text),
    })?;
    let whole: u64 = if whole.is_empty() {
        0
    } else {
        whole.parse().map_err(|_| invalid())?
    };
    let nanos = whole.checked_mul(unit).ok_or_else(invalid)?;
    let nanos = nanos
        .checked_add(fraction_of(fraction, unit))
        .ok_or_else(invalid)?;
    Ok((nanos, rest))
}

fn split_digits(text: &str) -> (&str, &str) {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

/// `0.fraction` of a unit, rounded down. Digits past the eighteenth do not count.
fn fraction_of(fraction: &str, unit: u64) -> u64 {
    let mut value: u128 = 0;
    let mut scale: u128 = 1;
    for digit in fraction.chars().take(18).filter_map(|c| c.to_digit(10)) {
        value = value * 10 + u128::from(digit);
        scale *= 10;
    }
    u64::try_from(value * u128::from(unit) / scale).unwrap_or(0)
}

fn unit_of(text: &str) -> Option<u64> {
    Some(match text {
        "ns" => 1,
        // The micro sign and the Greek letter.
        "us" | "\u{b5}s" | "\u{3bc}s" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => HOUR / 60,
        "h" => HOUR,
        _ => return None,
    })
}

/// Writes a duration as Go prints it: `1h0m0s`, `1.5s`, `100ms`, `0s`.
pub(in crate::face) fn format_duration(nanos: i64) -> String {
    let sign = if nanos < 0 { "-" } else { "" };
    let nanos = nanos.unsigned_abs();
    let small = |unit: u64, name: &str| format!("{sign}{}{name}", decimal(nanos, unit));
    if nanos == 0 {
        return "0s".to_owned();
    }
    if nanos < 1_000 {
        return small(1, "ns");
    }
    if nanos < 1_000_000 {
        return small(1_000, "\u{b5}s");
    }
    if nanos < 1_000_000_000 {
        return small(1_000_000, "ms");
    }
    let minutes = nanos / (HOUR / 60);
    let seconds = decimal(nanos % (HOUR / 60), 1_000_000_000);
    match (minutes / 60, minutes % 60) {
        (0, 0) => format!("{sign}{seconds}s"),
        (0, minutes) => format!("{sign}{minutes}m{seconds}s"),
        (hours, minutes) => format!("{sign}{hours}h{minutes}m{seconds}s"),
    }
}

/// `value / unit` in decimal, without zeros at the end.
fn decimal(value: u64, unit: u64) -> String {
    let (whole, rest) = (value / unit, value % unit);
    if rest == 0 {
        return whole.to_string();
    }
    let width = unit.to_string().len() - 1;
    let digits = format!("{rest:0width$}");
    format!("{whole}.{}", digits.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations_are_read_as_go_does() {
        let second = 1_000_000_000;
        for (text, nanos) in [
            ("0", 0),
            ("-0", 0),
            ("15000ms", 15 * second),
            ("1h0m0.5s", 3_600 * second + second / 2),
            ("-1.5s", -3 * second / 2),
            ("+5s", 5 * second),
            (".5s", second / 2),
            ("1.s", second),
            ("3us", 3_000),
            ("3\u{3bc}s", 3_000),
            ("9223372036854775807ns", i64::MAX),
        ] {
            assert_eq!(parse_duration(text), Ok(nanos), "{text}");
        }
    }

    #[test]
    fn invalid_durations_are_refused_with_gos_message() {
        for (text, words) in [
            ("", r#"time: invalid duration """#),
            ("x", r#"time: invalid duration "x""#),
            ("-", r#"time: invalid duration "-""#),
            (".s", r#"time: invalid duration ".s""#),
            ("15", r#"time: missing unit in duration "15""#),
            ("1 s", r#"time: unknown unit " s" in duration "1 s""#),
            (
                "9223372036854775808ns",
                r#"time: invalid duration "9223372036854775808ns""#,
            ),
            ("3000000h", r#"time: invalid duration "3000000h""#),
            (
                "99999999999999999999s",
                r#"time: invalid duration "99999999999999999999s""#,
            ),
        ] {
            assert_eq!(parse_duration(text).unwrap_err().to_string(), words);
        }
    }

    #[test]
    fn durations_are_written_as_go_does() {
        for (nanos, text) in [
            (0, "0s"),
            (100_000_000, "100ms"),
            (1_500, "1.5\u{b5}s"),
            (1_000_000_000, "1s"),
            (90_500_000_000, "1m30.5s"),
            (86_400_000_000_000, "24h0m0s"),
            (-5, "-5ns"),
        ] {
            assert_eq!(format_duration(nanos), text);
        }
    }

    proptest! {
        #[test]
        fn written_durations_are_read_back(nanos in (i64::MIN + 1)..=i64::MAX) {
            prop_assert_eq!(parse_duration(&format_duration(nanos)), Ok(nanos));
        }

        #[test]
        fn no_text_causes_a_panic(text in ".*") {
            let _read = parse_duration(&text);
        }

        #[test]
        fn no_text_like_a_duration_causes_a_panic(text in "[-+]?([0-9]{0,22}(\\.[0-9]{0,22})?(ns|us|ms|s|m|h|x)){0,3}") {
            let _read = parse_duration(&text);
        }
    }
}
