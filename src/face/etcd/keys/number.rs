//! Numbers and truth values as Go's `strconv` reads them.

/// A number of 64 bits: decimal digits and nothing else.
pub(super) fn parse_u64(text: &[u8]) -> Option<u64> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// A truth value.
pub(super) fn parse_bool(text: &[u8]) -> Option<bool> {
    match text {
        b"1" | b"t" | b"T" | b"true" | b"TRUE" | b"True" => Some(true),
        b"0" | b"f" | b"F" | b"false" | b"FALSE" | b"False" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_digits_make_a_number() {
        assert_eq!(parse_u64(b"18446744073709551615"), Some(u64::MAX));
        for bad in [
            "",
            "+1",
            "-1",
            " 1",
            "1_0",
            "0x1",
            "1.0",
            "18446744073709551616",
            "١",
        ] {
            assert_eq!(parse_u64(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn only_gos_spellings_make_a_truth_value() {
        assert_eq!(parse_bool(b"T"), Some(true));
        assert_eq!(parse_bool(b"False"), Some(false));
        for bad in ["", "yes", "tRUE", "2"] {
            assert_eq!(parse_bool(bad.as_bytes()), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn numbers_are_read_back(number: u64) {
            prop_assert_eq!(parse_u64(number.to_string().as_bytes()), Some(number));
        }

        #[test]
        fn any_bytes_are_a_number_or_not(text in proptest::collection::vec(any::<u8>(), 0..30)) {
            let _number = (parse_u64(&text), parse_bool(&text));
        }
    }
}
