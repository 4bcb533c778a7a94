//! `ZnodePath`: the path of a node, and the key that it is stored under.

use std::fmt;
use std::sync::Arc;

use crate::model::{Key, Realm};

/// The name of the node beneath the root that the server's own nodes are in.
pub(super) const RESERVED: &str = "zookeeper";

/// The path of a node that exists or may be created: `/`, or `/a/b`. Cheap to clone.
///
/// Every segment is a name ([`is_name`]): not empty, not `.` or `..`, and without characters that ZooKeeper refuses.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ZnodePath(Arc<str>);

/// A path that no node can have. A write answers `BadArguments`; a read finds no node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no path of a node")]
pub(crate) struct InvalidPath;

/// Whether a node can have this name: the last segment of its path.
pub(crate) fn is_name(segment: &str) -> bool {
    !matches!(segment, "" | "." | "..") && (is_plain(segment) || segment.chars().all(is_allowed))
}

/// Whether it is all of ASCII's printable characters, as most names are. All bytes are looked at, which takes less than to find the first
/// that is not.
fn is_plain(segment: &str) -> bool {
    let printable = |byte: u8| matches!(byte, b' '..=b'~');
    segment
        .bytes()
        .fold(true, |all, byte| all & printable(byte))
}

/// Java sees a character above U+FFFF as two surrogates, which are refused.
fn is_allowed(c: char) -> bool {
    !matches!(c, '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{e000}'..='\u{f8ff}' | '\u{fff0}'..)
}

/// The path without the slash before it, as the keyspace's trees name nodes: the empty path is the root's. `None` where no
/// node can have the path. Reads use it, which take an empty path for the root's.
pub(crate) fn tree_path(text: &str) -> Option<&str> {
    if text.is_empty() {
        return Some(text);
    }
    let path = text.strip_prefix('/')?;
    (path.is_empty() || path.split('/').all(is_name)).then_some(path)
}

impl ZnodePath {
    /// The root.
    pub(crate) fn root() -> Self {
        Self(Arc::from("/"))
    }

    /// Whether it is the root.
    pub(crate) fn is_root(&self) -> bool {
        self.as_str() == "/"
    }

    /// The path that a client wrote.
    ///
    /// # Errors
    ///
    /// Where no node can have it; the empty path is none.
    pub(crate) fn parse(text: &str) -> Result<Self, InvalidPath> {
        match tree_path(text) {
            Some(_) if !text.is_empty() => Ok(Self(Arc::from(text))),
            _ => Err(InvalidPath),
        }
    }

    /// The path that a client reads, to which an empty one is the root. `None` where no node can have it.
    pub(crate) fn of_read(text: &str) -> Option<Self> {
        if text.is_empty() {
            return Some(Self::root());
        }
        Self::parse(text).ok()
    }

    /// The path that `Exists` was asked for: `None` where no node can have it.
    ///
    /// # Errors
    ///
    /// Where it contains U+0000, which `Exists` alone among reads refuses.
    pub(crate) fn of_exists(text: &str) -> Result<Option<Self>, InvalidPath> {
        if text.contains('\0') {
            return Err(InvalidPath);
        }
        Ok(Self::of_read(text))
    }

    /// The node that a key belongs to: `a` and `a/` are both `/a`.
    ///
    /// `None` for keys that no client of ZooKeeper is shown: those that no tree shows ([`Key::node`]), those with a name
    /// that no node can have, and those of others at and beneath `/zookeeper`, where the server's own nodes are.
    pub(crate) fn of_key(key: &Key) -> Option<Self> {
        match key.realm() {
            Realm::User => Self::of_tree_path(key.node()?),
            Realm::System => None,
        }
    }

    /// The node at a path of the keyspace's trees; `None` as for [`of_key`](Self::of_key).
    pub(crate) fn of_tree_path(path: &str) -> Option<Self> {
        let node = Self::parse(&["/", path].concat()).ok()?;
        (!node.is_reserved()).then_some(node)
    }

    /// The path as clients write it.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The path as the keyspace's trees name nodes: without the slash before it.
    pub(crate) fn tree_path(&self) -> &str {
        self.0.strip_prefix('/').unwrap_or(&self.0)
    }

    /// The key of a new node; that of the root is empty, and nothing is stored under it. A node that others made may be
    /// stored under [`directory_key`](Self::directory_key) instead.
    pub(crate) fn key(&self) -> Key {
        Key::user(self.tree_path())
    }

    /// The key with a slash after it, under which others may have made the node.
    pub(crate) fn directory_key(&self) -> Key {
        Key::user([self.tree_path(), "/"].concat())
    }

    /// The last segment; the root has none.
    pub(crate) fn name(&self) -> Option<&str> {
        let (_, name) = self.0.rsplit_once('/')?;
        (!name.is_empty()).then_some(name)
    }

    /// The node above it; the root has none.
    pub(crate) fn parent(&self) -> Option<Self> {
        self.name()?;
        parent_of(&self.0).map(|parent| Self(Arc::from(parent)))
    }

    /// The node beneath it with this name; `None` where no node can have the name.
    #[cfg(test)]
    pub(crate) fn child(&self, name: &str) -> Option<Self> {
        if !is_name(name) || name.contains('/') {
            return None;
        }
        let above = self.0.strip_suffix('/').unwrap_or(&self.0);
        Some(Self(Arc::from(format!("{above}/{name}"))))
    }

