//! Linearizability checker: the model of an object, the search for a linearization, and the minimized counterexample.

pub mod counterexample;
pub mod model;
pub mod monotonic_indexes;
pub mod patch_history;
pub mod search;
mod search_tests;
