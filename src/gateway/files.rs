//! How many files the process may have open: each connection is one.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Files kept for what is no connection of a face: the store, the admin port, the log.
const KEPT: u64 = 512;

/// Raises the process' limit of open files as far as it may; says what it is now.
pub fn raise_file_limit() -> u64 {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: maximum,
        maximum,
    };
    let now = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => maximum,
        Err(error) => {
            tracing::warn!(%error, "cannot raise the limit of open files");
            current
        }
    };
    now.unwrap_or(u64::MAX)
}

/// How many connections may be open where so many are wanted: fewer where the limit of open files is lower, so that
/// connections never take the files the store needs.
pub(super) fn connections(wanted: usize) -> usize {
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    // With a limit that low, half is kept.
    let room = limit.saturating_sub(KEPT).max(limit / 2);
    let room = usize::try_from(room).unwrap_or(usize::MAX);
    if room < wanted {
        tracing::info!(
            wanted,
            room,
            "fewer connections than wanted: the limit of open files is {limit}"
        );
    }
    wanted.min(room)
}
