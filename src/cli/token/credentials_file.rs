//! `CredentialsFile`: a file of credentials, changed by one command at a time and as a whole.

use std::fmt::Display;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};

use kubekv::guard::credentials::{CredentialTable, CredentialText};
use rustix::fs::{FlockOperation, flock};

use crate::cli::exit::{CommandError, IO, USAGE};

/// The mode of a new file: its owner alone may use it.
const MODE: u32 = 0o600;

/// What an existing file may keep of its mode.
const KEPT_MODE: u32 = 0o660;

/// A file of credentials.
#[derive(Debug)]
pub(super) struct CredentialsFile {
    path: PathBuf,
    /// The directory, locked while the file is changed: two commands at once would lose what one of them wrote.
    _locked: Option<File>,
}

impl CredentialsFile {
    /// A file that is read.
    pub(super) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            _locked: None,
        }
    }

    /// A file that is changed, by this process alone until it is dropped. A link stays: what it leads to is changed.
    pub(super) fn locked(path: &Path) -> Result<Self, CommandError> {
        let path = match fs::canonicalize(path) {
            Ok(path) => path,
            Err(error) if error.kind() == io::ErrorKind::NotFound => path.to_owned(),
            Err(error) => return Err(failed(path, &error)),
        };
        let directory = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            Some(_) | None => Path::new("."),
        };
        let locked = File::open(directory).map_err(|error| failed(directory, &error))?;
        flock(&locked, FlockOperation::LockExclusive).map_err(|error| failed(directory, &error))?;
        Ok(Self {
            path,
            _locked: Some(locked),
        })
    }

    /// What it says.
    pub(super) fn read(&self) -> Result<CredentialText, CommandError> {
        match File::open(&self.path) {
            Ok(file) => self.parse(file),
            Err(error) => Err(failed(&self.path, &error)),
        }
    }

    /// The same; nothing where there is no such file.
    pub(super) fn read_or_new(&self) -> Result<CredentialText, CommandError> {
        match File::open(&self.path) {
            Ok(file) => self.parse(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.text(String::new()),
            Err(error) => Err(failed(&self.path, &error)),
        }
    }

    fn parse(&self, file: File) -> Result<CredentialText, CommandError> {
        let mut bytes = Vec::new();
        let most = u64::try_from(CredentialTable::MAX_BYTES).unwrap_or(u64::MAX);
        let read = file.take(most.saturating_add(1)).read_to_end(&mut bytes);
        read.map_err(|error| failed(&self.path, &error))?;
        let text = String::from_utf8(bytes).map_err(|_| self.unusable(": not UTF-8"))?;
        self.text(text)
    }

    fn text(&self, text: String) -> Result<CredentialText, CommandError> {
        CredentialText::parse(text).map_err(|error| self.unusable(format!(":{error}")))
    }

    /// An error about what it says.
    pub(super) fn unusable(&self, why: impl Display) -> CommandError {
        CommandError::new(USAGE, format!("{}{why}", self.path.display()))
    }

    /// Replaces it as a whole: whoever reads it meanwhile reads the old one or the new one. It keeps its owner, and its mode but for
    /// what that gives to others.
    pub(super) fn write(&self, text: &CredentialText) -> Result<(), CommandError> {
        let mut part = self.path.as_os_str().to_owned();
        part.push(".new");
        let part = PathBuf::from(part);
        let write = || {
            // Left behind by a process that was killed.
            let _missing = fs::remove_file(&part);
            let mut file = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(MODE)
                .open(&part)?;
            if let Ok(old) = fs::metadata(&self.path) {
                let own = file.metadata()?;
                if (own.uid(), own.gid()) != (old.uid(), old.gid()) {
                    fchown(&file, Some(old.uid()), Some(old.gid()))?;
                }
                file.set_permissions(Permissions::from_mode(old.mode() & KEPT_MODE))?;
            }
            file.write_all(text.as_str().as_bytes())?;
            file.sync_all()?;
            fs::rename(&part, &self.path)
        };
        write().map_err(|error| failed(&self.path, &error))
    }
}

fn failed(path: &Path, error: &dyn Display) -> CommandError {
    CommandError::new(IO, format!("{}: {error}", path.display()))
}
