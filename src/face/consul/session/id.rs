//! Session id as text, parsed by the rules of the index in which Consul looks it up.

use crate::face::consul::reply::Reply;
use crate::face::consul::request::ApiRequest;
use crate::face::go::is_print;
use crate::model::LeaseId;

/// A text that Consul accepts as a session id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::face::consul) enum SessionId {
    /// It can be the id of a session.
    Valid(LeaseId),
    /// Consul accepts it, but never assigns such an id: no session has it.
    Unassigned,
}

/// A text that Consul does not accept as a session id, in its words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("failed session lookup: index error: {0}")]
pub(in crate::face::consul) struct BadId(String);

/// Parses a session id: 36 characters, of which at most four are hyphens, anywhere, and all others hexadecimal digits.
pub(in crate::face::consul) fn parse(text: &[u8]) -> Result<SessionId, BadId> {
    let error = |reason: &str| Err(BadId(reason.to_owned()));
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
                formatted(byte)
            ));
        };
        number = number << 4 | u128::from(digit);
    }
    Ok(if hyphens == 4 {
        SessionId::Valid(LeaseId(number))
    } else {
        SessionId::Unassigned
    })
}

/// The session that a request to this datacenter names: the text as it was sent, and the id where a session can have
/// it.
pub(super) fn of_path(request: &ApiRequest<'_>) -> Result<(String, Option<LeaseId>), Reply> {
    if request.rest.is_empty() {
        return Err(Reply::bad_request("Missing session"));
    }
    // Consul forwards a request to its datacenter before it parses the id.
    request.check_datacenter()?;
    let id = match parse(request.rest) {
        Ok(SessionId::Valid(id)) => Some(id),
        Ok(SessionId::Unassigned) => None,
        Err(error) => return Err(Reply::internal_error(error.to_string())),
    };
    Ok((request.rest_text(), id))
}

/// A byte as Go's `%#U` formats it.
fn formatted(byte: u8) -> String {
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
    fn ids_are_parsed_by_consuls_rules() {
        let id = LeaseId::random();
        assert_eq!(parse(id.to_string().as_bytes()), Ok(SessionId::Valid(id)));
        assert_eq!(
            parse(b"0123456789abcdef0123456789abcdef0123"),
            Ok(SessionId::Unassigned)
        );
        for (text, reason) in [
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
            let error = parse(text.as_bytes()).unwrap_err().to_string();
            assert_eq!(
                error,
                format!("failed session lookup: index error: {reason}")
            );
        }
    }

    proptest! {
        #[test]
        fn every_assigned_id_is_parsed(number: u128) {
            let id = LeaseId(number);
            prop_assert_eq!(parse(id.to_string().as_bytes()), Ok(SessionId::Valid(id)));
        }

        #[test]
        fn no_bytes_cause_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _id = parse(&bytes);
        }

        #[test]
        fn no_text_like_an_id_causes_a_panic(text in "[-0-9a-gA-G]{36}") {
            let _id = parse(text.as_bytes());
        }
    }
}
