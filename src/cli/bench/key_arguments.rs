//! The arguments of keys and values.

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

use clap::Args;
use kubekv::bench::keys::KeyShape;
use kubekv::bench::value::ValueShape;

use crate::cli::exit::{CommandError, IO, USAGE};

/// The number of keys, unless another is given.
const KEYS: u64 = 1_000;

/// The length of a key's last part, unless another is given.
const KEY_WIDTH: u16 = 8;

/// The most bytes of a value.
const MOST_VALUE_BYTES: u64 = 16 << 20;

/// The keys, and the values that are written.
#[derive(Debug, Args)]
pub(super) struct KeyArguments {
    /// The text that all keys begin with. They stay when the run ends
    #[arg(long, value_name = "TEXT", default_value = "kubekv-bench/")]
    prefix: String,
    /// The number of keys [default: 1000]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    keys: Option<u64>,
    /// The keys in one directory [default: all]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
    per_directory: Option<u64>,
    /// The length of a key's last part, in bytes [default: 8]
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u16).range(1..=512))]
    key_width: Option<u16>,
    /// The length of values, in bytes
    #[arg(long, value_name = "BYTES", default_value_t = 256, value_parser = clap::value_parser!(u32).range(0..=16_777_216))]
    value_bytes: u32,
    /// A file whose contents are all values; without it every value differs from the one before
    #[arg(long, value_name = "FILE", conflicts_with = "value_bytes")]
    value_file: Option<PathBuf>,
}

impl KeyArguments {
    /// Whether options say how many keys there are, or what they look like.
    pub(super) fn has_shape(&self) -> bool {
        self.keys.is_some() || self.per_directory.is_some() || self.key_width.is_some()
    }

    /// The keys.
    pub(super) fn shape(&self) -> Result<KeyShape, CommandError> {
        require_prefix(&self.prefix)?;
        Ok(KeyShape {
            prefix: self.prefix.clone(),
            count: self.keys.unwrap_or(KEYS),
            per_directory: self.per_directory.unwrap_or(0),
            width: usize::from(self.key_width.unwrap_or(KEY_WIDTH)),
        })
    }

    /// The values.
    pub(super) fn value(&self) -> Result<ValueShape, CommandError> {
        let Some(path) = &self.value_file else {
            let length = usize::try_from(self.value_bytes).unwrap_or(usize::MAX);
            return Ok(ValueShape::Changing(length));
        };
        let failed =
            |error| CommandError::new(IO, format!("cannot read {}: {error}", path.display()));
        let file = File::open(path).map_err(failed)?;
        let mut bytes = Vec::new();
        file.take(MOST_VALUE_BYTES + 1)
            .read_to_end(&mut bytes)
            .map_err(failed)?;
        if u64::try_from(bytes.len()).is_ok_and(|length| length > MOST_VALUE_BYTES) {
            let message = format!("{}: longer than 16 MiB", path.display());
            return Err(CommandError::new(USAGE, message));
        }
        Ok(ValueShape::Same(bytes.into()))
    }
}

/// Refuses keys that cannot be distinguished from those of others.
pub(super) fn require_prefix(prefix: &str) -> Result<(), CommandError> {
    if !prefix.is_empty() {
        return Ok(());
    }
    let message = "--prefix: want a text, so that the keys can be distinguished from others";
    Err(CommandError::new(USAGE, message))
}
