//! Numbers as text: `strconv.ParseUint` with base 10 and 64 bits.

/// Why a text is no number, in Go's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("strconv.ParseUint: parsing {text}: {reason}")]
pub(in crate::face::consul) struct NumberError {
    text: String,
    reason: &'static str,
}

/// Reads an unsigned number: digits alone, no sign.
pub(in crate::face::consul) fn parse_uint(text: &[u8]) -> Result<u64, NumberError> {
    let error = |reason| NumberError {
        text: super::quote(text),
        reason,
    };
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return Err(error("invalid syntax"));
    }
    std::str::from_utf8(text)
        .ok()
        .and_then(|digits| digits.parse().ok())
        .ok_or_else(|| error("value out of range"))
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
        for text in ["", "-1", "+1", "1 ", "0x1", "1_0"] {
            let expected = format!(r#"strconv.ParseUint: parsing "{text}": invalid syntax"#);
            assert_eq!(words(text.as_bytes()), expected);
        }
    }

    proptest! {
        #[test]
        fn every_number_is_read(number: u64) {
            prop_assert_eq!(parse_uint(number.to_string().as_bytes()), Ok(number));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _read = parse_uint(&bytes);
        }
    }
}
