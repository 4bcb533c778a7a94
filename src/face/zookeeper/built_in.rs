//! `BuiltIn`: the nodes that are always there, which no entry stands for.

use super::path::{RESERVED, ZnodePath};

/// A node that every server has from its beginning. Their zxids and times are 0, everybody may do everything with them
/// unless a list says otherwise, and none can be deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BuiltIn {
    /// `/`.
    Root,
    /// `/zookeeper`.
    ZooKeeper,
    /// `/zookeeper/quota`.
    Quota,
    /// `/zookeeper/config`: empty, readable by all and writable by none.
    Config,
}

impl BuiltIn {
    /// The built-in node at a path.
    pub(crate) fn at(path: &ZnodePath) -> Option<Self> {
        Self::at_text(path.as_str())
    }

    /// The built-in node at a path that need not be valid.
    pub(super) fn at_text(path: &str) -> Option<Self> {
        match path {
            "/" => Some(Self::Root),
            "/zookeeper" => Some(Self::ZooKeeper),
            "/zookeeper/quota" => Some(Self::Quota),
            "/zookeeper/config" => Some(Self::Config),
            _ => None,
        }
    }

    /// Its name; that of the root is empty.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Root => "",
            Self::ZooKeeper => RESERVED,
            Self::Quota => "quota",
            Self::Config => "config",
        }
    }

    /// The built-in nodes directly beneath it. They are among its children now, but not among those ever created: so the
    /// first child that a client creates has sequence number 0, and the root's `cversion` begins with -1.
    pub(crate) fn children(self) -> &'static [Self] {
        match self {
            Self::Root => &[Self::ZooKeeper],
            Self::ZooKeeper => &[Self::Config, Self::Quota],
            Self::Quota | Self::Config => &[],
        }
    }

    /// Whether its data and its access list are fixed: a write answers `NoAuth`, to the super user too.
    pub(crate) fn is_fixed(self) -> bool {
        match self {
            Self::Config => true,
            Self::Root | Self::ZooKeeper | Self::Quota => false,
        }
    }

    /// The version of its access list at the beginning.
    pub(crate) fn first_acl_version(self) -> i32 {
        match self {
            Self::Config => -1,
            Self::Root | Self::ZooKeeper | Self::Quota => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_nodes_are_where_zookeeper_has_them() {
        let at = |text: &str| BuiltIn::at(&ZnodePath::parse(text).unwrap());
        let mut all = vec![(BuiltIn::Root, ZnodePath::root())];
        let mut next = 0;
        while let Some((node, path)) = all.get(next).cloned() {
            assert_eq!(BuiltIn::at(&path), Some(node));
            for child in node.children() {
                all.push((*child, path.child(child.name()).unwrap()));
            }
            next += 1;
        }
        assert_eq!(all.len(), 4);
        for other in ["/a", "/zookeeper/x", "/zookeeper/quota/a", "/zookeeper2"] {
            assert_eq!(at(other), None);
        }
        assert!(at("/zookeeper/config").unwrap().is_fixed());
        assert!(!at("/").unwrap().is_fixed());
        assert_eq!(at("/zookeeper/config").unwrap().first_acl_version(), -1);
    }
}
