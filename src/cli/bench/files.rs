//! The limit of open files, which bounds connections.

use kubekv::gateway::raise_file_limit;

use crate::cli::exit::{CommandError, USAGE};

/// Open files of the process itself.
const OWN: u64 = 64;

/// Raises the limit of open files, and refuses more connections than it allows: they would fail one by one.
pub(super) fn require(connections: u64) -> Result<(), CommandError> {
    let limit = raise_file_limit();
    if connections.saturating_add(OWN) <= limit {
        return Ok(());
    }
    let message = format!(
        "{connections} connections are more than the limit of {limit} open files allows: raise it (ulimit -n), or run \
         fewer here and others elsewhere"
    );
    Err(CommandError::new(USAGE, message))
}
