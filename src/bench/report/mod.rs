//! Reports of a run: JSON that can be merged, text, and comparisons of several.

mod compare;
mod docker;
mod machine;
mod merge;
mod progress_line;
mod result;
mod text;

pub use compare::{Comparison, Goal, compare};
pub use docker::DockerSummary;
pub use machine::Machine;
pub use merge::{NotMergeable, merge};
pub use progress_line::{fleet_progress_line, progress_line};
pub use result::{
    ClientResult, LatencySummary, LoadSummary, OperationResult, RunResult, ServerResult,
};
pub use text::text;
