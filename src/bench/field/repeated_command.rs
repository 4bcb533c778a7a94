//! `RepeatedCommand`: a command that can be run more than once.

use std::ffi::{OsStr, OsString};
use std::process::{Command, Stdio};

/// A command that can be run more than once.
#[derive(Clone, Debug)]
pub(super) struct RepeatedCommand {
    program: OsString,
    arguments: Vec<OsString>,
    environment: Vec<(OsString, Option<OsString>)>,
}

impl RepeatedCommand {
    /// Of a command that may be run by itself, too.
    pub(super) fn of(command: &Command) -> Self {
        let environment = command.get_envs();
        Self {
            program: command.get_program().to_owned(),
            arguments: command.get_args().map(OsStr::to_owned).collect(),
            environment: environment
                .map(|(name, value)| (name.to_owned(), value.map(OsStr::to_owned)))
                .collect(),
        }
    }

    /// The command, once more.
    pub(super) fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).stdin(Stdio::null());
        for (name, value) in &self.environment {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command
    }
}
