//! Exit codes of the commands, and the error that carries one.

use std::io;

use kubekv::config::ConfigError;
use kubekv::gateway;

/// The answer is no: the key does not exist, the CAS index did not match, a check found damage, a policy refuses it, an import was
/// not started or is incomplete.
pub(super) const NO: u8 = 1;
/// The command line, the configuration or a policy is invalid.
pub(super) const USAGE: u8 = 2;
/// The gateway, or the source server, cannot be reached.
pub(super) const UNREACHABLE: u8 = 3;
/// The gateway, or the source server, refused the request or failed.
pub(super) const REFUSED: u8 = 4;
/// The gateway cannot listen: an address is in use or does not belong to this machine.
pub(super) const LISTEN: u8 = 5;
/// A store cannot be opened, checked or copied.
pub(super) const STORE: u8 = 6;
/// A running gateway stopped on a fatal error.
pub(super) const FATAL: u8 = 7;
/// The command cannot read its input, be it in a cluster, or write its output.
pub(super) const IO: u8 = 8;

/// The exit codes as `--help` shows them.
pub(super) const EXIT_CODES: &str = "\
Exit codes:
  0  success
  1  no: no such key or token, the CAS index did not match, a check found damage, a policy refuses
     it, or an import is incomplete
  2  invalid usage or configuration; for policy, token and import also an invalid file
  3  the gateway, or the server of --from, cannot be reached
  4  the gateway, or the server of --from, refused the request or failed
  5  serve: cannot listen on an address
  6  the store cannot be opened: not writable, in use by another process, damaged, of a newer format
  7  serve: the policy, the credentials, a certificate or the audit log cannot be used, or the gateway
     stopped on a fatal error, for example a failed disk
  8  a file, standard input or output, or the objects of a policy in a cluster cannot be read or written";

/// A command that did not succeed.
#[derive(Debug)]
pub(super) struct CommandError {
    /// The exit code.
    pub(super) code: u8,
    /// The message for the operator; none where the exit code is the whole answer.
    pub(super) message: Option<String>,
}

impl CommandError {
    pub(super) fn new(code: u8, message: impl Into<String>) -> Self {
        let message = Some(message.into());
        Self { code, message }
    }
}

impl From<ConfigError> for CommandError {
    fn from(error: ConfigError) -> Self {
        Self::new(USAGE, error.to_string())
    }
}

impl From<gateway::Error> for CommandError {
    fn from(error: gateway::Error) -> Self {
        let code = match error {
            gateway::Error::Listen { .. } => LISTEN,
            gateway::Error::Store(_) => STORE,
            gateway::Error::Fatal(_) => FATAL,
        };
        Self::new(code, error.to_string())
    }
}

impl From<io::Error> for CommandError {
    fn from(error: io::Error) -> Self {
        Self::new(IO, error.to_string())
    }
}
