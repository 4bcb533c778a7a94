//! Reports of a run: JSON that can be merged, text, and comparisons of several.

mod compare;
mod docker;
mod fleet;
mod machine;
mod merge;
mod operation;
mod progress_line;
mod result;
mod text;

pub use compare::{Comparison, Goal, compare};
pub use docker::DockerSummary;
pub use machine::Machine;
pub use merge::{NotMergeable, merge};
pub use operation::{LatencySummary, OperationResult};
pub use progress_line::{fleet_progress_line, progress_line};
pub use result::{ClientResult, LoadSummary, RunResult, ServerResult};
pub use text::text;
