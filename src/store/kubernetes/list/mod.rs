//! Full lists: the entries reconstructed from all objects at one resourceVersion.

pub(crate) mod compare;
#[cfg(test)]
mod list_equals_watch;
pub(crate) mod reconstruct;
