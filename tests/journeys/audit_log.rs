//! The audit log of a journey, as far as it tells of hosts.

use std::path::Path;

/// The lines that tell of something refused to a host; requests of who proves to be none are left out.
pub(crate) fn refused_to_hosts(file: &Path) -> Vec<String> {
    let log = std::fs::read_to_string(file).unwrap();
    let is_write = |line: &str| line.contains(r#""decision":"allowed""#);
    assert!(log.lines().any(is_write), "{log}");
    let refused = log.lines().filter(|line| {
        line.contains(r#""decision":"refused""#) && line.contains(r#""identity":"node/"#)
    });
    refused.map(str::to_owned).collect()
}
