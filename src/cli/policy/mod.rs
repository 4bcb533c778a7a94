//! `kubekv policy`: policies checked and explained, before a gateway has them.

mod check;
mod explain;
mod policy_file;

use clap::{Args, Subcommand};

use self::check::PolicyCheck;
use self::explain::Explain;
use super::exit::{CommandError, USAGE};

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
    Check(PolicyCheck),
    /// Say whether an identity may do something, and which rule says so: exit code 1 if it may not
    Explain(Explain),
    /// Propose a policy from an audit log (not yet there)
    #[command(hide = true)]
    Learn(Learn),
}

/// The options of `kubekv policy learn`, which this version refuses.
#[derive(Debug, Args)]
struct Learn {
    /// Audit logs
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    words: Vec<String>,
}

impl PolicyOptions {
    pub(super) fn run(self) -> Result<(), CommandError> {
        match self.command {
            PolicyCommand::Check(check) => check.run(),
            PolicyCommand::Explain(explain) => explain.run(),
            PolicyCommand::Learn(Learn { words: _ }) => {
                let what = "kubekv policy learn: this version cannot propose policies; write one by docs/policy.md, and try it \
                            with kubekv policy explain";
                Err(CommandError::new(USAGE, what))
            }
        }
    }
}
