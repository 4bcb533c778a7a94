//! Who is calling, what may they touch, is it well-formed.

mod bounds;

pub use bounds::Bounds;
