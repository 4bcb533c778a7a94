//! `NetworkList`: the directories in libnetwork's tree that dockerd lists, by their paths.

/// The tree, which may be beneath a prefix.
const TREE: &str = "/docker/network/v1.0/";

/// Where the counts of endpoints are, in the tree.
const COUNTS: &str = "endpoint_count";

/// A directory that dockerd lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NetworkList {
    /// Of all networks.
    Networks,
    /// Of the counts of their endpoints.
    Counts,
    /// Of the endpoints of one network.
    Endpoints,
}

impl NetworkList {
    /// At a path; `None` where it is another directory.
    pub(super) fn of(path: &str) -> Option<Self> {
        let (_, rest) = path.split_once(TREE)?;
        match rest {
            "network" => Some(Self::Networks),
            COUNTS => Some(Self::Counts),
            _ => {
                let network = rest.strip_prefix("endpoint/")?;
                (!network.is_empty() && !network.contains('/')).then_some(Self::Endpoints)
            }
        }
    }
}

/// The part of a path before the tree, where it leads into it.
pub(super) fn prefix_of_tree(path: &str) -> Option<&str> {
    path.split_once(TREE).map(|(prefix, _)| prefix)
}

/// Whether a path leads into the tree.
pub(super) fn is_in_tree(path: &str) -> bool {
    prefix_of_tree(path).is_some()
}

/// Whether a path is doubled: `/D/D/child`, with the directory `D` of the counts.
pub(super) fn is_doubled(path: &str) -> bool {
    child_of_doubled(path).is_some()
}

/// Makes a doubled path the child's.
pub(super) fn take_child_of_doubled(path: &mut String) {
    if let Some(child) = child_of_doubled(path) {
        *path = child.to_owned();
    }
}

fn child_of_doubled(path: &str) -> Option<&str> {
    let (prefix, rest) = path.split_once(TREE)?;
    let child = rest.strip_prefix(COUNTS)?;
    let name = child
        .strip_prefix(prefix)?
        .strip_prefix(TREE)?
        .strip_prefix(COUNTS)?;
    name.starts_with('/').then_some(child)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_doubled_path_is_the_childs() {
        for prefix in ["", "/x", "/x/docker"] {
            let directory = format!("{prefix}/docker/network/v1.0/endpoint_count");
            let child = format!("{directory}/1");
            let doubled = format!("{directory}{child}");
            assert_eq!(child_of_doubled(&doubled), Some(&*child));
            assert_eq!(child_of_doubled(&child), None);
            assert_eq!(child_of_doubled(&format!("/y{doubled}")), None);
        }
        let network = "/docker/network/v1.0/network";
        for other in ["", "docker", "/a/a/b", &format!("{network}{network}/1")] {
            assert_eq!(child_of_doubled(other), None, "{other}");
        }
    }

    #[test]
    fn three_directories_are_listed() {
        let list = |path: &str| NetworkList::of(&format!("/x/docker/network/v1.0/{path}"));
        assert_eq!(list("network"), Some(NetworkList::Networks));
        assert_eq!(list("endpoint_count"), Some(NetworkList::Counts));
        assert_eq!(list("endpoint/1"), Some(NetworkList::Endpoints));
        for other in [
            "",
            "network/1",
            "endpoint",
            "endpoint/",
            "endpoint/1/2",
            "idm",
        ] {
            assert_eq!(list(other), None, "{other}");
        }
        assert_eq!(NetworkList::of("/docker/nodes"), None);
    }
}
