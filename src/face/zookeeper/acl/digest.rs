//! The scheme `digest`: a user's name, and the SHA-1 of the name with the password.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest as hash};

/// The identity of `NAME:PASSWORD`: `NAME:` and the hash of all of it. Without a colon all of it is the name, too.
pub(super) fn digest(credentials: &str) -> String {
    let (name, _) = credentials.split_once(':').unwrap_or((credentials, ""));
    let hash = hash(&SHA1_FOR_LEGACY_USE_ONLY, credentials.as_bytes());
    format!("{name}:{}", STANDARD.encode(hash))
}

/// The name of an identity.
pub(super) fn name(identity: &str) -> &str {
    let (name, _) = identity.split_once(':').unwrap_or((identity, ""));
    name
}

/// Whether an access list may have this identity: with one colon, besides those at its end, and something behind it.
pub(super) fn is_valid(identity: &str) -> bool {
    identity.trim_end_matches(':').matches(':').count() == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_is_the_name_and_the_sha_1_of_the_pair() {
        // As 3.8.0 made them.
        assert_eq!(digest("me:secret"), "me:016djjlksVQS5RgX3M7biBGyYwY=");
        assert_eq!(digest(""), ":2jmj7l5rSw0yVb/vlWAYkK/YBwk=");
        assert_eq!(name(&digest("nocolon")), "nocolon");
        assert_eq!(name(&digest("a:b:c")), "a");
    }

    /// As 3.8.0 answers a list with each.
    #[test]
    fn identities_of_lists_are_valid_as_in_zookeeper() {
        for valid in ["a:b", ":b", "a:b:", "a:b::"] {
            assert!(is_valid(valid), "{valid}");
        }
        for invalid in ["", "a", "a:", ":", "::", "a:b:c", ":a:b", "a::b"] {
            assert!(!is_valid(invalid), "{invalid}");
        }
    }
}
