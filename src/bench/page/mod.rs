//! The pages of a report: one document, written as Markdown and as one HTML file with its plots inside.

mod bars;
mod carried;
mod content;
mod differences;
mod document;
mod html;
mod lines;
mod markdown;
mod memory;
mod method;
mod model;
mod plot_style;
mod prediction;
mod security;
mod series;
mod summary;
mod tables;
mod units;

pub use content::document;
pub use document::{PageBlock, PageDocument, PageRow, PageTable, RowMark};
pub use html::html;
pub use markdown::markdown;
pub use summary::{headline_plot, summary};
