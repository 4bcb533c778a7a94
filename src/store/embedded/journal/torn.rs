//! Torn journals: a batch whose writing was interrupted is cut off; any other damage refuses the store.

use std::fs;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

use rustix::fs::Advice;

use super::scan::{JournalScan, Tail, scan};
use crate::store::StoreError;
use crate::store::embedded::io_error::io_error;
use crate::store::embedded::own_file::{self, FileUse};
use crate::store::embedded::record::Seal;

/// A journal whose last batch was being written when the process ended; that batch was never acknowledged.
#[derive(Debug)]
pub(in crate::store::embedded) struct TornJournal {
    path: PathBuf,
    whole: u64,
    bytes: u64,
}

impl TornJournal {
    /// The number of bytes to cut off.
    pub(in crate::store::embedded) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Cuts the torn batch off.
    pub(in crate::store::embedded) fn cut(&self) -> Result<(), StoreError> {
        let cut = || {
            let file = own_file::open(&self.path, FileUse::ReadWrite)?;
            file.set_len(self.whole)?;
            file.sync_all()
        };
        cut().map_err(|e: io::Error| io_error("cutting", &self.path, &e))
    }
}

/// Checks the journals in a directory. Refuses damaged ones, and ones that end before the last `acknowledged`
/// revision. Returns the torn journal, if there is one. Changes nothing.
pub(in crate::store::embedded) fn check(
    db: &Path,
    seal: Seal,
    acknowledged: u64,
) -> Result<Option<TornJournal>, StoreError> {
    let journals = list_journals(db)?;
    let Some(((_, active), sealed)) = journals.split_last() else {
        return Err(StoreError(format!(
            "{} is damaged: it has no journal",
            db.display()
        )));
    };
    let mut sequence = None;
    let mut revision = None;
    for (_, path) in sealed {
        let (found, length) = scan_file(path, seal, sequence)?;
        if found.tail != Tail::Clean {
            return Err(damaged(path, &found, length));
        }
        sequence = found.sequence;
        revision = revision.max(found.revision);
    }
    let (found, length) = scan_file(active, seal, sequence)?;
    revision = revision.max(found.revision);
    match found.tail {
        Tail::Clean => Ok(None),
        Tail::Followed(_) => Err(damaged(active, &found, length)),
        // The tail was the last acknowledged commit, not one that was being written.
        Tail::Torn if revision.is_some_and(|revision| revision < acknowledged) => {
            Err(damaged(active, &found, length))
        }
        Tail::Torn => Ok(Some(TornJournal {
            path: active.clone(),
            whole: found.whole,
            bytes: length.saturating_sub(found.whole),
        })),
    }
}

/// The journals by number. The numbers must follow one another without a gap.
pub(super) fn list_journals(db: &Path) -> Result<Vec<(u64, PathBuf)>, StoreError> {
    let failed = |e: io::Error| io_error("reading", db, &e);
    let mut journals = Vec::new();
    for entry in fs::read_dir(db).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|extension| extension == "jnl") {
            let stem = path.file_stem().and_then(|stem| stem.to_str());
            let number = stem.and_then(|stem| stem.parse::<u64>().ok());
            let bad_name = || StoreError(format!("{} is damaged", path.display()));
            journals.push((number.ok_or_else(bad_name)?, path));
        }
    }
    journals.sort();
    for ((earlier, _), (later, path)) in journals.iter().zip(journals.iter().skip(1)) {
        if earlier + 1 != *later {
            return Err(StoreError(format!(
                "the store is damaged: the journal before {} is missing",
                path.display()
            )));
        }
    }
    Ok(journals)
}

/// Scans a journal, and returns its length, too.
pub(super) fn scan_file(
    path: &Path,
    seal: Seal,
    sequence: Option<u64>,
) -> Result<(JournalScan, u64), StoreError> {
    let read = || {
        let file = own_file::open(path, FileUse::Read)?;
        // After a failed sync the page cache may still hold bytes that never reached the disk. Read from the disk.
        rustix::fs::fadvise(&file, 0, None, Advice::DontNeed)?;
        let length = file.metadata()?.len();
        let input = BufReader::with_capacity(1 << 16, file);
        Ok((scan(input, length, seal, sequence)?, length))
    };
    read().map_err(|e| io_error("reading", path, &e))
}

fn damaged(path: &Path, found: &JournalScan, length: u64) -> StoreError {
    let after = match found.tail {
        Tail::Followed(next) => format!("acknowledged commits follow at {next}"),
        Tail::Clean | Tail::Torn => "acknowledged commits were there".to_owned(),
    };
    StoreError(format!(
        "{} is damaged at byte {} of {length}: {after}",
        path.display(),
        found.whole
    ))
}
