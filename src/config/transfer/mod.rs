//! Source and target of `kubekv export` and `kubekv import` (`--from`, `--to`).

mod bench;
mod options;
mod source;
mod target;

pub use bench::{BENCH_OPTIONS, BENCH_TARGET, BenchUrl, bench_target};
pub use options::TRANSFER_OPTIONS;
pub use source::{SourceAccess, SourceUrl, source};
pub use target::target;
