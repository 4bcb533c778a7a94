//! Benchmarks of the code that most requests run, without sockets: `cargo bench`, or one with `cargo bench -- NAME`.

#![allow(
    missing_docs,
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::panic,
    clippy::as_conversions,
    reason = "a measurement that cannot go on fails"
)]

mod faces;
mod gateway;
mod layers;
mod stores;

criterion::criterion_group!(hot_paths, faces::requests, layers::puts, stores::commits);
criterion::criterion_main!(hot_paths);
