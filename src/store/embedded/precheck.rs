//! Looks at the files before fjall does.
//!
//! fjall begins anew where it misses some files, and cuts its journal where it cannot read on, in the middle too. So
//! what is missing or damaged is refused here first, while everything is still as it was found.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

use rustix::fs::Advice;
use xxhash_rust::xxh3::xxh3_128;

use super::data_dir::{DataDir, failed};
use super::journal::{self, Journal, Tail};
use super::record::Seal;
use crate::store::StoreError;

/// What fjall 3 writes into its `version` file.
const DB_VERSION: [u8; 4] = *b"FJL\x03";

/// fjall's own table and ours, as directories under `keyspaces`.
const TABLES: [&str; 2] = ["0", "1"];

/// A batch that was being written when the process ended; nobody was told of it.
#[derive(Debug)]
pub(super) struct Torn {
    journal: PathBuf,
    whole: u64,
    bytes: u64,
}

impl Torn {
    /// How many bytes are to be cut off.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Cuts it off.
    pub(super) fn cut(&self) -> Result<(), StoreError> {
        let cut = || {
            let file = OpenOptions::new().write(true).open(&self.journal)?;
            file.set_len(self.whole)?;
            file.sync_all()
        };
        cut().map_err(|e: io::Error| failed("cutting", &self.journal, &e))
    }
}

/// Refuses a store with files that are missing or do not fit together, and one whose journals end before the revision
/// that was `told`. Gives what a start may repair. Changes nothing.
pub(super) fn survey(place: &DataDir, seal: Seal, told: u64) -> Result<Option<Torn>, StoreError> {
    let db = place.db();
    let version = db.join("version");
    let found = read(&version)?;
    if found != DB_VERSION {
        return Err(StoreError(format!(
            "{} is damaged, or was written by a newer kubekv",
            version.display()
        )));
    }
    for table in TABLES {
        check_manifest(&db.join("keyspaces").join(table))?;
    }
    survey_journals(&db, seal, told)
}

fn survey_journals(db: &Path, seal: Seal, told: u64) -> Result<Option<Torn>, StoreError> {
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
        let (read, length) = scan(path, seal, sequence)?;
        if read.tail != Tail::Clean {
            return Err(broken(path, &read, length));
        }
        sequence = read.sequence;
        revision = revision.max(read.revision);
    }
    let (read, length) = scan(active, seal, sequence)?;
    revision = revision.max(read.revision);
    match read.tail {
        Tail::Clean => Ok(None),
        Tail::Followed(_) => Err(broken(active, &read, length)),
        // The tail is what was told of last, not what was being written.
        Tail::Torn if revision.is_some_and(|revision| revision < told) => {
            Err(broken(active, &read, length))
        }
        Tail::Torn => Ok(Some(Torn {
            journal: active.clone(),
            whole: read.whole,
            bytes: length.saturating_sub(read.whole),
        })),
    }
}

/// The journals by number, which go up by one.
fn list_journals(db: &Path) -> Result<Vec<(u64, PathBuf)>, StoreError> {
    let failed = |e: io::Error| failed("reading", db, &e);
    let mut journals = Vec::new();
    for entry in fs::read_dir(db).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|extension| extension == "jnl") {
            let stem = path.file_stem().and_then(|stem| stem.to_str());
            let number = stem.and_then(|stem| stem.parse::<u64>().ok());
            journals.push((number.ok_or_else(|| damaged(&path))?, path));
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

fn scan(path: &Path, seal: Seal, sequence: Option<u64>) -> Result<(Journal, u64), StoreError> {
    let read = || {
        let file = File::open(path)?;
        // After a failed sync the kernel may still show bytes that never came to the disk. Read what did.
        rustix::fs::fadvise(&file, 0, None, Advice::DontNeed)?;
        let length = file.metadata()?.len();
        let input = BufReader::with_capacity(1 << 16, file);
        Ok((journal::scan(input, length, seal, sequence)?, length))
    };
    read().map_err(|e| failed("reading", path, &e))
}

fn broken(path: &Path, journal: &Journal, length: u64) -> StoreError {
    let after = match journal.tail {
        Tail::Followed(next) => format!("acknowledged commits follow at {next}"),
        Tail::Clean | Tail::Torn => "acknowledged commits were there".to_owned(),
    };
    StoreError(format!(
        "{} is damaged at byte {} of {length}: {after}",
        path.display(),
        journal.whole
    ))
}

/// The file `current` names the list of table files and its checksum, which fjall does not compare.
fn check_manifest(table: &Path) -> Result<(), StoreError> {
    let path = table.join("current");
    let current = read(&path)?;
    let parts = current
        .split_first_chunk::<8>()
        .and_then(|(number, rest)| Some((number, rest.first_chunk::<16>()?)));
    let Some((number, sum)) = parts else {
        return Err(damaged(&path));
    };
    let listed = table.join(format!("v{}", u64::from_le_bytes(*number)));
    if xxh3_128(&read(&listed)?) != u128::from_le_bytes(*sum) {
        return Err(damaged(&listed));
    }
    Ok(())
}

fn read(path: &Path) -> Result<Vec<u8>, StoreError> {
    fs::read(path).map_err(|e| failed("the store is damaged: reading", path, &e))
}

fn damaged(path: &Path) -> StoreError {
    StoreError(format!("{} is damaged", path.display()))
}
