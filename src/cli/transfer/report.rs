//! What an import came to, for people.

use std::collections::BTreeMap;
use std::io::{self, Write};

use kubekv::transfer::{ImportReport, LeftOut, LeftOutReason};

use super::progress::size;
use crate::cli::exit::{Failure, NO};

/// How many of a kind are named.
const NAMED: usize = 20;

/// Prints a report; a failure where not all is as it should be.
pub(super) fn print(report: &ImportReport, json: bool) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    if json {
        serde_json::to_writer(&mut out, report).map_err(io::Error::from)?;
        out.write_all(b"\n")?;
    } else {
        out.write_all(text(report).as_bytes())?;
    }
    out.flush()?;
    name(&report.left_out);
    for (what, keys) in [
        ("changing in the source", &report.changing),
        ("not as in the source", &report.wrong),
        ("in the target alone", &report.extra),
    ] {
        let allowed = report.extra_allowed && what == "in the target alone";
        list(what, if allowed { &[] } else { keys });
    }
    verdict(report)
}

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

/// Names what was left out, by kind.
pub(super) fn name(left_out: &[LeftOut]) {
    let mut kinds: BTreeMap<LeftOutReason, Vec<String>> = BTreeMap::new();
    for LeftOut { reason, name } in left_out {
        kinds.entry(*reason).or_default().push(name.clone());
    }
    for (reason, names) in kinds {
        list(&format!("left out: {}", reason.description()), &names);
    }
}

fn list(what: &str, names: &[String]) {
    let mut err = io::stderr().lock();
    for name in names.iter().take(NAMED) {
        // Nobody may be reading.
        let _unwritable = writeln!(err, "kubekv: {what}: {name}");
    }
    if let Some(more) = names.len().checked_sub(NAMED).filter(|more| *more > 0) {
        let _unwritable = writeln!(err, "kubekv: {what}: {more} more");
    }
}

fn verdict(report: &ImportReport) -> Result<(), Failure> {
    if report.is_good() {
        return Ok(());
    }
    let faults = report.left_out.iter().filter(|one| one.reason.is_fault());
    let faults = faults.count();
    let line = if !report.changing.is_empty() {
        "the source goes on changing: stop what writes to it, and run this again with --into-existing --delete"
            .to_owned()
    } else if !report.wrong.is_empty() {
        let count = report.wrong.len();
        format!("entries that are not in the target as they are in the source: {count}")
    } else if faults > 0 {
        format!("what was not moved, or not for certain: {faults}")
    } else {
        let count = report.extra.len();
        format!("entries that the target alone has: {count}; --delete deletes them")
    };
    Err(Failure::new(NO, line))
}
