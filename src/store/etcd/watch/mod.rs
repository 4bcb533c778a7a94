//! The watch of the whole prefix.

pub(crate) mod begin;
pub(crate) mod stream;
