//! A document as one HTML file: no scripts, and nothing that is fetched from elsewhere.

use std::fmt::Write;

use super::document::{PageBlock, PageDocument, PageTable, RowMark};

/// The style, for screens of any width, light and dark, and for paper.
const STYLE: &str = include_str!("style.css");

/// The colours, and the style of plots.
pub(super) const PLOT_STYLE: &str = include_str!("plot.css");

/// A text in a table that is longer than this, in characters, is no figure.
const WORDS: usize = 24;

/// The document as HTML.
pub fn html(document: &PageDocument) -> String {
    let title = escaped(&document.title);
    let mut out = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\" />\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\" />\n\
         <meta name=\"color-scheme\" content=\"light dark\" />\n<title>{title}</title>\n\
         <style>\n{PLOT_STYLE}{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n"
    );
    for block in &document.blocks {
        // Writing to a string does not fail.
        let _written = write_block(block, &mut out);
    }
    out.push_str("</main>\n</body>\n</html>\n");
    out
}

fn write_block(block: &PageBlock, out: &mut String) -> std::fmt::Result {
    match block {
        PageBlock::Heading(level, text) => {
            writeln!(out, "<h{level}>{}</h{level}>", escaped(text))
        }
        PageBlock::Text(text) => writeln!(out, "<p>{}</p>", escaped(text)),
        PageBlock::Warning(text) => {
            writeln!(out, "<p class=\"warning\">{}</p>", escaped(text))
        }
        PageBlock::List(texts) => {
            writeln!(out, "<ul>")?;
            for text in texts {
                writeln!(out, "<li>{}</li>", escaped(text))?;
            }
            writeln!(out, "</ul>")
        }
        PageBlock::Table(table) => write_table(table, out),
        PageBlock::Plot(caption, svg) => {
            let caption = match escaped(caption) {
                none if none.is_empty() => none,
                text => format!("<figcaption>{text}</figcaption>\n"),
            };
            writeln!(out, "<figure>\n{caption}{svg}</figure>")
        }
    }
}

fn write_table(table: &PageTable, out: &mut String) -> std::fmt::Result {
    // Wider than a phone: it scrolls by itself, and the page does not.
    writeln!(out, "<div class=\"wide\" tabindex=\"0\">\n<table>")?;
    if !table.caption.is_empty() {
        writeln!(out, "<caption>{}</caption>", escaped(&table.caption))?;
    }
    writeln!(out, "<thead>\n<tr>")?;
    for column in &table.columns {
        writeln!(out, "<th scope=\"col\">{}</th>", escaped(column))?;
    }
    writeln!(out, "</tr>\n</thead>\n<tbody>")?;
    for row in &table.rows {
        let class = match row.mark {
            RowMark::Plain => "",
            RowMark::Loses => " class=\"loses\"",
            RowMark::Missing => " class=\"missing\"",
        };
        writeln!(out, "<tr{class}>")?;
        let used = row.cells.iter().rposition(|cell| !cell.is_empty());
        let used = used.map_or(0, |last| last + 1);
        for (place, cell) in row.cells.iter().take(used).enumerate() {
            // The last text of a row has the place of the empty ones after it.
            let span = match row.cells.len() - used {
                more if more > 0 && place + 1 == used => format!(" colspan=\"{}\"", more + 1),
                _ => String::new(),
            };
            let class = match cell.chars().count() {
                long if long > WORDS && !cell.ends_with(')') => " class=\"words\"",
                _ => "",
            };
            match place {
                0 => writeln!(out, "<th scope=\"row\"{span}>{}</th>", escaped(cell))?,
                _ => writeln!(out, "<td{class}{span}>{}</td>", figure(cell))?,
            }
        }
        writeln!(out, "</tr>")?;
    }
    writeln!(out, "</tbody>\n</table>\n</div>")
}

/// A figure, with the lowest and the highest of its rounds on a line of their own.
fn figure(cell: &str) -> String {
    match cell.split_once(" (") {
        Some((median, rounds)) if rounds.ends_with(')') && rounds.contains(" to ") => {
            format!("{} <small>({}</small>", escaped(median), escaped(rounds))
        }
        Some(_) | None => escaped(cell),
    }
}

/// A text without what HTML takes for markup.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            other => out.push(other),
        }
    }
    out
}
