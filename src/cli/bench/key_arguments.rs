//! The arguments of keys and values.

use std::path::PathBuf;

use clap::Args;
use kubekv::bench::keys::KeyShape;
use kubekv::bench::value::ValueShape;

use crate::cli::exit::{CommandError, IO, USAGE};

/// The keys, and the values that are written.
#[derive(Debug, Args)]
pub(super) struct KeyArguments {
    /// The text that all keys begin with. They stay when the run ends
    #[arg(long, value_name = "TEXT", default_value = "kubekv-bench/")]
    prefix: String,
    /// The number of keys
    #[arg(long, value_name = "NUMBER", default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    keys: u64,
    /// The keys in one directory; 0 for all
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    per_directory: u64,
    /// The length of a key's last part, in bytes
    #[arg(long, value_name = "BYTES", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=512))]
    key_width: u16,
    /// The length of values, in bytes
    #[arg(long, value_name = "BYTES", default_value_t = 256, value_parser = clap::value_parser!(u32).range(0..=16_777_216))]
    value_bytes: u32,
    /// A file whose contents are all values; without it every value differs from the one before
    #[arg(long, value_name = "FILE", conflicts_with = "value_bytes")]
    value_file: Option<PathBuf>,
}

impl KeyArguments {
    /// The keys.
    pub(super) fn shape(&self) -> Result<KeyShape, CommandError> {
        if self.prefix.is_empty() {
            let message = "--prefix: want a text, so that the keys can be told from others";
            return Err(CommandError::new(USAGE, message));
        }
        Ok(KeyShape {
            prefix: self.prefix.clone(),
            count: self.keys,
            per_directory: self.per_directory,
            width: usize::from(self.key_width),
        })
    }

    /// The values.
    pub(super) fn value(&self) -> Result<ValueShape, CommandError> {
        let Some(path) = &self.value_file else {
            let length = usize::try_from(self.value_bytes).unwrap_or(usize::MAX);
            return Ok(ValueShape::Changing(length));
        };
        let read = std::fs::read(path);
        let failed =
            |error| CommandError::new(IO, format!("cannot read {}: {error}", path.display()));
        Ok(ValueShape::Same(read.map_err(failed)?.into()))
    }
}
