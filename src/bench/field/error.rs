//! The errors of the field.

use std::io;

/// Why a server of the field cannot be measured.
#[derive(Debug, thiserror::Error)]
pub enum FieldError {
    /// A program is not there, or not in a version that can do it.
    #[error("{0}")]
    Missing(String),
    /// A file or process failed.
    #[error("{what}: {error}")]
    Io {
        /// The file or the step.
        what: String,
        /// The failure.
        error: io::Error,
    },
    /// A server ended by itself.
    #[error("{name} ended ({status}); its output ends with: {output}")]
    Ended {
        /// Its name.
        name: String,
        /// Its exit status.
        status: String,
        /// The end of its output.
        output: String,
    },
    /// A server does not answer.
    #[error("{name} answers nothing within {seconds} s ({why}); its output ends with: {output}")]
    NotReady {
        /// Its name.
        name: String,
        /// How long it was waited for.
        seconds: u64,
        /// The failure of the last request.
        why: String,
        /// The end of its output.
        output: String,
    },
    /// A command took too long and was killed.
    #[error("{name} did not end within {seconds} s, and was killed")]
    TooLong {
        /// Its name.
        name: String,
        /// The limit.
        seconds: u64,
    },
    /// There is no free port.
    #[error("no free port between {0} and {1} on 127.0.0.1")]
    NoPort(u16, u16),
}

impl FieldError {
    /// The failure of a file or a step.
    pub(super) fn io(what: impl std::fmt::Display, error: io::Error) -> Self {
        Self::Io {
            what: what.to_string(),
            error,
        }
    }
}
