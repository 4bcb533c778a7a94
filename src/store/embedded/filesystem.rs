//! File systems: their kind, their free bytes, and whether a path still leads to an open file.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{statfs, statvfs};

/// File systems on which locks or fsync cannot be relied on; `statfs(2)` has the numbers.
const REFUSED: [(u32, &str); 17] = [
    (0x0000_6969, "nfs"),
    (0x0000_517b, "smb"),
    (0xfe53_4d42, "smb2"),
    (0xff53_4d42, "cifs"),
    (0x6573_5546, "fuse"),
    (0x0102_1997, "9p"),
    (0x5346_414f, "afs"),
    (0x6b41_4653, "kafs"),
    (0x7375_7245, "coda"),
    (0x00c3_6400, "ceph"),
    (0x0bd0_0bd0, "lustre"),
    (0x0116_1970, "gfs2"),
    (0x7461_636f, "ocfs2"),
    (0x0000_564c, "ncp"),
    (0xaad7_aaea, "panfs"),
    (0x4750_4653, "gpfs"),
    (0x1983_0326, "beegfs"),
];

/// The name of the file system that a path lies on, if a store is refused there.
pub(super) fn refused(path: &Path) -> io::Result<Option<&'static str>> {
    let kind = statfs(path)?.f_type;
    // The field's width and sign differ between platforms; its low 32 bits are the number everywhere.
    let number = i128::from(kind) & 0xffff_ffff;
    Ok(u32::try_from(number).ok().and_then(refused_name))
}

fn refused_name(number: u32) -> Option<&'static str> {
    REFUSED
        .iter()
        .find(|(magic, _)| *magic == number)
        .map(|(_, name)| *name)
}

/// The free bytes on the path's file system, without those reserved for root.
pub(super) fn free_bytes(path: &Path) -> io::Result<u64> {
    let space = statvfs(path)?;
    Ok(space.f_bavail.saturating_mul(space.f_frsize))
}

/// A file or directory that stays open, so that no other one gets its number.
#[derive(Debug)]
pub(super) struct HeldFile {
    file: File,
    /// Its file system and its number there.
    number: (u64, u64),
}

impl HeldFile {
    /// Holds an open file or directory.
    pub(super) fn new(file: File) -> io::Result<Self> {
        let number = number(&file.metadata()?);
        Ok(Self { file, number })
    }

    /// The file.
    pub(super) fn file(&self) -> &File {
        &self.file
    }

    /// Whether the path still leads to it, and not by a symbolic link in its place.
    pub(super) fn is_at(&self, path: &Path) -> bool {
        let there = path.symlink_metadata();
        there.is_ok_and(|there| number(&there) == self.number)
    }
}

fn number(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_local_file_system_is_accepted() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(refused(dir.path()).unwrap(), None);
        assert!(free_bytes(dir.path()).unwrap() > 0);
    }

    #[test]
    fn network_and_fuse_file_systems_are_refused_by_name() {
        assert_eq!(refused_name(0x6969), Some("nfs"));
        assert_eq!(refused_name(0x6573_5546), Some("fuse"));
        assert_eq!(refused_name(0xef53), None, "ext4");
        assert_eq!(refused_name(0x0102_1994), None, "tmpfs");
    }

    #[test]
    fn a_replaced_file_is_detected() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("held");
        let held = HeldFile::new(File::create(&path).unwrap()).unwrap();
        assert!(held.is_at(&path));
        std::fs::rename(&path, dir.path().join("away")).unwrap();
        assert!(!held.is_at(&path));
        std::os::unix::fs::symlink(dir.path().join("away"), &path).unwrap();
        assert!(!held.is_at(&path), "a link to the same file");
        std::fs::remove_file(&path).unwrap();
        File::create(&path).unwrap();
        assert!(!held.is_at(&path));
    }
}
