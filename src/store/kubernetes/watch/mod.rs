//! The watch of the namespace: opened, parsed, and streamed as log events.

mod event;
pub(crate) mod open;
mod stream;
