//! Data of a command: as an argument, from standard input, or from a file.

use std::ffi::OsStr;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::cli::exit::{self, Failure};

/// Reads `-` as standard input, `@FILE` as the file's content, and anything else as the data itself.
pub(in crate::cli) fn read(argument: &OsStr) -> Result<Vec<u8>, Failure> {
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
        let line = format!("cannot read {}: {error}", path.display());
        Failure::new(exit::IO, line)
    })
}
