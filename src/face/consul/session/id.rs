//! Session ids as text, by the rules of the index Consul looks them up in.

use crate::face::go::is_print;
use crate::model::LeaseId;

/// A text that Consul would look up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::face::consul) enum SessionId {
    /// It can be the id of a session.
    Known(LeaseId),
    /// Consul takes it for an id, but gives no such ids.
    OfNobody,
}

/// A text that Consul refuses to look up, in its words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("failed session lookup: index error: {0}")]
pub(in crate::face::consul) struct BadId(String);

/// Reads a session id: 36 characters, at most four of them hyphens, wherever they are, and else hexadecimal digits.
pub(in crate::face::consul) fn parse_id(text: &[u8]) -> Result<SessionId, BadId> {
    let error = |words: &str| Err(BadId(words.to_owned()));
    if text.len() != 36 {
        return error("UUID must be 36 characters");
    }
    let digits: Vec<u8> = text.iter().copied().filter(|byte| *byte != b'-').collect();
    let hyphens = text.len() - digits.len();
    if hyphens > 4 {
        return error(&format!(
            "UUID should have maximum of 4 \"-\"; got {hyphens}"
        ));
    }
    if !hyphens.is_multiple_of(2) {
        return error("Input (without hyphens) must be even length");
    }
    let mut number: u128 = 0;
    for byte in digits {
        let Some(digit) = char::from(byte).to_digit(16) else {
            return error(&format!(
                "Invalid UUID: encoding/hex: invalid byte: {}",
                shown(byte)
            ));
        };
        number = number << 4 | u128::from(digit);
    }
    Ok(if hyphens == 4 {
        SessionId::Known(LeaseId(number))
    } else {
        SessionId::OfNobody
    })
}

/// A byte as Go's `%#U` shows it.
fn shown(byte: u8) -> String {
    let c = char::from(byte);
    let code = format!("U+{:04X}", u32::from(c));
    if is_print(c) {
        format!("{code} '{c}'")
    } else {
        code
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ids_are_read_as_consul_does() {
        let id = LeaseId::random();
        assert_eq!(
            parse_id(id.to_string().as_bytes()),
            Ok(SessionId::Known(id))
        );
        assert_eq!(
            parse_id(b"0123456789abcdef0123456789abcdef0123"),
            Ok(SessionId::OfNobody)
        );
        for (text, words) in [
            ("foo", "UUID must be 36 characters"),
            (
                "-----678-0123-5678-0123-567890123456",
                "UUID should have maximum of 4 \"-\"; got 9",
            ),
            (
                "01234567-0123-5678-0123-56789012345x",
                "Invalid UUID: encoding/hex: invalid byte: U+0078 'x'",
            ),
            (
                "0123456780123-5678-0123-567890123456",
                "Input (without hyphens) must be even length",
            ),
        ] {
            let error = parse_id(text.as_bytes()).unwrap_err().to_string();
            assert_eq!(
                error,
                format!("failed session lookup: index error: {words}")
            );
        }
    }

    proptest! {
        #[test]
        fn every_id_is_read(number: u128) {
            let id = LeaseId(number);
            prop_assert_eq!(parse_id(id.to_string().as_bytes()), Ok(SessionId::Known(id)));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _id = parse_id(&bytes);
        }

        #[test]
        fn nothing_like_an_id_makes_it_panic(text in "[-0-9a-gA-G]{36}") {
            let _id = parse_id(text.as_bytes());
        }
    }
}
