//! Keys: the names of entries.

use std::fmt;
use std::sync::Arc;

/// Which part of the keyspace a key belongs to.
///
/// Kept beside the bytes rather than as a reserved prefix, so that no byte string a client can send reaches the
/// gateway's own records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Realm {
    /// What clients write and read.
    User,
    /// The gateway's own records, such as leases and lock delays: no face can name them.
    System,
}

/// The name of one entry: any bytes, in Consul's spelling.
///
/// No leading slash; a trailing slash counts, so `a` and `a/` are two keys. Protocols with trees see both as the node
/// `a` (see [`Key::node`]). Cloning is cheap.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    realm: Realm,
    bytes: Arc<[u8]>,
}

impl Key {
    /// A client's key, byte for byte.
    pub fn user(bytes: impl AsRef<[u8]>) -> Self {
        Self::new(Realm::User, bytes)
    }

    /// A key of the gateway's own records.
    pub fn system(bytes: impl AsRef<[u8]>) -> Self {
        Self::new(Realm::System, bytes)
    }

    /// A key in the given realm.
    pub fn new(realm: Realm, bytes: impl AsRef<[u8]>) -> Self {
        Self {
            realm,
            bytes: Arc::from(bytes.as_ref()),
        }
    }

    /// The realm it lives in.
    pub fn realm(&self) -> Realm {
        self.realm
    }

    /// Its bytes, without the realm.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The key as text, where it is UTF-8.
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.bytes).ok()
    }

    /// Whether every byte string with this prefix is also a key under `prefix`.
    pub fn starts_with(&self, prefix: &Self) -> bool {
        self.realm == prefix.realm && self.bytes.starts_with(&prefix.bytes)
    }

    /// The path of the tree node this key belongs to: the key less one trailing slash.
    ///
    /// `None` for keys that protocols with trees cannot show: not UTF-8, empty, or with an empty segment (`a//b`).
    pub fn node(&self) -> Option<&str> {
        let text = self.as_str()?;
        let path = text.strip_suffix('/').unwrap_or(text);
        let shown = !path.is_empty() && path.split('/').all(|segment| !segment.is_empty());
        shown.then_some(path)
    }

    /// The smallest key that no key with this prefix reaches, or `None` where every larger key has it.
    pub fn prefix_end(&self) -> Option<Self> {
        let mut end = self.bytes.to_vec();
        while let Some(last) = end.pop() {
            if let Some(next) = last.checked_add(1) {
                end.push(next);
                return Some(Self::new(self.realm, end));
            }
        }
        match self.realm {
            Realm::User => Some(Self::new(Realm::System, [])),
            Realm::System => None,
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let realm = match self.realm {
            Realm::User => "",
            Realm::System => "system:",
        };
        write!(f, "{realm}{}", self.bytes.escape_ascii())
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trailing_slash_is_another_key_of_the_same_node() {
        assert_ne!(Key::user("a"), Key::user("a/"));
        assert_eq!(Key::user("a").node(), Key::user("a/").node());
    }

    #[test]
    fn keys_that_are_no_etcd_path_have_no_node() {
        for key in [&b""[..], b"/", b"a//b", b"/a", b"a//", b"\xff"] {
            assert_eq!(Key::user(key).node(), None, "{}", key.escape_ascii());
        }
    }

    #[test]
    fn the_end_of_a_prefix_is_past_all_its_keys() {
        assert_eq!(Key::user("a/").prefix_end(), Some(Key::user("a0")));
        assert_eq!(Key::user(b"a\xff\xff").prefix_end(), Some(Key::user("b")));
        assert_eq!(Key::user("").prefix_end(), Some(Key::system("")));
        assert_eq!(Key::system(b"\xff").prefix_end(), None);
    }

    #[test]
    fn client_keys_are_apart_from_internal_keys() {
        assert!(Key::user(b"\xff\xff\xff") < Key::system(""));
        assert!(!Key::system("lease/1").starts_with(&Key::user("")));
    }
}
