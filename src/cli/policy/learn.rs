//! `kubekv policy learn`.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::PathBuf;

use clap::Args;
use kubekv::guard::PolicyLearner;

use crate::cli::exit::{CommandError, IO, NO};
use crate::cli::kv::print;

/// The options of `kubekv policy learn`.
#[derive(Debug, Args)]
#[command(
    after_help = "Let the gateway record everything: --audit FILE --audit-reads, with a policy whose [[identity]] tables name the \
clients, and --policy-mode warn. What is printed are rules for that policy: the least that allows what was done. Read them before \
you use them."
)]
pub(super) struct Learn {
    /// Audit logs, the oldest first
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

impl Learn {
    pub(super) fn run(self) -> Result<(), CommandError> {
        let mut learner = PolicyLearner::default();
        for path in self.files {
            let failed =
                |error: io::Error| CommandError::new(IO, format!("{}: {error}", path.display()));
            let file = File::open(&path).map_err(failed)?;
            let mut lines = BufReader::new(file);
            let mut line = Vec::new();
            while lines.read_until(b'\n', &mut line).map_err(failed)? > 0 {
                learner.read_line(&String::from_utf8_lossy(&line));
                line.clear();
            }
        }
        let learned = learner.propose();
        print::bytes(learned.text.as_bytes())?;
        if learned.unreadable > 0 {
            tell(&format!(
                "{} lines are none of an audit log",
                learned.unreadable
            ));
        }
        for key in &learned.unnamed {
            tell(&format!(
                "no policy can name this key, and nothing is allowed with it: {}",
                // A client chose it, and this may be a terminal.
                key.escape_debug()
            ));
        }
        tell(&format!(
            "learned {} rules from {} lines",
            learned.rules, learned.lines
        ));
        if learned.rules == 0 {
            return Err(CommandError::new(
                NO,
                "the log records nothing that clients did",
            ));
        }
        Ok(())
    }
}

/// Tells the operator something besides the rules.
fn tell(text: &str) {
    // Standard error may be closed.
    let _closed = writeln!(io::stderr(), "{text}");
}
