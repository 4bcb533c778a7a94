//! Keys as paths of nodes.

/// The path of a key's node beneath the node that holds all keys.
pub(super) fn node_path(chroot: &str, key: &str) -> String {
    let key = key.trim_matches('/');
    match (chroot, key) {
        ("", "") => "/".to_owned(),
        (chroot, "") => chroot.to_owned(),
        (chroot, key) => {
            let mut path = String::with_capacity(chroot.len() + key.len() + 1);
            path.extend([chroot, "/", key]);
            path
        }
    }
}

/// The path of a node's child.
pub(super) fn child_path(parent: &str, name: &str) -> String {
    node_path(parent.trim_end_matches('/'), name)
}

/// The nodes above a node, from the root on, without the root.
pub(super) fn ancestors(path: &str) -> impl Iterator<Item = &str> {
    let ends = path.match_indices('/').map(|(end, _slash)| end);
    ends.filter_map(|end| path.get(..end).filter(|above| !above.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_nodes_beneath_the_chroot() {
        for (chroot, key, path) in [
            ("", "a/b", "/a/b"),
            ("", "/a/", "/a"),
            ("", "", "/"),
            ("/x", "a", "/x/a"),
            ("/x", "/", "/x"),
        ] {
            assert_eq!(node_path(chroot, key), path);
        }
        assert_eq!(child_path("/", "a"), "/a");
        assert_eq!(child_path("/a", "b"), "/a/b");
        assert_eq!(ancestors("/a/b/c").collect::<Vec<_>>(), ["/a", "/a/b"]);
        assert_eq!(ancestors("/a").count(), 0);
    }
}
