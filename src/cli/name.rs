//! `kubekv name`.

use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;

use clap::Args;
use kubekv::store::kubernetes::{object_name, parent_selector};

use super::exit::Failure;

/// The options of `kubekv name`.
#[derive(Debug, Args)]
pub(super) struct Name {
    /// The key, as Consul's clients call it: without a slash before it
    key: OsString,
    /// Print the label selector of the entries directly beneath this directory instead
    #[arg(long)]
    directory: bool,
}

impl Name {
    pub(super) fn run(self) -> Result<(), Failure> {
        let Self { key, directory } = self;
        let text = if directory {
            parent_selector(key.as_bytes())
        } else {
            object_name(key.as_bytes())
        };
        writeln!(io::stdout(), "{text}")?;
        Ok(())
    }
}
