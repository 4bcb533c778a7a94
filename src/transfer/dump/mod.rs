//! Dumps: entries in a file of JSON lines. The first line names the format, the last one has a count and a checksum of all
//! lines before it.

mod format;
mod parse;
#[cfg(test)]
mod tests;
mod write;

pub(super) use parse::parse;
pub use write::write;
