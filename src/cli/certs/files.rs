//! `CertificateDirectory`: the files of an authority and of what it signed. Keys are for their owner alone.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::pair::Pair;
use crate::cli::exit::{CommandError, IO};

/// Keys are read by their owner.
const KEY_MODE: u32 = 0o600;

/// Certificates are public.
const CERTIFICATE_MODE: u32 = 0o644;

/// A directory, by an absolute path: what is printed goes into units of other directories.
#[derive(Debug)]
pub(super) struct CertificateDirectory {
    path: PathBuf,
    force: bool,
}

/// A certificate and a key that were written.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
    /// Seconds since 1970.
    pub(super) until: u64,
}

impl CertificateDirectory {
    /// With `force`, files that exist are replaced.
    pub(super) fn new(path: &Path, force: bool) -> Result<Self, CommandError> {
        let path = std::path::absolute(path)?;
        Ok(Self { path, force })
    }

    /// Creates the directory if it is missing.
    pub(super) fn create(&self) -> Result<(), CommandError> {
        fs::create_dir_all(&self.path).map_err(|error| failed(&self.path, &error))
    }

    /// Its path.
    pub(super) fn own(&self) -> &Path {
        &self.path
    }

    /// The path of a file in it.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Reads text, or says why it cannot be read.
    pub(super) fn read(&self, path: &Path) -> Result<String, String> {
        let path = self.path.join(path);
        fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))
    }

    /// Writes both files. A gateway that reads the pair between the two keeps the one it has.
    pub(super) fn write_pair(&self, stem: &str, pair: &Pair) -> Result<Written, CommandError> {
        let certificate = self.path(&format!("{stem}.crt"));
        let key = self.path(&format!("{stem}.key"));
        for path in [&certificate, &key] {
            if !self.force && path.symlink_metadata().is_ok() {
                return Err(exists(path));
            }
        }
        self.write(&key, &pair.key, KEY_MODE)?;
        self.write(&certificate, &pair.certificate, CERTIFICATE_MODE)?;
        Ok(Written {
            certificate,
            key,
            until: pair.until,
        })
    }

    fn write(&self, path: &Path, text: &str, mode: u32) -> Result<(), CommandError> {
        if self.force {
            return replace(path, text, mode);
        }
        match create(path, text, mode) {
            // Another process has made it meanwhile.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(exists(path)),
            other => other.map_err(|error| failed(path, &error)),
        }
    }
}

/// Writes a public file, or replaces it as a whole.
pub(super) fn replace_public(path: &Path, text: &str) -> Result<(), CommandError> {
    replace(path, text, CERTIFICATE_MODE)
}

/// Replaces a file as a whole: whoever reads it meanwhile reads the old one or the new one.
fn replace(path: &Path, text: &str, mode: u32) -> Result<(), CommandError> {
    let mut part = path.as_os_str().to_owned();
    part.push(".new");
    let part = PathBuf::from(part);
    let write = || {
        // Left behind by a process that was killed.
        let _missing = fs::remove_file(&part);
        create(&part, text, mode)?;
        fs::rename(&part, path)
    };
    write().map_err(|error| failed(path, &error))
}

/// Creates a file that must not exist, readable only by whom the mode names from its first byte on.
fn create(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn exists(path: &Path) -> CommandError {
    let path = path.display();
    CommandError::new(IO, format!("{path} exists; --force replaces it"))
}

fn failed(path: &Path, error: &io::Error) -> CommandError {
    CommandError::new(IO, format!("{}: {error}", path.display()))
}
