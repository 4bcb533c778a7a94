//! The document of a report, before it is written in one form or another.

/// A report for readers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PageDocument {
    /// Its title.
    pub title: String,
    /// Its parts.
    pub blocks: Vec<PageBlock>,
}

/// A part of a document. Texts are plain, without any markup.
#[derive(Clone, Debug, PartialEq)]
pub enum PageBlock {
    /// A heading of a level from 2 on.
    Heading(u8, String),
    /// A paragraph.
    Text(String),
    /// A paragraph that nobody may overlook.
    Warning(String),
    /// Short texts.
    List(Vec<String>),
    /// A table.
    Table(PageTable),
    /// A plot: its caption, if it needs one, and the drawing as SVG.
    Plot(String, String),
}

/// A table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PageTable {
    /// Its title.
    pub caption: String,
    /// The names of its columns. The first is of texts, the others are of figures.
    pub columns: Vec<String>,
    /// Its rows.
    pub rows: Vec<PageRow>,
}

/// A row of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct PageRow {
    /// What is to be noticed.
    pub mark: RowMark,
    /// A text for each column.
    pub cells: Vec<String>,
}

/// What is to be noticed of a row. A text in the row says it, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowMark {
    /// Nothing.
    Plain,
    /// kubekv loses.
    Loses,
    /// It was not measured, or in vain.
    Missing,
}

impl PageDocument {
    /// Adds a heading.
    pub fn heading(&mut self, level: u8, text: impl Into<String>) {
        self.blocks.push(PageBlock::Heading(level, text.into()));
    }

    /// Adds a paragraph.
    pub fn text(&mut self, text: impl Into<String>) {
        self.blocks.push(PageBlock::Text(text.into()));
    }

    /// Adds a paragraph that nobody may overlook.
    pub fn warning(&mut self, text: impl Into<String>) {
        self.blocks.push(PageBlock::Warning(text.into()));
    }

    /// Adds short texts, if there are any.
    pub fn list(&mut self, texts: Vec<String>) {
        if !texts.is_empty() {
            self.blocks.push(PageBlock::List(texts));
        }
    }

    /// Adds a table, if it has rows.
    pub fn table(&mut self, table: PageTable) {
        if !table.rows.is_empty() {
            self.blocks.push(PageBlock::Table(table));
        }
    }

    /// Adds a plot.
    pub fn plot(&mut self, title: impl Into<String>, svg: String) {
        self.blocks.push(PageBlock::Plot(title.into(), svg));
    }
}
