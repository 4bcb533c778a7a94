//! Moving entries: from a server or a store into a store, at once or by way of a file.
//!
//! Everything is read first ([`Listing`]), as of one index where the source has one; then what differs is written to the
//! target, as the one that leads it; then the source is read again, until nothing has changed meanwhile; and at last the
//! target is read back from where it is kept and compared with that. So a run that broke off goes on by being begun
//! anew, and one that ends well has shown that both are equal.

mod compare;
mod consul_export;
mod dump;
mod import;
mod listing;
mod source;
mod target;
mod write;

pub use consul_export::{Export, Exported};
pub use dump::write as write_dump;
pub use import::{Import, Options, Report};
pub use listing::{Item, Items, Left, LeftOut, Listing, shown};
pub use source::Source;

use crate::store::StoreError;

/// Why entries could not be moved: one line each.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The source does not answer.
    #[error("{0}")]
    Unreachable(String),
    /// The source refused, or answered something else than such a server does.
    #[error("{0}")]
    Refused(String),
    /// What was given is no dump, or only a part of one.
    #[error("{0}")]
    Input(String),
    /// A store cannot be read or written.
    #[error("{0}")]
    Store(String),
    /// The target has entries already.
    #[error("{0}")]
    NotEmpty(String),
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        Self::Store(error.0)
    }
}

/// What moving entries has come to, for people who wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The source was read.
    Read {
        /// How many entries there are.
        entries: usize,
        /// How many bytes of values.
        bytes: u64,
    },
    /// Another gateway leads the target, or did a moment ago.
    WaitsForLead {
        /// What it is called.
        name: String,
    },
    /// Entries are being written.
    Writes {
        /// How many are done.
        done: usize,
        /// Of how many.
        of: usize,
        /// How many bytes of values were written.
        bytes: u64,
    },
    /// The source has changed meanwhile.
    Changed {
        /// How many entries differ.
        entries: usize,
    },
    /// The target is read back.
    Verifies,
}

/// Is told what it has come to.
pub type Tell<'a> = &'a (dyn Fn(Step) + Send + Sync);
