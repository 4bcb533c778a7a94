//! `kubekv bench attached`: a hidden command that becomes another program, which the kernel kills when its parent ends.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::Command;

use clap::Args;
use rustix::process::{Signal, getppid, set_parent_process_death_signal};

use crate::cli::exit::{CommandError, IO};

/// The arguments of the hidden command.
#[derive(Debug, Args)]
pub(super) struct AttachedCommand {
    /// The process that started this one
    parent: i32,
    /// The program and its arguments
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
}

impl AttachedCommand {
    pub(super) fn run(self) -> Result<(), CommandError> {
        let failed =
            |what: &str, error: std::io::Error| CommandError::new(IO, format!("{what}: {error}"));
        set_parent_process_death_signal(Some(Signal::KILL))
            .map_err(|error| failed("the death signal", error.into()))?;
        // The parent may have ended before: then nobody sends the signal.
        if getppid().map(|parent| parent.as_raw_nonzero().get()) != Some(self.parent) {
            return Err(CommandError::new(
                IO,
                "the process that started this has ended",
            ));
        }
        let Some((program, arguments)) = self.command.split_first() else {
            return Err(CommandError::new(IO, "no program"));
        };
        let mut command = Command::new(program);
        command.args(arguments).env_remove("NOTIFY_SOCKET");
        // What kubekv would read there is for this command, not for a server that it measures.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("KUBEKV_") {
                command.env_remove(name);
            }
        }
        // It returns only if it fails.
        let error = command.exec();
        Err(failed(&program.to_string_lossy(), error))
    }
}
