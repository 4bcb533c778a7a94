//! Limit of open files (`RLIMIT_NOFILE`), which bounds connections: each one is an open file.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Open files reserved for the store, the admin port and the log.
const RESERVED: u64 = 512;

/// Raises the limit of open files as far as the process may; returns the limit now.
pub fn raise_file_limit() -> u64 {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: maximum,
        maximum,
    };
    let now = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => maximum,
        Err(error) => {
            tracing::warn!(%error, "cannot raise the limit of open files; the gateway takes fewer connections if it is low");
            current
        }
    };
    now.unwrap_or(u64::MAX)
}

/// How many connections may be open at once: `wanted`, or fewer where the limit of open files is lower, so that connections
/// never take the files that the store needs.
pub(super) fn connections(wanted: usize) -> usize {
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    // Where the limit is below twice the reserve, half of it is reserved.
    let possible = limit.saturating_sub(RESERVED).max(limit / 2);
    let possible = usize::try_from(possible).unwrap_or(usize::MAX);
    if possible < wanted {
        tracing::info!(
            wanted,
            possible,
            "fewer connections are taken than --max-connections: the limit of open files is {limit}; raise it (ulimit -n)"
        );
    }
    wanted.min(possible)
}
