//! `AuditFile`: the file of the audit log, opened to append, and opened again when it was renamed or removed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// Where lines of the audit log go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuditDestination {
    /// Standard output.
    Stdout,
    /// This file, which is made with mode 0600 where there is none.
    File(PathBuf),
}

/// An open file of the audit log.
#[derive(Debug)]
pub(super) struct AuditFile {
    file: File,
    /// `None` for standard output, which is never opened again.
    named: Option<NamedFile>,
}

#[derive(Debug)]
struct NamedFile {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl AuditFile {
    /// Opens it.
    ///
    /// # Errors
    ///
    /// Where it cannot be opened to append, or is neither a file nor a device.
    pub(super) fn open(destination: &AuditDestination) -> io::Result<Self> {
        match destination {
            AuditDestination::Stdout => Ok(Self {
                // A file of its own: nothing is kept back until a line ends.
                file: File::from(io::stdout().as_fd().try_clone_to_owned()?),
                named: None,
            }),
            AuditDestination::File(path) => Self::open_path(path),
        }
    }

    fn open_path(path: &Path) -> io::Result<Self> {
        // One that nobody reads would wait for a reader.
        if fs::metadata(path).is_ok_and(|found| found.file_type().is_fifo()) {
            return Err(io::Error::other("it is a pipe"));
        }
        let mut file = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(path)?;
        let found = file.metadata()?;
        if found.is_file() && found.len() > 0 && !ends_a_line(path) {
            // Part of a line, of a gateway that was killed: the next line must not go on with it.
            file.write_all(b"\n")?;
        }
        Ok(Self {
            file,
            named: Some(NamedFile {
                path: path.to_owned(),
                device: found.dev(),
                inode: found.ino(),
            }),
        })
    }

    /// Opens it again if another file, or none, has its name now; says whether it was.
    pub(super) fn follow(&mut self) -> io::Result<bool> {
        let Some(named) = &self.named else {
            return Ok(false);
        };
        let is_same = match fs::metadata(&named.path) {
            Ok(found) => (found.dev(), found.ino()) == (named.device, named.inode),
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            // Nobody can tell; what is open stays in use.
            Err(_) => true,
        };
        if is_same {
            return Ok(false);
        }
        let path = named.path.clone();
        *self = Self::open_path(&path)?;
        Ok(true)
    }

    /// Hands bytes to the kernel; says how many it took.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.file.write(bytes) {
            Ok(0) if !bytes.is_empty() => Err(io::ErrorKind::WriteZero.into()),
            written => written,
        }
    }
}

/// Whether the last byte of a file ends a line; so it does where it cannot be read.
fn ends_a_line(path: &Path) -> bool {
    let last = || -> io::Result<u8> {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::End(-1))?;
        let mut last = [0];
        file.read_exact(&mut last)?;
        let [last] = last;
        Ok(last)
    };
    last().map_or(true, |last| last == b'\n')
}
