//! The report of an import, as text or JSON.

use std::collections::BTreeMap;
use std::io::{self, Write};

use kubekv::transfer::{ImportReport, LeftOut, LeftOutReason};

use super::progress::size;
use crate::cli::exit::{CommandError, NO};

/// The limit of names printed for each kind.
const MAX_NAMED: usize = 20;

/// Prints a report. Returns an error where the import is incomplete.
pub(super) fn print(report: &ImportReport, json: bool) -> Result<(), CommandError> {
    let mut out = io::stdout().lock();
    if json {
        serde_json::to_writer(&mut out, report).map_err(io::Error::from)?;
        out.write_all(b"\n")?;
    } else {
        out.write_all(text(report).as_bytes())?;
    }
    out.flush()?;
    print_left_out(&report.left_out);
    for (what, keys) in [
        ("changing in the source", &report.changing),
        ("different from the source", &report.wrong),
        (ONLY_IN_TARGET, &report.extra),
    ] {
        let allowed = report.extra_allowed && what == ONLY_IN_TARGET;
        print_names(what, if allowed { &[] } else { keys });
    }
    verdict(report)
}

/// The label of entries that only the target has.
const ONLY_IN_TARGET: &str = "only in the target";

fn text(report: &ImportReport) -> String {
    let ImportReport {
        from,
        index,
        to,
        entries,
        bytes,
        written,
        equal,
        deleted,
        left_out,
        changing: _,
        wrong,
        extra,
        extra_allowed: _,
    } = report;
    let at = index.map_or_else(String::new, |index| format!(", at index {index}"));
    let verified = entries.saturating_sub(wrong.len());
    let mut lines = vec![
        format!("from      {from}{at}"),
        format!("to        {to}"),
        format!("entries   {entries}, {}", size(*bytes)),
        format!("written   {written}"),
        format!("equal     {equal} before"),
    ];
    for (name, count) in [
        ("deleted", *deleted),
        ("left out", left_out.len()),
        ("others", extra.len()),
    ] {
        if count > 0 {
            lines.push(format!("{name:<8}  {count}"));
        }
    }
    lines.push(format!("verified  {verified} of {entries}\n"));
    lines.join("\n")
}

/// Prints the names of what was left out, by reason.
pub(super) fn print_left_out(left_out: &[LeftOut]) {
    let mut kinds: BTreeMap<LeftOutReason, Vec<String>> = BTreeMap::new();
    for LeftOut { reason, name } in left_out {
        kinds.entry(*reason).or_default().push(name.clone());
    }
    for (reason, names) in kinds {
        print_names(&format!("left out: {}", reason.description()), &names);
    }
}

fn print_names(what: &str, names: &[String]) {
    let mut err = io::stderr().lock();
    for name in names.iter().take(MAX_NAMED) {
        // Standard error may be closed.
        let _unwritable = writeln!(err, "kubekv: {what}: {name}");
    }
    if let Some(more) = names.len().checked_sub(MAX_NAMED).filter(|more| *more > 0) {
        let _unwritable = writeln!(err, "kubekv: {what}: {more} more");
    }
}

fn verdict(report: &ImportReport) -> Result<(), CommandError> {
    if report.is_good() {
        return Ok(());
    }
    let faults = report.left_out.iter().filter(|one| one.reason.is_fault());
    let faults = faults.count();
    let message = if !report.changing.is_empty() {
        "the source is still changing: stop its writers, and run this command again with --into-existing --delete"
            .to_owned()
    } else if !report.wrong.is_empty() {
        let count = report.wrong.len();
        format!("entries in the target that differ from the source: {count}")
    } else if faults > 0 {
        format!(
            "entries that were not imported, or that may be wrong: {faults}; they are named above"
        )
    } else {
        let count = report.extra.len();
        format!("entries that only the target has: {count}; --delete deletes them")
    };
    Err(CommandError::new(NO, message))
}
