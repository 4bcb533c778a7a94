//! `FileOption`: the file of credentials that a command is about.

use std::path::PathBuf;

use clap::Args;

/// The file that a command is about.
#[derive(Debug, Args)]
pub(super) struct FileOption {
    /// The file of credentials, as the gateway's --credentials
    #[arg(long, value_name = "FILE")]
    pub(super) file: PathBuf,
}
