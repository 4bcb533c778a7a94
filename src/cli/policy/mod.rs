//! `kubekv policy`: policies checked and explained, before a gateway has them.

mod check;
mod explain;
mod learn;

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use clap::{Args, Subcommand};
use kubekv::guard::policy::Policy;

use self::check::Check;
use self::explain::Explain;
use self::learn::Learn;
use super::exit::{CommandError, IO, USAGE};

/// The options of `kubekv policy`.
#[derive(Debug, Args)]
#[command(
    after_help = "Policies say who may do what with which keys: docs/policy.md. Nothing is asked of a gateway here."
)]
pub(super) struct PolicyOptions {
    #[command(subcommand)]
    command: PolicyCommand,
}

#[derive(Debug, Subcommand)]
enum PolicyCommand {
    /// Check a policy: exit code 2 if it cannot be used
    Check(Check),
    /// Say whether an identity may do something, and which rule says so: exit code 1 if it may not
    Explain(Explain),
    /// Propose rules from an audit log: the least that allow what it tells of
    Learn(Learn),
}

impl PolicyOptions {
    pub(super) fn run(self) -> Result<(), CommandError> {
        match self.command {
            PolicyCommand::Check(check) => check.run(),
            PolicyCommand::Explain(explain) => explain.run(),
            PolicyCommand::Learn(learn) => learn.run(),
        }
    }
}

/// Reads and parses a policy.
fn read(path: &Path) -> Result<Policy, CommandError> {
    let shown = path.display();
    let fail = |error: &dyn std::fmt::Display| CommandError::new(IO, format!("{shown}: {error}"));
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
