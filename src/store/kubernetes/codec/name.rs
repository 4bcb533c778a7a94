//! Object names and labels of entries: a readable part, and a hash that makes the name unique.

use sha2::{Digest, Sha256};

use crate::model::{Key, Realm};

/// The longest readable part. etcd stores a name twice, beside the key itself.
const READABLE: usize = 64;

/// The longest readable part of a label's value, which has at most 63 characters.
const LABEL: usize = 24;

/// Hexadecimal digits of the hash: 128 bits, so that nobody finds two keys with one name.
const DIGITS: usize = 32;

/// Hexadecimal digits of a label's hash. People select by labels; the gateway does not depend on them.
const LABEL_DIGITS: usize = 16;

/// The name of an entry's object: `docker.network.v1.0-5d41402abc4b2a76b9719d911017c592`. Those of the gateway's own records
/// begin with `kubekv.`, and so do those of clients' keys that begin with `kubekv/`; their hashes differ.
pub(crate) fn of(key: &Key) -> String {
    let (own, realm) = match key.realm() {
        Realm::User => ("", "user"),
        Realm::System => ("kubekv.", "system"),
    };
    let readable = readable(key.as_bytes(), READABLE);
    let mut hash = Sha256::new();
    hash.update(realm);
    hash.update(b"/");
    hash.update(key.as_bytes());
    format!("{own}{readable}-{}", digits(hash, DIGITS))
}

/// The value of the label [`PARENT`](super::object::PARENT): the directory without its slashes.
pub(crate) fn parent(key: &Key) -> String {
    let bytes = key.as_bytes();
    let bytes = bytes.strip_suffix(b"/").unwrap_or(bytes);
    let directory = bytes
        .iter()
        .rposition(|byte| *byte == b'/')
        .and_then(|slash| bytes.get(..slash))
        .unwrap_or_default();
    let mut hash = Sha256::new();
    hash.update(directory);
    format!(
        "{}-{}",
        readable(directory, LABEL),
        digits(hash, LABEL_DIGITS)
    )
}

/// The value of the label [`RECORD`](super::object::RECORD): the kind of record, which is the first part of its key.
pub(crate) fn record(key: &Key) -> Option<String> {
    let kind = key.as_bytes().split(|byte| *byte == b'/').next();
    (key.realm() == Realm::System).then(|| readable(kind.unwrap_or_default(), LABEL))
}

fn digits(hash: Sha256, count: usize) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(count);
    for byte in hash.finalize().iter().take(count / 2) {
        // Writing to a string does not fail.
        let _never = write!(text, "{byte:02x}");
    }
    text
}

/// Lower-case letters, digits, single dots for slashes, and single hyphens for anything else.
fn readable(bytes: &[u8], longest: usize) -> String {
    let mut text = String::new();
    for byte in bytes {
        let shown = match byte {
            b'a'..=b'z' | b'0'..=b'9' => char::from(*byte),
            b'A'..=b'Z' => char::from(byte.to_ascii_lowercase()),
            b'/' | b'.' => '.',
            _ => '-',
        };
        // A dot or hyphen comes after a letter or digit only; a dot replaces the hyphen before it.
        let after = text.chars().next_back();
        let fits = !matches!(
            (after, shown),
            (None | Some('.'), '.' | '-') | (Some('-'), '-')
        );
        if fits && text.len() < longest {
            if shown == '.' && after == Some('-') {
                text.pop();
            }
            text.push(shown);
        }
    }
    let end = text.trim_end_matches(['.', '-']).len();
    text.truncate(end);
    if text.is_empty() {
        text.push('x');
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The check of Kubernetes for names of custom resources.
    fn is_subdomain(name: &str) -> bool {
        let inside = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let label = |label: &str| {
            let bytes = label.as_bytes();
            !bytes.is_empty()
                && inside(bytes[0])
                && inside(bytes[bytes.len() - 1])
                && bytes.iter().all(|byte| inside(*byte) || *byte == b'-')
        };
        name.len() <= 253 && name.split('.').all(label)
    }

    #[test]
    fn name_is_readable() {
        let name = of(&Key::user("docker/network/v1.0/network/4a8F_b/"));
        assert!(
            name.starts_with("docker.network.v1.0.network.4a8f-b-"),
            "{name}"
        );
        assert!(of(&Key::system("lease/1")).starts_with("kubekv.lease.1-"));
    }

    #[test]
    fn similar_keys_have_different_names() {
        let keys = ["a", "a/", "A", "a.", "/a", "a//"].map(Key::user);
        let names: std::collections::BTreeSet<_> = keys.iter().map(of).collect();
        assert_eq!(names.len(), keys.len());
        assert_ne!(of(&Key::user("lead")), of(&Key::system("lead")));
        assert_ne!(of(&Key::user("kubekv.lead")), of(&Key::system("lead")));
    }

    #[test]
    fn entries_of_one_directory_share_a_label() {
        assert_eq!(parent(&Key::user("a/b/c")), parent(&Key::user("a/b/d/")));
        assert_ne!(parent(&Key::user("a/b/c")), parent(&Key::user("a/b/c/d")));
        assert!(parent(&Key::user("a/b/c")).starts_with("a.b-"));
    }

    #[test]
    fn own_records_have_a_kind_and_clients_entries_have_none() {
        let kind = |key: &str| record(&Key::system(key));
        assert_eq!(kind("lead").as_deref(), Some("lead"));
        assert_eq!(kind("journal/7.1").as_deref(), Some("journal"));
        assert_eq!(record(&Key::user("lead")), None);
    }

    proptest! {
        #[test]
        fn any_key_has_a_valid_name(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            for key in [Key::user(&bytes), Key::system(&bytes)] {
                prop_assert!(is_subdomain(&of(&key)), "{}", of(&key));
                let label = parent(&key);
                prop_assert!(label.len() <= 63 && is_subdomain(&label), "{label}");
                let kind = record(&key).unwrap_or("x".to_owned());
                prop_assert!(kind.len() <= 63 && is_subdomain(&kind), "{kind}");
            }
        }

        #[test]
        fn any_path_has_a_valid_name(path in "[a-zA-Z0-9./_-]{0,300}") {
            let name = of(&Key::user(&path));
            prop_assert!(is_subdomain(&name), "{name}");
        }
    }
}
