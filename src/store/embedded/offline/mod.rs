//! What can be done with a store's directory while no gateway uses it: `kubekv check` and `kubekv backup`.

use std::panic::catch_unwind;
use std::path::Path;

use serde::Serialize;

use super::data_dir::{self, DataDir, Format};
use super::engine::{Batch, Engine, Fjall};
use super::record::{ABOUT_KEY, About, Row, about_row};
use super::recovery::{Files, read};
use crate::store::{StoreContents, StoreError};

/// Rows, and bytes, that a backup writes at once.
const STEP: (usize, usize) = (4096, 8 << 20);

/// What is in a store, and what is wrong with it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The last revision.
    pub revision: u64,
    /// The store's name.
    pub identity: u64,
    /// How many entries there are.
    pub entries: u64,
    /// How many commits of history there are.
    pub commits: u64,
    /// Every commit after this revision is in the history.
    pub history_floor: u64,
    /// How many deletions of keys that are still gone are remembered.
    pub deletions: u64,
    /// Every deletion after this revision is remembered.
    pub deletions_floor: u64,
    /// How many records were read and verified.
    pub records: u64,
    /// Bytes of a commit that was never finished. As at any start, they were cut off.
    pub cut_bytes: u64,
    /// What is damaged or contradicts itself, one line each. Empty in a sound store.
    pub problems: Vec<String>,
}

impl Report {
    fn new(files: &Files) -> Self {
        let opened = &files.loaded.opened;
        let count = |length: usize| u64::try_from(length).unwrap_or(u64::MAX);
        Self {
            revision: opened.revision,
            identity: opened.identity,
            entries: count(opened.entries.len()),
            commits: count(opened.history.len()),
            history_floor: opened.history_floor,
            deletions: count(opened.deletions.len()),
            deletions_floor: opened.deletions_floor,
            records: files.loaded.records,
            cut_bytes: files.cut,
            problems: files.loaded.problems.clone(),
        }
    }
}

/// Reads and verifies every record of a store.
///
/// Each must be whole, commits must follow one another without a gap, each must have replaced just what it says, and
/// the entries must be those the last commit left behind.
///
/// Nothing is changed but what any start changes: a commit that was never finished is cut off.
///
/// # Errors
///
/// One line where there is nothing to examine: no such directory, no store in it, one of a newer format, or one that
/// another process is using. Damage is not an error but in the report.
pub fn check(path: &Path) -> Result<Report, StoreError> {
    let place = take(path)?;
    place.read_format()?;
    Ok(match read_unwinding(place) {
        Ok(files) => Report::new(&files),
        Err(StoreError(line)) => Report {
            problems: vec![line],
            ..Report::default()
        },
    })
}

/// Copies a store record by record, verifying each, into a directory that is missing or empty.
///
/// The copy is a store in its own right: it has the same entries, history and revision, and a name of its own, because what is written to it
/// from here on is not what is written to the other.
///
/// # Errors
///
/// One line: as for [`check`], or damage in the store, or trouble in writing the copy, of which then nothing is left.
/// A store in use is refused; `kubekv export` copies the entries of a running gateway.
pub fn backup(path: &Path, destination: &Path) -> Result<Report, StoreError> {
    let files = read_unwinding(take(path)?)?.sound()?;
    let copy = DataDir::take(destination)?;
    if copy.has_store() {
        return Err(StoreError(format!(
            "{} holds a store already",
            destination.display()
        )));
    }
    // The records are copied as they are, so they keep their seal.
    let mut format = Format::new();
    format.seal = files.seal;
    let identity = format.identity;
    let made = copy.make_store(format, |table| {
        copy_rows(&files.table, table)?;
        let about = About {
            identity,
            history_floor: files.loaded.opened.history_floor,
            deletions_floor: files.loaded.opened.deletions_floor,
        };
        let row = about_row(format.seal, &about).map_err(|e| StoreError(e.to_string()))?;
        write(table, vec![row])?;
        Ok(files.loaded.opened.revision)
    });
    if let Err(e) = made {
        copy.discard_unfinished();
        return Err(e);
    }
    let mut report = Report::new(&files);
    report.identity = identity;
    Ok(report)
}

/// Reads a store that no process is using, verifying every record.
///
/// # Errors
///
/// One line: as for [`check`], or damage in the store.
pub fn entries(path: &Path) -> Result<StoreContents, StoreError> {
    Ok(read_unwinding(take(path)?)?.sound()?.loaded.opened)
}

fn copy_rows(from: &Fjall, to: &mut Fjall) -> Result<(), StoreError> {
    let mut step: Vec<Row> = Vec::new();
    let mut bytes = 0;
    let mut failed = Ok(());
    from.scan(|key, value| {
        if failed.is_err() || key == ABOUT_KEY {
            return;
        }
        bytes += value.len();
        step.push((key.to_vec(), value.to_vec()));
        if step.len() >= STEP.0 || bytes >= STEP.1 {
            bytes = 0;
            failed = write(to, std::mem::take(&mut step));
        }
    })?;
    failed?;
    write(to, step)
}

fn write(table: &mut Fjall, put: Vec<Row>) -> Result<(), StoreError> {
    let remove = Vec::new();
    table.write(Batch { put, remove }).map_err(StoreError)
}

fn take(path: &Path) -> Result<DataDir, StoreError> {
    // Asked before anything is made there: a mistyped path stays as it is.
    let store = path.join("store");
    let there = store
        .try_exists()
        .map_err(|e| data_dir::failed("opening", &store, &e))?;
    if !there {
        return Err(StoreError(format!(
            "{} holds no kubekv store",
            path.display()
        )));
    }
    DataDir::take_existing(path)
}

/// fjall gives up by panicking on some damaged files.
fn read_unwinding(place: DataDir) -> Result<Files, StoreError> {
    let path = place.root().display().to_string();
    catch_unwind(|| read(place)).unwrap_or_else(|_| {
        Err(StoreError(format!(
            "{path} is damaged: its files could not be read"
        )))
    })
}
