//! The pace of a load: when requests are due, whether or not earlier ones were answered (open loop).

mod pacer;
mod schedule;
mod timer;

pub use pacer::Pacer;
pub use schedule::{Arrivals, Schedule};
