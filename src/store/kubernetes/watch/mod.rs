//! The watch of the namespace: opened, parsed, and streamed as log events.

pub(crate) mod changes;
mod event;
pub(crate) mod open;
mod stream;
