//! A document as Markdown. Plots are in the HTML file alone.

use std::fmt::Write;

use super::document::{PageBlock, PageDocument, PageRow, PageTable};

/// The document as Markdown.
pub fn markdown(document: &PageDocument) -> String {
    let mut out = format!("# {}\n", escaped(&document.title));
    for block in &document.blocks {
        if matches!(block, PageBlock::Plot(..)) {
            continue;
        }
        out.push('\n');
        // Writing to a string does not fail.
        let _written = write_block(block, &mut out);
    }
    out
}

fn write_block(block: &PageBlock, out: &mut String) -> std::fmt::Result {
    match block {
        PageBlock::Heading(level, text) => {
            let marks = "#".repeat(usize::from(*level));
            writeln!(out, "{marks} {}", escaped(text))
        }
        PageBlock::Text(text) => writeln!(out, "{}", escaped(text)),
        PageBlock::Warning(text) => writeln!(out, "**{}**", escaped(text)),
        PageBlock::List(texts) => texts
            .iter()
            .try_for_each(|text| writeln!(out, "- {}", escaped(text))),
        PageBlock::Table(table) => write_table(table, out),
        PageBlock::Plot(..) => Ok(()),
    }
}

fn write_table(table: &PageTable, out: &mut String) -> std::fmt::Result {
    if !table.caption.is_empty() {
        writeln!(out, "{}\n", escaped(&table.caption))?;
    }
    let line = |cells: &[String]| {
        let cells: Vec<String> = cells.iter().map(|cell| escaped(cell)).collect();
        format!("| {} |", cells.join(" | "))
    };
    writeln!(out, "{}", line(&table.columns))?;
    let rule: Vec<&str> = (0..table.columns.len())
        .map(|place| if place == 0 { "---" } else { "---:" })
        .collect();
    writeln!(out, "|{}|", rule.join("|"))?;
    for PageRow { cells, mark: _ } in &table.rows {
        writeln!(out, "{}", line(cells))?;
    }
    Ok(())
}

/// A text without what Markdown takes for markup.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '|' | '*' | '_' | '<' | '`' | '\\' | '[' => {
                out.push('\\');
                out.push(c);
            }
            '\n' => out.push(' '),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::page::RowMark;

    #[test]
    fn texts_cannot_break_a_table() {
        let mut document = PageDocument::default();
        document.table(PageTable {
            columns: vec!["a".to_owned(), "b|c".to_owned()],
            rows: vec![PageRow {
                mark: RowMark::Plain,
                cells: vec!["<x>".to_owned(), "1\n2".to_owned()],
            }],
            ..PageTable::default()
        });
        let text = markdown(&document);
        assert!(
            text.ends_with("| a | b\\|c |\n|---|---:|\n| \\<x> | 1 2 |\n"),
            "{text}"
        );
    }
}
