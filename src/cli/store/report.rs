//! Reports of `kubekv check` and `kubekv backup`, as text or JSON.

use std::io::{self, Write};
use std::path::PathBuf;

use kubekv::config::default_data_dir;
use kubekv::store::StoreError;
use kubekv::store::embedded::StoreReport;

use crate::cli::exit::{self, CommandError};

/// Prints a report.
pub(super) fn print(report: &StoreReport, json: bool) -> Result<(), CommandError> {
    let mut out = io::stdout().lock();
    if json {
        serde_json::to_writer(&mut out, report).map_err(io::Error::from)?;
        out.write_all(b"\n")?;
        return Ok(out.flush()?);
    }
    let StoreReport {
        revision,
        identity,
        entries,
        commits,
        history_floor,
        deletions,
        deletions_floor,
        directories,
        directories_revision,
        directories_exact,
        records,
        cut_bytes,
        problems,
    } = report;
    writeln!(out, "identity   {identity:016x}")?;
    writeln!(out, "revision   {revision}")?;
    writeln!(out, "entries    {entries}")?;
    writeln!(out, "commits    {commits} after revision {history_floor}")?;
    writeln!(
        out,
        "deletions  {deletions} after revision {deletions_floor}"
    )?;
    let doubt = if *directories_exact {
        ""
    } else {
        "; commits after that are missing"
    };
    writeln!(
        out,
        "counted    {directories} directories at revision {directories_revision}{doubt}"
    )?;
    writeln!(out, "records    {records}")?;
    if *cut_bytes > 0 {
        writeln!(out, "cut        {cut_bytes} bytes of an unfinished commit")?;
    }
    for problem in problems {
        writeln!(out, "problem    {problem}")?;
    }
    Ok(out.flush()?)
}

/// The given directory, or that of `kubekv serve`.
pub(super) fn directory(given: Option<PathBuf>) -> Result<PathBuf, CommandError> {
    given.or_else(default_data_dir).ok_or_else(|| {
        let message = "no home directory: give the store's directory";
        CommandError::new(exit::USAGE, message)
    })
}

/// The error of a store that cannot be opened.
pub(super) fn store_error(error: &StoreError) -> CommandError {
    CommandError::new(exit::STORE, error.to_string())
}
