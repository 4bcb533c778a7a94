//! Secrets from files: passwords, tokens and PEM.

use std::path::Path;

use super::AccessError;
use crate::config::StorePassword;

/// The password, or the first line of its file.
pub fn read_password(password: &StorePassword) -> Result<String, AccessError> {
    match password {
        StorePassword::File(path) => first_line(path),
        StorePassword::Text(text) => Ok(text.clone()),
    }
}

/// The first line of a file.
pub fn first_line(path: &Path) -> Result<String, AccessError> {
    let text = String::from_utf8_lossy(&read_file(path)?).into_owned();
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

/// The contents of a file.
pub fn read_file(path: &Path) -> Result<Vec<u8>, AccessError> {
    let failed = |error| AccessError(format!("cannot read {}: {error}", path.display()));
    std::fs::read(path).map_err(failed)
}
