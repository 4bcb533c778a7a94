//! Keys of nodes: the two that an entry of a node may have, and the paths above it, without a look at what is there.

use crate::model::{Key, KeyRange, Realm};

/// What begins the names of records of nodes that are always there.
const BUILT_IN: &str = "znode/";

/// The keys of the node at this path, the one that counts first. That of the root is a record of the gateway's own, which no
/// client of Consul or etcd can name.
pub(crate) fn node_keys(node: &[u8]) -> [Key; 2] {
    if node.is_empty() {
        return [built_in_record(""), built_in_record("")];
    }
    [Key::user(node), Key::user([node, b"/"].concat())]
}

/// The key of what clients of ZooKeeper set of a node that is always there, by its path; the root's is empty.
pub(crate) fn built_in_record(path: &str) -> Key {
    Key::system(format!("{BUILT_IN}{path}"))
}

/// The path of the node whose record this is the key of.
pub(crate) fn built_in_path(key: &Key) -> Option<&[u8]> {
    let is_own = key.realm() == Realm::System;
    let path = is_own.then(|| key.as_bytes().strip_prefix(BUILT_IN.as_bytes()));
    path.flatten()
}

/// Whether this is the key of what clients of ZooKeeper set of the root.
pub(crate) fn is_root_record(key: &Key) -> bool {
    key.realm() == Realm::System && key.as_bytes() == BUILT_IN.as_bytes()
}

/// The path of the node directly above, for a path without a slash at its end; the root's is empty, and has none above it.
pub(crate) fn node_above(path: &[u8]) -> Option<&[u8]> {
    (!path.is_empty()).then(|| directory_of(path))
}

/// The path of the node that a key belongs to, be it shown in trees or not.
pub(crate) fn node_path(key: &Key) -> &[u8] {
    let bytes = key.as_bytes();
    bytes.strip_suffix(b"/").unwrap_or(bytes)
}

/// The path of the directory that keys with this prefix are in: all before its last slash.
pub(crate) fn directory_of(prefix: &[u8]) -> &[u8] {
    let slash = prefix.iter().rposition(|byte| *byte == b'/');
    slash.and_then(|at| prefix.get(..at)).unwrap_or_default()
}

/// Ranges for a tree node: its own keys, and with `recursive` all beneath it. The root is the empty path.
pub fn node_ranges(path: &str, recursive: bool) -> Vec<KeyRange> {
    if path.is_empty() {
        return if recursive {
            vec![KeyRange::Prefix(Key::new(Realm::User, ""))]
        } else {
            Vec::new()
        };
    }
    let beneath = Key::user(format!("{path}/"));
    let within = if recursive {
        KeyRange::Prefix(beneath)
    } else {
        KeyRange::Exact(beneath)
    };
    vec![KeyRange::Exact(Key::user(path)), within]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_cut_at_slashes() {
        let above = |path: &'static str| node_above(path.as_bytes());
        assert_eq!(above("a/b/c"), Some(&b"a/b"[..]));
        assert_eq!(above("a"), Some(&b""[..]));
        assert_eq!(above(""), None);
        assert_eq!(directory_of(b"a/b"), b"a");
        assert_eq!(directory_of(b"a/"), b"a");
        assert_eq!(directory_of(b"a"), b"");
        assert_eq!(node_path(&Key::user("a/")), b"a");
        assert_eq!(node_keys(b"a"), [Key::user("a"), Key::user("a/")]);
    }
}
