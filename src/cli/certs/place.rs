//! `PlaceOptions`: the directory of the files, and whether they may be replaced.

use std::path::PathBuf;

use clap::Args;

use super::files::CertificateDirectory;
use crate::cli::exit::CommandError;

/// Where the files are.
#[derive(Debug, Args)]
pub(super) struct PlaceOptions {
    /// The directory of the authority's files and of those that are made
    #[arg(long)]
    dir: PathBuf,
    /// Replace files that exist
    #[arg(long)]
    force: bool,
}

impl PlaceOptions {
    pub(super) fn directory(self) -> Result<CertificateDirectory, CommandError> {
        let Self { dir, force } = self;
        CertificateDirectory::new(&dir, force)
    }
}