    /// Whether it is at or beneath `/zookeeper`: entries of other protocols are not shown there.
    pub(crate) fn is_reserved(&self) -> bool {
        let top = self.tree_path().split('/').next();
        top == Some(RESERVED)
    }
}

/// The path above a path that need not be valid: all before its last slash. That of `/a` is `/`. `None` without a slash.
pub(super) fn parent_of(text: &str) -> Option<&str> {
    let (parent, _) = text.rsplit_once('/')?;
    Some(if parent.is_empty() { "/" } else { parent })
}

impl fmt::Debug for ZnodePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for ZnodePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn path(text: &str) -> ZnodePath {
        ZnodePath::parse(text).unwrap()
    }

    /// As 3.8.0 answers a create of each.
    const VALID: [&str; 11] = [
        "/",
        "/a",
        "/a/b",
        "/a..b",
        "/..a",
        "/...",
        "/ ",
        "/\u{a0}",
        "/\u{d7ff}",
        "/\u{f900}",
        "/\u{feff}",
    ];
    const INVALID: [&str; 20] = [
        "",
        "a",
        "a/b",
        "//",
        "/a/",
        "/a//b",
        "//a",
        "/.",
        "/..",
        "/a/.",
        "/a/../b",
        "/\0",
        "/\u{1}",
        "/\u{1f}",
        "/\u{7f}",
        "/\u{9f}",
        "/\u{e000}",
        "/\u{f8ff}",
        "/\u{fff0}",
        "/\u{1f600}",
    ];

    #[test]
    fn paths_are_valid_as_in_zookeeper() {
        for text in VALID {
            assert_eq!(path(text).as_str(), text);
        }
        for text in INVALID {
            assert_eq!(ZnodePath::parse(text), Err(InvalidPath), "{text:?}");
        }
        // What bytes that are not UTF-8 are decoded to.
        assert_eq!(ZnodePath::parse("/\u{fffd}"), Err(InvalidPath));
    }

    #[test]
    fn a_read_finds_nothing_at_an_invalid_path_and_the_root_at_an_empty_one() {
        assert_eq!(ZnodePath::of_read(""), Some(ZnodePath::root()));
        assert_eq!(tree_path(""), Some(""));
        assert_eq!((tree_path("/"), tree_path("/a/b")), (Some(""), Some("a/b")));
        for text in &INVALID[1..] {
            assert_eq!(ZnodePath::of_read(text), None, "{text:?}");
            assert_eq!(tree_path(text), None, "{text:?}");
        }
        assert_eq!(ZnodePath::of_exists("/a\0"), Err(InvalidPath));
        assert_eq!(ZnodePath::of_exists("/a/"), Ok(None));
        assert_eq!(ZnodePath::of_exists(""), Ok(Some(ZnodePath::root())));
    }

    #[test]
    fn a_new_node_is_the_key_without_slashes_and_both_keys_are_one_node() {
        let node = path("/a/b");
        assert_eq!(node.key(), Key::user("a/b"));
        assert_eq!(node.directory_key(), Key::user("a/b/"));
        for key in [node.key(), node.directory_key()] {
            assert_eq!(ZnodePath::of_key(&key), Some(node.clone()));
        }
        assert_eq!(ZnodePath::root().tree_path(), "");
    }

    #[test]
    fn entries_of_others_that_no_client_may_name_are_not_shown() {
        for key in [
            &b""[..],
            b"/",
            b"a//b",
            b"/a",
            b"a//",
            b"\xff",
            b"a/../b",
            b"a/.",
            b"a\x01",
            "\u{1f600}".as_bytes(),
            b"zookeeper",
            b"zookeeper/",
            b"zookeeper/quota/x",
        ] {
            let shown = ZnodePath::of_key(&Key::user(key));
            assert_eq!(shown, None, "{}", key.escape_ascii());
        }
        let beside = Key::user("zookeeper2/a");
        assert_eq!(ZnodePath::of_key(&beside), Some(path("/zookeeper2/a")));
        assert_eq!(ZnodePath::of_key(&Key::system("a")), None);
    }

    #[test]
    fn parents_names_and_children_belong_together() {
        assert_eq!(path("/a/b").parent(), Some(path("/a")));
        assert_eq!(path("/a").parent(), Some(ZnodePath::root()));
        assert_eq!(
            (ZnodePath::root().parent(), ZnodePath::root().name()),
            (None, None)
        );
        assert_eq!(path("/a/b").name(), Some("b"));
        assert_eq!(path("/a").child("b"), Some(path("/a/b")));
        assert_eq!(ZnodePath::root().child("a"), Some(path("/a")));
        for name in ["", ".", "..", "a/b", "\u{0}"] {
            assert_eq!(path("/a").child(name), None);
        }
    }

    proptest! {
        #[test]
        fn a_valid_path_and_its_key_are_each_others(text in "(/[a-z.\u{0}\u{e9}\u{fff0}/]{0,4}){1,4}") {
            if let Ok(node) = ZnodePath::parse(&text) {
                prop_assert_eq!(node.as_str(), &text);
                prop_assert!(node.name().is_none_or(is_name));
                if let Some(parent) = node.parent() {
                    prop_assert_eq!(ZnodePath::of_key(&node.key()), Some(node.clone()));
                    prop_assert_eq!(parent.child(node.name().unwrap()), Some(node));
                }
            }
        }
    }
}
