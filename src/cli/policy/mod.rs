//! `kubekv policy`: policies checked and explained, before a gateway has them.

mod check;
mod checked_policy;
mod explain;
mod learn;

use clap::{Args, Subcommand};

use self::check::PolicyCheck;
use self::explain::Explain;
use self::learn::Learn;
use super::exit::CommandError;

/// The options of `kubekv policy`.
#[derive(Debug, Args)]
#[command(
    after_help = "Policies define who may do what with which keys: docs/policy.md. These commands need no gateway."
)]
pub(super) struct PolicyOptions {
    #[command(subcommand)]
    command: PolicyCommand,
}

#[derive(Debug, Subcommand)]
enum PolicyCommand {
    /// Check a policy: exit code 2 if it cannot be used
    Check(PolicyCheck),
    /// Show whether an identity may do something, and the rule that decides: exit code 1 if it may not
    Explain(Box<Explain>),
    /// Propose rules from an audit log: the least that allow what it records
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
