//! What to do about a store in use: the commands on an embedded store need it to themselves.

use kubekv::store::embedded::IN_USE;

use super::exit::Failure;

/// Adds what to do instead where a command failed because a gateway uses the store; the exit code stays.
pub(super) fn advise<T>(done: Result<T, Failure>, advice: &str) -> Result<T, Failure> {
    done.map_err(|Failure { code, line }| {
        let is_in_use = |line: &str| line.starts_with(IN_USE);
        let line = line.map(|line| {
            if is_in_use(&line) {
                format!("{line}; {advice}")
            } else {
                line
            }
        });
        Failure { code, line }
    })
}
