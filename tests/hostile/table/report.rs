//! The table as text.

use super::bystander::Seen;
use super::cell::AttackRow;
use crate::keeper::Fate;

/// The head of the table.
pub(super) fn head() -> String {
    format!(
        "{:<26} {:<9} {:>9} {:>11} {:>8} {:>10} {:>8} {:>7} {:>16}  {}",
        "attack",
        "server",
        "calm p99",
        "attacked",
        "x calm",
        "x constant",
        "in time",
        "kept",
        "MiB",
        "attackers got"
    )
}

/// A row, beside that of the constant server where there is one.
pub(super) fn line(row: &AttackRow, constant: Option<&AttackRow>) -> String {
    let calm = ratio(&row.attacked, &row.calm);
    let beside = constant.map_or_else(
        || "-".to_owned(),
        |constant| ratio(&row.attacked, &constant.attacked),
    );
    let kept = match row.fate {
        Some(Fate::Alive) => "yes",
        Some(Fate::Lost) => "LOST",
        Some(Fate::Unknown) => "no word",
        None => "-",
    };
    let memory = &row.memory;
    let memory = format!("{}/{}/{}", memory.before, memory.peak, memory.after);
    let got = &row.got;
    let mut text = format!(
        "{:<26} {:<9} {:>9} {:>11} {:>8} {:>10} {:>7.2}% {:>7} {:>16}  {} done, {} later, {} refused, {} failed, {} broken",
        row.attack,
        row.server,
        time(row.calm.p99_ms),
        time(row.attacked.p99_ms),
        calm,
        beside,
        row.attacked.in_time * 100.0,
        kept,
        memory,
        got.done,
        got.later,
        got.refused,
        got.failed,
        got.broken,
    );
    if got.later_without_time > 0 {
        text.extend([format!(", {} later without a time", got.later_without_time)]);
    }
    for note in &row.notes {
        text.extend([format!("\n{:<26} {note}", "")]);
    }
    for (failure, count) in &row.attacked.failures {
        text.extend([format!("\n{:<26} bystander: {count} x {failure}", "")]);
    }
    text
}

/// A time in milliseconds; one of an answer that did not come within the time-out has none.
pub(super) fn time(ms: Option<f64>) -> String {
    match ms {
        None => "> 10 s".to_owned(),
        Some(ms) if ms >= 1e3 => format!("{:.2} s", ms / 1e3),
        Some(ms) => format!("{ms:.2} ms"),
    }
}

fn ratio(one: &Seen, other: &Seen) -> String {
    match (one.p99_ms, other.p99_ms) {
        (Some(one), Some(other)) if other > 0.0 => {
            let ratio = one / other;
            if ratio < 10.0 {
                format!("{ratio:.1}x")
            } else {
                format!("{ratio:.0}x")
            }
        }
        (None, Some(other)) if other > 0.0 => format!("> {:.0}x", 10_000.0 / other),
        _ => "-".to_owned(),
    }
}

/// Of the rounds of one attack on one server the one whose p99 is the median.
pub(super) fn median<'a>(rounds: &[&'a AttackRow]) -> Option<&'a AttackRow> {
    let mut sorted = rounds.to_vec();
    let p99 = |row: &AttackRow| row.attacked.p99_ms.unwrap_or(f64::INFINITY);
    sorted.sort_by(|one, other| p99(one).total_cmp(&p99(other)));
    sorted.get(sorted.len() / 2).copied()
}
