//! `kubekv policy`: policies checked and explained, before a gateway has them.

mod check;
mod explain;

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use clap::{Args, Subcommand};
use kubekv::guard::policy::Policy;

use self::check::Check;
use self::explain::Explain;
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
