//! Audit log: who changed, saw or was refused what, one JSON line each. It never holds a value or a secret.

mod change;
mod file;
mod line;
mod log;
mod metrics;
mod queue;
#[cfg(test)]
mod tests;
mod who;
mod writer;

pub use file::AuditDestination;
pub use log::{AuditLog, AuditLogError};
pub use who::{AuditedClient, IdentityLookup, NoPolicyLookup};
