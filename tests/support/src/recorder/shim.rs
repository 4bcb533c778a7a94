//! `Shim`: the changes of requests and answers without which a stock dockerd crashes on a real ZooKeeper.
//!
//! libnetwork looks lists up by full keys, and takes the version of a list for that of each child in it. So a list below
//! libnetwork's tree names its children by their full keys, and has a version that stands for "the version that this
//! session last saw of the child"; the doubled paths that the full names lead to are taken as the children's.

use std::collections::HashMap;

/// The version of lists.
pub const LISTED: i32 = 1_264_280_182;

/// The tree that libnetwork lists.
const TREE: &str = "docker/network/v1.0/";

/// What one session saw.
#[derive(Debug, Default)]
pub struct Shim {
    versions: HashMap<String, i32>,
}

impl Shim {
    /// The child that a doubled path means: `/D/D/child`, where `D` is a directory in libnetwork's tree.
    pub fn child_of_doubled(path: &str) -> Option<String> {
        let path = path.strip_prefix('/')?;
        path.match_indices('/').find_map(|(at, _)| {
            let (directory, child) = (&path[..at], &path[at + 1..]);
            let is_doubled = child
                .strip_prefix(directory)
                .is_some_and(|rest| rest.starts_with('/'));
            (is_doubled && directory.contains(TREE)).then(|| format!("/{child}"))
        })
    }

    /// The names of children as libnetwork expects them, for lists in its tree.
    pub fn full_names(directory: &str, names: &[String]) -> Option<Vec<String>> {
        let directory = directory.strip_prefix('/')?;
        let full = |name: &String| format!("{directory}/{name}");
        directory
            .contains(TREE)
            .then(|| names.iter().map(full).collect())
    }

    /// Notes a version that the session saw.
    pub fn saw(&mut self, path: &str, version: i32) {
        self.versions.insert(path.to_owned(), version);
    }

    /// The version that [`LISTED`] stands for.
    pub fn seen(&self, path: &str) -> i32 {
        // It cannot change a node that it never read: no node has this version.
        self.versions.get(path).copied().unwrap_or(-2)
    }
}
