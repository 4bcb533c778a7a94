//! The connections that a command may open.

use crate::cli::exit::{CommandError, USAGE};

/// The files that are open besides connections.
const OTHERS: u64 = 64;

/// Raises the limit of open files, and refuses more connections than it allows.
pub(super) fn allow(connections: u32) -> Result<(), CommandError> {
    let limit = kubekv::gateway::raise_file_limit();
    if u64::from(connections).saturating_add(OTHERS) <= limit {
        return Ok(());
    }
    let message = format!(
        "{connections} connections need as many open files, and {limit} are allowed (ulimit -n): divide the load between \
         several machines, and add the results with kubekv bench merge --at-once"
    );
    Err(CommandError::new(USAGE, message))
}
