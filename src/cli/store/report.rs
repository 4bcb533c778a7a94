//! What is in a store, for people and for scripts.

use std::io::{self, Write};
use std::path::PathBuf;

use kubekv::config::default_data_dir;
use kubekv::store::StoreError;
use kubekv::store::embedded::StoreReport;

use crate::cli::exit::{self, Failure};

/// Prints a report.
pub(super) fn print(report: &StoreReport, json: bool) -> Result<(), Failure> {
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
    writeln!(out, "records    {records}")?;
    if *cut_bytes > 0 {
        writeln!(
            out,
            "cut        {cut_bytes} bytes of a commit that was never finished"
        )?;
    }
    for problem in problems {
        writeln!(out, "problem    {problem}")?;
    }
    Ok(out.flush()?)
}

/// The directory that was given, or the one `kubekv serve` uses.
pub(super) fn directory(given: Option<PathBuf>) -> Result<PathBuf, Failure> {
    given.or_else(default_data_dir).ok_or_else(|| {
        let line = "no home directory: name the store's directory";
        Failure::new(exit::USAGE, line)
    })
}

/// A store that cannot be opened.
pub(super) fn failed(error: &StoreError) -> Failure {
    Failure::new(exit::STORE, error.to_string())
}
