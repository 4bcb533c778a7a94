//! Directory checkpoints: a file beside the table that holds what the keyspace counts of directories.
//!
//! A checkpoint and the commits after it give the counts of any later revision, so nothing is written with each commit.
//! Trimming waits for a checkpoint: commits that are in none stay in the history. The file is a sequence of frames, each
//! after its length; a frame is written over whatever is left of one that was cut short. Older versions ignore the file, and
//! trim what is in none: then the counts are brought up to date as well as can be.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::own_file::{self, FileUse};
use super::record::{Seal, frame, json, unframe};
use crate::store::{DirectoryChanges, DirectoryCheckpoint, DirectoryRecord};

/// What the frames' checksums cover in place of a table key.
const NAME: &[u8] = b"directories";

/// Bytes of a frame's length.
const LENGTH: usize = 4;

/// The file, open for appending.
#[derive(Debug)]
pub(super) struct DirectoryCheckpointFile {
    path: PathBuf,
    seal: Seal,
    /// Where the next frame begins.
    end: u64,
}

/// The header of a frame.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FrameHeader {
    /// The last commit that is counted.
    revision: u64,
    /// Whether all directories are in the frame, rather than those that changed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    whole: bool,
}

impl DirectoryCheckpointFile {
    /// Reads the last checkpoint; one of revision 0 where there is none. What follows the last whole frame is ignored: it was
    /// not finished, so nothing was trimmed for its sake.
    pub(super) fn open(path: PathBuf, seal: Seal) -> io::Result<(Self, DirectoryCheckpoint)> {
        let bytes = match own_file::read(&path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(e) => return Err(e),
        };
        let mut rest = bytes.as_slice();
        let mut revision = 0;
        let mut all = HashMap::new();
        while let Some((changes, after)) = read_frame(seal, rest) {
            rest = after;
            revision = changes.revision;
            if changes.whole {
                all.clear();
            }
            for (path, record) in changes.directories {
                match record {
                    Some(record) => all.insert(path, record),
                    None => all.remove(&path),
                };
            }
        }
        let end = u64::try_from(bytes.len() - rest.len()).unwrap_or(0);
        let directories = all.into_values().collect();
        let checkpoint = DirectoryCheckpoint {
            revision,
            directories,
        };
        Ok((Self { path, seal, end }, checkpoint))
    }

    /// Creates the file in a new store, whole.
    pub(super) fn create(
        path: &Path,
        seal: Seal,
        checkpoint: &DirectoryCheckpoint,
    ) -> io::Result<()> {
        let bytes = encode(seal, &DirectoryChanges::whole(checkpoint))?;
        let file = own_file::open(path, FileUse::ReadWriteOrCreate)?;
        file.write_all_at(&bytes, 0)?;
        file.sync_all()
    }

    /// Makes a checkpoint durable. After an error the file still holds the one before.
    pub(super) fn write(&mut self, changes: &DirectoryChanges) -> io::Result<()> {
        let bytes = encode(self.seal, changes)?;
        let length = u64::try_from(bytes.len()).map_err(io::Error::other)?;
        if changes.whole {
            self.replace(&bytes)?;
            self.end = length;
            return Ok(());
        }
        let file = own_file::open(&self.path, FileUse::ReadWriteOrCreate)?;
        // What an unfinished write left.
        file.set_len(self.end)?;
        file.write_all_at(&bytes, self.end)?;
        file.sync_data()?;
        self.end += length;
        Ok(())
    }

    /// Puts another file in place of this one.
    fn replace(&self, bytes: &[u8]) -> io::Result<()> {
        let new = self.path.with_extension("new");
        let file = own_file::open(&new, FileUse::ReadWriteOrCreate)?;
        file.set_len(0)?;
        file.write_all_at(bytes, 0)?;
        file.sync_all()?;
        fs::rename(&new, &self.path)?;
        let directory = self.path.parent().unwrap_or(Path::new("."));
        File::open(directory)?.sync_all()
    }
}

/// A frame after its length.
fn encode(seal: Seal, changes: &DirectoryChanges) -> io::Result<Vec<u8>> {
    let header = FrameHeader {
        revision: changes.revision,
        whole: changes.whole,
    };
    let mut rows = Vec::new();
    for (path, record) in &changes.directories {
        let length = u32::try_from(path.len()).map_err(io::Error::other)?;
        rows.extend_from_slice(&length.to_le_bytes());
        rows.extend_from_slice(path.as_bytes());
        let (ever, changed) = record
            .as_ref()
            .map_or((0, 0), |record| (record.ever, record.changed));
        rows.push(u8::from(record.is_some()));
        rows.extend_from_slice(&ever.to_le_bytes());
        rows.extend_from_slice(&changed.to_le_bytes());
    }
    let mut body = Vec::new();
    frame(seal, NAME, json(&header), (&[], &rows), &mut body).map_err(io::Error::other)?;
    let length = u32::try_from(body.len()).map_err(io::Error::other)?;
    Ok([&length.to_le_bytes()[..], &body].concat())
}

