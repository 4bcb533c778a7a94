//! The watch of the whole prefix.

pub(crate) mod stream;
