//! The default data directory of the embedded store.

use std::path::{Path, PathBuf};

/// `/var/lib/kubekv` for root; for others `$XDG_DATA_HOME/kubekv`, else `~/.local/share/kubekv`, as the XDG base
/// directory specification requires. `None` for a user without a home directory.
pub fn default_data_dir() -> Option<PathBuf> {
    if rustix::process::geteuid().is_root() {
        return Some(PathBuf::from("/var/lib/kubekv"));
    }
    let xdg = std::env::var_os("XDG_DATA_HOME").map(PathBuf::from);
    let home = std::env::var_os("HOME").map(PathBuf::from);
    for_user(xdg.as_deref(), home.as_deref())
}

fn for_user(xdg: Option<&Path>, home: Option<&Path>) -> Option<PathBuf> {
    // The specification: a relative path is invalid and ignored.
    let usable = |path: &&Path| path.is_absolute();
    let data = xdg.filter(usable).map(Path::to_owned);
    let data = data.or_else(|| home.filter(usable).map(|home| home.join(".local/share")));
    data.map(|data| data.join("kubekv"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_has_a_directory_under_home() {
        let (xdg, home) = (Path::new("/x"), Path::new("/home/a"));
        let at_home = Path::new("/home/a/.local/share/kubekv");
        assert_eq!(
            for_user(Some(xdg), Some(home)).unwrap(),
            Path::new("/x/kubekv")
        );
        assert_eq!(for_user(None, Some(home)).unwrap(), at_home);
        assert_eq!(for_user(Some(Path::new("x")), Some(home)).unwrap(), at_home);
        assert_eq!(for_user(Some(Path::new("")), None), None);
    }
}
