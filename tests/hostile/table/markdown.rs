//! The table as Markdown, from the files that `run` wrote.

use std::fs;

use super::cell::AttackRow;
use super::options::MarkdownOptions;
use super::report::{median, time};
use crate::attacks::ALL;
use crate::keeper::Fate;

/// Prints the table.
pub(crate) fn print(options: &MarkdownOptions) {
    let read = |paths: &[std::path::PathBuf]| -> Vec<AttackRow> {
        let files = paths.iter().map(|path| fs::read(path).unwrap());
        files
            .flat_map(|bytes| serde_json::from_slice::<Vec<AttackRow>>(&bytes).unwrap())
            .collect()
    };
    let (rows, before) = (read(&options.rows), read(&options.before));
    println!(
        "| attack | calm | p99 beside it | constant | real | before | in time | real | kept | MiB |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    for attack in ALL {
        let of = |rows, server| found(rows, attack.name, server);
        let Some(ours) = of(&rows, "kubekv") else {
            continue;
        };
        let p99 = |row: Option<&AttackRow>| {
            row.map_or_else(|| "-".to_owned(), |row| time(row.attacked.p99_ms))
        };
        let share = |row: Option<&AttackRow>| {
            row.map_or_else(
                || "-".to_owned(),
                |row| format!("{:.1} %", row.attacked.in_time * 100.0),
            )
        };
        let real = of(&rows, "real");
        let constant = of(&rows, "constant");
        let kept = match ours.fate {
            Some(Fate::Alive) => "yes",
            Some(Fate::Lost) => "**no**",
            Some(Fate::Unknown) | None => "-",
        };
        println!(
            "| `{}` | {} | {} | {} | {} | {} | {} | {} | {kept} | {}, {}, {} |",
            attack.name,
            time(ours.calm.p99_ms),
            bold(ours, constant),
            p99(constant),
            p99(real),
            p99(of(&before, "kubekv")),
            share(Some(ours)),
            share(real),
            ours.memory.before,
            ours.memory.peak,
            ours.memory.after,
        );
    }
}

/// The median row of an attack on a server.
fn found<'a>(rows: &'a [AttackRow], attack: &str, server: &str) -> Option<&'a AttackRow> {
    let all = rows.iter();
    let of: Vec<&AttackRow> = all
        .filter(|row| row.attack == attack && row.server == server)
        .collect();
    median(&of)
}

/// The latency beside the attack, in bold where it misses the goal.
fn bold(row: &AttackRow, constant: Option<&AttackRow>) -> String {
    let text = time(row.attacked.p99_ms);
    let most = constant.and_then(|constant| constant.attacked.p99_ms);
    let is_met = row
        .attacked
        .p99_ms
        .is_some_and(|p99| p99 <= 20.0 && most.is_none_or(|most| p99 <= 2.0 * most));
    if is_met { text } else { format!("**{text}**") }
}
