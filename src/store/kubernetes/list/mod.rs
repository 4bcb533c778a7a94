//! Full lists: all objects at one resourceVersion, and the entries reconstructed from them.

pub(crate) mod compare;
#[cfg(test)]
mod fake_api_server;
mod first;
#[cfg(test)]
mod list_equals_watch;
pub(crate) mod load;
mod pages;
mod reconstruct;
mod rewind;
