//! Output of an export: a new file, or standard output.

use std::fs::OpenOptions;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::cli::exit::{CommandError, IO};

/// Writes to a new file that only its owner may read, or to standard output.
pub(super) fn write(
    file: Option<&Path>,
    write: impl Fn(&mut dyn Write) -> io::Result<()>,
) -> Result<(), CommandError> {
    let Some(path) = file else {
        let mut out = BufWriter::new(io::stdout().lock());
        write(&mut out)?;
        return Ok(out.flush()?);
    };
    let failed = |error: io::Error| {
        let message = format!("cannot write {}: {error}", path.display());
        CommandError::new(IO, message)
    };
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    let mut out = BufWriter::new(file.map_err(failed)?);
    write(&mut out).map_err(failed)?;
    let file = out.into_inner().map_err(|error| failed(error.into_error()));
    file?.sync_all().map_err(failed)
}
