//! `kubekv name`: object names and label selectors of keys in Kubernetes.

use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;

use clap::Args;
use kubekv::store::kubernetes::{object_name, parent_selector};

use super::exit::CommandError;

/// The options of `kubekv name`.
#[derive(Debug, Args)]
pub(super) struct Name {
    /// The key, as Consul's clients write it: without a leading slash
    key: OsString,
    /// Print the label selector of the entries directly beneath this directory instead
    #[arg(long)]
    directory: bool,
}

impl Name {
    pub(super) fn run(self) -> Result<(), CommandError> {
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
