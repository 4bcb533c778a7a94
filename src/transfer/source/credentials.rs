//! Credentials from files: passwords, tokens and PEM.

use std::path::Path;

use crate::config::StorePassword;
use crate::transfer::Error;

/// The password, or the first line of its file.
pub(super) fn read_password(password: &StorePassword) -> Result<String, Error> {
    match password {
        StorePassword::File(path) => first_line(path),
        StorePassword::Text(text) => Ok(text.clone()),
    }
}

fn first_line(path: &Path) -> Result<String, Error> {
    let text = String::from_utf8_lossy(&read_file(path)?).into_owned();
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

/// The contents of a file.
pub(super) fn read_file(path: &Path) -> Result<Vec<u8>, Error> {
    let failed = |error| Error::Input(format!("cannot read {}: {error}", path.display()));
    std::fs::read(path).map_err(failed)
}
