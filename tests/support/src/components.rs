//! Programs of the components that `tests/components` fetched.

use std::path::PathBuf;
use std::process::Command;

/// The directory of a component's programs.
pub fn component(name: &str) -> PathBuf {
    let found = Command::new("tests/components")
        .args(["path", name])
        .output()
        .unwrap();
    assert!(
        found.status.success(),
        "{}",
        String::from_utf8_lossy(&found.stderr)
    );
    PathBuf::from(String::from_utf8(found.stdout).unwrap().trim())
}
