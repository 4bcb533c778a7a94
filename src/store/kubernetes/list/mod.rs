//! Full lists: all objects at one resourceVersion, and the entries reconstructed from them.

pub(crate) mod compare;
#[cfg(test)]
mod list_equals_watch;
pub(crate) mod load;
mod pages;
mod reconstruct;
