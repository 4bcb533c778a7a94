//! How a command ends, for scripts.

use std::io;

use kubekv::config::ConfigError;
use kubekv::gateway;

/// The answer is no: there is no such key, the CAS did not hold, a check found damage, an import was not to be begun or
/// is not all there.
pub(super) const NO: u8 = 1;
/// The command line or the configuration is wrong.
pub(super) const USAGE: u8 = 2;
/// No gateway answers, or no server to read from.
pub(super) const UNREACHABLE: u8 = 3;
/// The gateway, or the server to read from, refused or failed to do it.
pub(super) const REFUSED: u8 = 4;
/// The gateway cannot be listened for: an address is in use or not this machine's.
pub(super) const LISTEN: u8 = 5;
/// A store cannot be opened, checked or copied.
pub(super) const STORE: u8 = 6;
/// A gateway that ran had to end.
pub(super) const FATAL: u8 = 7;
/// The output or input of the command itself failed.
pub(super) const IO: u8 = 8;

/// What `--help` says of them.
pub(super) const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  no: no such key, the CAS did not hold, a check found damage, or an import is not all there
  2  wrong usage or configuration
  3  the gateway, or the server of --from, cannot be reached
  4  the gateway or that server refused, or failed to do it
  5  serve: cannot listen on an address
  6  the store cannot be opened: not writable, in use by another process, damaged, of a newer format
  7  serve: the gateway had to end, for example because the disk failed
  8  a file, or standard input or output, cannot be read or written";

/// A command that did not succeed.
#[derive(Debug)]
pub(super) struct Failure {
    /// The exit code.
    pub(super) code: u8,
    /// What to tell the person; a plain "no" needs no words.
    pub(super) line: Option<String>,
}

impl Failure {
    pub(super) fn new(code: u8, line: impl Into<String>) -> Self {
        let line = Some(line.into());
        Self { code, line }
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::new(USAGE, error.to_string())
    }
}

impl From<gateway::Error> for Failure {
    fn from(error: gateway::Error) -> Self {
        let code = match error {
            gateway::Error::Listen { .. } => LISTEN,
            gateway::Error::Store(_) => STORE,
            gateway::Error::Fatal(_) => FATAL,
        };
        Self::new(code, error.to_string())
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::new(IO, error.to_string())
    }
}
