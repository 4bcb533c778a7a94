//! `kubekv completions`: completion scripts for shells.

use std::io::{self, Write};

use clap::{Args, Command, ValueEnum};
use clap_complete::{Shell, generate};

use super::exit::CommandError;

/// A shell with a completion script.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum SupportedShell {
    Bash,
    Zsh,
    Fish,
}

/// The options of `kubekv completions`.
#[derive(Debug, Args)]
pub(super) struct Completions {
    /// The shell, for example: source <(kubekv completions bash)
    #[arg(value_enum)]
    shell: SupportedShell,
}

impl Completions {
    pub(super) fn run(self, mut command: Command) -> Result<(), CommandError> {
        let shell = match self.shell {
            SupportedShell::Bash => Shell::Bash,
            SupportedShell::Zsh => Shell::Zsh,
            SupportedShell::Fish => Shell::Fish,
        };
        // The generator would panic on a closed pipe, so it writes to memory first.
        let mut script = Vec::new();
        generate(shell, &mut command, "kubekv", &mut script);
        io::stdout().write_all(&script)?;
        Ok(())
    }
}
