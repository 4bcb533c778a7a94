//! The linearizability checker: model, search and counterexample.

pub mod counterexample;
pub mod model;
pub mod monotonic_indexes;
pub mod search;
mod search_tests;
