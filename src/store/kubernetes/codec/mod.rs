//! Encoding of entries as objects of the API, and decoding.

pub(crate) mod decode;
pub(crate) mod journal;
pub(crate) mod name;
pub(crate) mod object;
pub(crate) mod spec;
