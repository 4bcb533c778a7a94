//! The programs of `PostgreSQL`, copied for any user: it refuses to run as root, and the cache may be root's own.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use support::components::component;

/// A copy of the programs.
#[derive(Debug)]
pub(crate) struct PostgreSql {
    copy: tempfile::TempDir,
    libraries: PathBuf,
}

impl PostgreSql {
    pub(crate) fn copy() -> Self {
        let copy = tempfile::tempdir().unwrap();
        let all = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(copy.path(), all).unwrap();
        let from = component("postgresql").join("../root/usr");
        for part in ["bin", "lib"] {
            let part = format!("lib/postgresql/15/{part}");
            copy_tree(&from.join(&part), &copy.path().join(part));
        }
        let share = "share/postgresql/15";
        copy_tree(&from.join(share), &copy.path().join(share));
        let libraries = std::fs::read_dir(from.join("lib"))
            .unwrap()
            .find_map(|entry| {
                let path = entry.unwrap().path();
                path.to_string_lossy()
                    .ends_with("-linux-gnu")
                    .then_some(path)
            });
        Self {
            copy,
            libraries: libraries.unwrap(),
        }
    }

    /// The directory of the programs.
    pub(crate) fn bin(&self) -> PathBuf {
        self.copy.path().join("lib/postgresql/15/bin")
    }

    /// The directory of their libraries.
    pub(crate) fn libraries(&self) -> &Path {
        &self.libraries
    }
}

fn copy_tree(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy_tree(&from, &to);
        } else {
            std::fs::copy(from, to).unwrap();
        }
    }
}
