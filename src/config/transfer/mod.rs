//! Source and target of `kubekv export` and `kubekv import` (`--from`, `--to`).

mod options;
mod source;
mod target;

pub use options::TRANSFER_OPTIONS;
pub use source::{SourceAccess, SourceUrl, source};
pub use target::target;
