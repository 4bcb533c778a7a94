//! Admission of changes: bounds on their size. Who is calling is not asked yet.

mod bounds;

pub use bounds::Bounds;
