//! `kubekv completions`.

use std::io::{self, Write};

use clap::{Args, Command, ValueEnum};
use clap_complete::{Shell, generate};

use super::exit::Failure;

/// A shell to complete for.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum For {
    Bash,
    Zsh,
    Fish,
}

/// The options of `kubekv completions`.
#[derive(Debug, Args)]
pub(super) struct Completions {
    /// The shell, for example: source <(kubekv completions bash)
    #[arg(value_enum)]
    shell: For,
}

impl Completions {
    pub(super) fn run(self, mut command: Command) -> Result<(), Failure> {
        let shell = match self.shell {
            For::Bash => Shell::Bash,
            For::Zsh => Shell::Zsh,
            For::Fish => Shell::Fish,
        };
        // The generator would panic on a closed pipe; a script in memory does not.
        let mut script = Vec::new();
        generate(shell, &mut command, "kubekv", &mut script);
        io::stdout().write_all(&script)?;
        Ok(())
    }
}
