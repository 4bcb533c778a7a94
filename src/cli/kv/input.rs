//! Input data of a command: an argument, standard input, or a file.

use std::ffi::OsStr;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::cli::exit::{self, CommandError};

/// Reads standard input for `-` and a file for `@FILE`. Any other argument is the data itself.
pub(in crate::cli) fn read(argument: &OsStr) -> Result<Vec<u8>, CommandError> {
    let bytes = argument.as_bytes();
    if bytes == b"-" {
        let mut data = Vec::new();
        io::stdin().read_to_end(&mut data)?;
        return Ok(data);
    }
    let Some(path) = bytes.strip_prefix(b"@") else {
        return Ok(bytes.to_vec());
    };
    let path = Path::new(OsStr::from_bytes(path));
    std::fs::read(path).map_err(|error| {
        let message = format!("cannot read {}: {error}", path.display());
        CommandError::new(exit::IO, message)
    })
}
