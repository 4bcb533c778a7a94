//! Policy in a file, read and parsed.

use std::fmt::Display;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use kubekv::guard::policy::Policy;

use crate::cli::exit::{CommandError, IO, USAGE};

/// Reads and parses a policy.
pub(super) fn read(path: &Path) -> Result<Policy, CommandError> {
    let shown = path.display();
    let fail = |error: &dyn Display| CommandError::new(IO, format!("{shown}: {error}"));
    let file = File::open(path).map_err(|error| fail(&error))?;
    let mut bytes = Vec::new();
    let most = u64::try_from(Policy::MAX_BYTES).unwrap_or(u64::MAX);
    let read = file.take(most.saturating_add(1)).read_to_end(&mut bytes);
    read.map_err(|error| fail(&error))?;
    let text = String::from_utf8(bytes);
    let text = text.map_err(|_| CommandError::new(USAGE, format!("{shown}: not UTF-8")))?;
    let policy = Policy::parse(&text);
    policy.map_err(|error| CommandError::new(USAGE, format!("{shown}:{error}")))
}
