//! Percent escapes: `url.QueryUnescape`, `url.QueryEscape`, and the escape that Go names in its error.

use std::fmt::Write as _;

/// The first escape that is none: up to three bytes from its `%` on, which is what Go names in its error.
pub(in crate::face) fn bad_escape(raw: &[u8]) -> Option<&[u8]> {
    let mut rest = raw;
    while let Some(at) = rest.iter().position(|byte| *byte == b'%') {
        let (_, tail) = rest.split_at(at);
        match tail {
            [b'%', high, low, after @ ..]
                if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                rest = after;
            }
            bad => return Some(bad.get(..3).unwrap_or(bad)),
        }
    }
    None
}

/// The bytes that a part of a query stands for, where `+` is a space; the error is the first escape that is none.
pub(super) fn unescape_query(text: &[u8]) -> Result<Vec<u8>, &[u8]> {
    let bad = || bad_escape(text).unwrap_or(text);
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.iter().copied();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'%' => {
                let high = bytes.next().and_then(hex).ok_or_else(bad)?;
                let low = bytes.next().and_then(hex).ok_or_else(bad)?;
                high << 4 | low
            }
            b'+' => b' ',
            byte => byte,
        });
    }
    Ok(out)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

/// A part of a query, escaped.
pub(super) fn escape_query(text: &[u8]) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text {
        match byte {
            b' ' => out.push('+'),
            b'-' | b'_' | b'.' | b'~' => out.push(char::from(*byte)),
            byte if byte.is_ascii_alphanumeric() => out.push(char::from(*byte)),
            byte => {
                let _written = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn errors_show_up_to_three_bytes_of_a_bad_escape() {
        assert_eq!(bad_escape(b"a%zzz"), Some(&b"%zz"[..]));
        assert_eq!(bad_escape(b"%41%"), Some(&b"%"[..]));
        assert_eq!(bad_escape(b"%41+b"), None);
        assert_eq!(unescape_query(b"a%4x"), Err(&b"%4x"[..]));
    }

    proptest! {
        #[test]
        fn escapes_are_decoded(text: Vec<u8>) {
            let escaped = escape_query(&text);
            prop_assert_eq!(unescape_query(escaped.as_bytes()), Ok(text));
        }

        #[test]
        fn any_bytes_are_unescaped_or_refused(text: Vec<u8>) {
            prop_assert_eq!(unescape_query(&text).is_err(), bad_escape(&text).is_some());
        }
    }
}
