//! The watch of the whole prefix.

pub(crate) mod open;
pub(crate) mod stream;