/// The first frame of these bytes, and those after it; `None` where there is no whole one.
fn read_frame(seal: Seal, bytes: &[u8]) -> Option<(DirectoryChanges, &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<LENGTH>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let (body, rest) = rest.split_at_checked(length)?;
    let (header, _, rows): (FrameHeader, _, _) = unframe(seal, NAME, body).ok()?;
    let changes = DirectoryChanges {
        revision: header.revision,
        whole: header.whole,
        directories: read_rows(rows)?,
    };
    Some((changes, rest))
}

fn read_rows(mut rows: &[u8]) -> Option<Vec<(Arc<str>, Option<DirectoryRecord>)>> {
    let mut directories = Vec::new();
    while !rows.is_empty() {
        let (length, rest) = rows.split_first_chunk()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        let (path, rest) = rest.split_at_checked(length)?;
        let (is_there, rest) = rest.split_first()?;
        let (ever, rest) = rest.split_first_chunk()?;
        let (changed, rest) = rest.split_first_chunk()?;
        let path: Arc<str> = std::str::from_utf8(path).ok()?.into();
        let record = (*is_there != 0).then(|| DirectoryRecord {
            path: Arc::clone(&path),
            ever: u64::from_le_bytes(*ever),
            changed: u64::from_le_bytes(*changed),
        });
        directories.push((path, record));
        rows = rest;
    }
    Some(directories)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEAL: Seal = Seal(7);

    fn record(path: &str, ever: u64) -> DirectoryRecord {
        DirectoryRecord {
            path: path.into(),
            ever,
            changed: ever + 1,
        }
    }

    fn changes(revision: u64, directories: &[(&str, Option<u64>)]) -> DirectoryChanges {
        DirectoryChanges {
            revision,
            whole: false,
            directories: directories
                .iter()
                .map(|(path, ever)| ((*path).into(), ever.map(|ever| record(path, ever))))
                .collect(),
        }
    }

    fn opened(path: &Path) -> (u64, Vec<DirectoryRecord>) {
        let (_, checkpoint) = DirectoryCheckpointFile::open(path.to_owned(), SEAL).unwrap();
        let mut directories = checkpoint.directories;
        directories.sort_by(|a, b| a.path.cmp(&b.path));
        (checkpoint.revision, directories)
    }

    #[test]
    fn each_checkpoint_builds_on_the_one_before_until_a_whole_one() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("directories");
        assert_eq!(opened(&path), (0, Vec::new()));
        let (mut file, _) = DirectoryCheckpointFile::open(path.clone(), SEAL).unwrap();
        let first = [("", Some(3)), ("a", Some(2)), ("b", Some(1))];
        file.write(&changes(5, &first)).unwrap();
        file.write(&changes(9, &[("a", None), ("b", Some(4))]))
            .unwrap();
        assert_eq!(opened(&path), (9, vec![record("", 3), record("b", 4)]));
        let mut whole = changes(12, &[("c", Some(7))]);
        whole.whole = true;
        file.write(&whole).unwrap();
        file.write(&changes(13, &[("d", Some(8))])).unwrap();
        assert_eq!(opened(&path), (13, vec![record("c", 7), record("d", 8)]));
    }

    #[test]
    fn a_checkpoint_cut_short_anywhere_leaves_the_one_before_and_is_written_over() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("directories");
        let (mut file, _) = DirectoryCheckpointFile::open(path.clone(), SEAL).unwrap();
        file.write(&changes(5, &[("a", Some(2))])).unwrap();
        let before = fs::read(&path).unwrap();
        file.write(&changes(9, &[("a", Some(4)), ("b", Some(1))]))
            .unwrap();
        let after = fs::read(&path).unwrap();
        for length in before.len()..after.len() {
            fs::write(&path, &after[..length]).unwrap();
            assert_eq!(opened(&path), (5, vec![record("a", 2)]), "{length}");
            let (mut file, _) = DirectoryCheckpointFile::open(path.clone(), SEAL).unwrap();
            file.write(&changes(10, &[("c", Some(1))])).unwrap();
            assert_eq!(opened(&path), (10, vec![record("a", 2), record("c", 1)]));
        }
    }

    #[test]
    fn any_flipped_bit_ends_the_file_before_its_frame() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("directories");
        let (mut file, _) = DirectoryCheckpointFile::open(path.clone(), SEAL).unwrap();
        file.write(&changes(5, &[("a", Some(2))])).unwrap();
        let bytes = fs::read(&path).unwrap();
        for offset in 0..bytes.len() {
            let mut bytes = bytes.clone();
            bytes[offset] ^= 1;
            fs::write(&path, &bytes).unwrap();
            assert_eq!(opened(&path), (0, Vec::new()), "{offset}");
        }
        let (_, foreign) = DirectoryCheckpointFile::open(path.clone(), Seal(8)).unwrap();
        assert_eq!(foreign, DirectoryCheckpoint::default());
    }
}
