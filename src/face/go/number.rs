//! Numbers and truth values as text: `strconv.ParseUint` with base 10 and 64 bits, and `strconv.ParseBool`.

use super::quote::quote;

/// An error of `strconv.ParseUint`, in Go's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("strconv.ParseUint: parsing {text}: {reason}")]
pub(in crate::face) struct NumberError {
    text: String,
    reason: &'static str,
}

/// Reads an unsigned number: digits alone, no sign.
pub(in crate::face) fn parse_u64(text: &[u8]) -> Option<u64> {
    if !is_digits(text) {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// The same, with Go's words where the text is no such number.
pub(in crate::face) fn parse_uint(text: &[u8]) -> Result<u64, NumberError> {
    parse_u64(text).ok_or_else(|| NumberError {
        text: quote(text),
        reason: if is_digits(text) {
            "value out of range"
        } else {
            "invalid syntax"
        },
    })
}

fn is_digits(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(u8::is_ascii_digit)
}

/// Reads a truth value.
pub(in crate::face) fn parse_bool(text: &[u8]) -> Option<bool> {
    match text {
        b"1" | b"t" | b"T" | b"true" | b"TRUE" | b"True" => Some(true),
        b"0" | b"f" | b"F" | b"false" | b"FALSE" | b"False" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_are_read_as_go_does() {
        assert_eq!(parse_uint(b"18446744073709551615"), Ok(u64::MAX));
        assert_eq!(parse_uint(b"007"), Ok(7));
        let words = |text: &[u8]| parse_uint(text).unwrap_err().to_string();
        assert_eq!(
            words(b"18446744073709551616"),
            r#"strconv.ParseUint: parsing "18446744073709551616": value out of range"#
        );
        for text in ["", "-1", "+1", "1 ", " 1", "0x1", "1_0", "1.0", "\u{661}"] {
            assert_eq!(parse_u64(text.as_bytes()), None, "{text}");
            let expected = format!(r#"strconv.ParseUint: parsing "{text}": invalid syntax"#);
            assert_eq!(words(text.as_bytes()), expected);
        }
    }

    #[test]
    fn only_gos_spellings_are_booleans() {
        assert_eq!(parse_bool(b"T"), Some(true));
        assert_eq!(parse_bool(b"False"), Some(false));
        for bad in ["", "yes", "tRUE", "2"] {
            assert_eq!(parse_bool(bad.as_bytes()), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn every_number_is_read(number: u64) {
            prop_assert_eq!(parse_uint(number.to_string().as_bytes()), Ok(number));
        }

        #[test]
        fn no_bytes_cause_a_panic(bytes: Vec<u8>) {
            let _read = (parse_uint(&bytes), parse_bool(&bytes));
        }
    }
}
