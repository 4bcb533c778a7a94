//! The tables of attacks on a cluster store, as `tests/attacks/run` writes them into docs/security.md.

use serde::{Deserialize, Serialize};

/// The line before them.
const MARK: &str = "<!-- made by tests/attacks/run: all -->";

/// How many of them are of a report: the others have a row for each attack.
const TABLES: usize = 2;

/// Tables of attacks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttackTables {
    /// The file.
    pub file: String,
    /// The tables.
    pub tables: Vec<AttackTable>,
}

/// A table of attacks: how many work in each deployment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttackTable {
    /// The line above it.
    pub title: String,
    /// The deployments, after the title of the first column.
    pub columns: Vec<String>,
    /// The rows.
    pub rows: Vec<Vec<String>>,
}

impl AttackTables {
    /// The tables in a text in Markdown: those after the mark, or the first ones where there is none. `None` if there are none.
    pub fn parse(file: &str, text: &str) -> Option<Self> {
        let text = text.split_once(MARK).map_or(text, |(_, rest)| rest);
        let mut found = Self {
            file: file.to_owned(),
            tables: Vec::new(),
        };
        let (mut title, mut is_inside) = ("", false);
        for line in text.lines().map(str::trim) {
            let Some(cells) = cells(line) else {
                if is_inside && found.tables.len() == TABLES {
                    break;
                }
                is_inside = false;
                if !line.is_empty() {
                    title = line;
                }
                continue;
            };
            match found.tables.last_mut().filter(|_| is_inside) {
                // The line between head and rows.
                Some(_) if cells.iter().all(|cell| cell.starts_with("---")) => {}
                Some(table) => table.rows.push(cells),
                None => found.tables.push(AttackTable {
                    title: title.trim_end_matches(':').to_owned(),
                    columns: cells,
                    rows: Vec::new(),
                }),
            }
            is_inside = true;
        }
        (found.tables.len() == TABLES).then_some(found)
    }
}

/// The cells of a line of a table.
fn cells(line: &str) -> Option<Vec<String>> {
    let inner = line.strip_prefix('|')?.strip_suffix('|')?;
    Some(
        inner
            .split('|')
            .map(|cell| cell.trim().to_owned())
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_tables_after_the_mark_are_read() {
        let text = "| no | table |\n\n<!-- made by tests/attacks/run: all -->\n\nHow many:\n\n\
                    | credential | etcd | all |\n| --- | --- | --- |\n| a host's | 3 of 3 | 1 of 3 |\n\n\
                    What:\n\n| keys | etcd | all |\n| --- | --- | --- |\n| read | 2 of 2 | 0 of 2 |\n\nEach:\n\n| a | b |\n";
        let found = AttackTables::parse("security.md", text).unwrap();
        assert_eq!(found.tables.len(), 2);
        assert_eq!(found.tables[0].title, "How many");
        assert_eq!(found.tables[0].columns, ["credential", "etcd", "all"]);
        assert_eq!(found.tables[0].rows, [["a host's", "3 of 3", "1 of 3"]]);
        assert_eq!(found.tables[1].rows, [["read", "2 of 2", "0 of 2"]]);
        assert_eq!(AttackTables::parse("x", "no tables"), None);
    }
}
