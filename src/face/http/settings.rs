//! Settings and state that all connections of one [`HttpProtocol`](super::HttpProtocol) share.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tokio::sync::Semaphore;

use super::answer::Date;
use super::limits::Limits;

/// What the connections of a protocol share.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) limits: Limits,
    /// Permits for long heads.
    pub(super) long_heads: Arc<Semaphore>,
    /// The refusal of gRPC calls; `None` refuses HTTP/2 altogether.
    pub(super) grpc_refusal: Option<&'static str>,
    /// Whether a refused gRPC client was logged already.
    pub(super) grpc_logged: AtomicBool,
    pub(super) date: Date,
}

impl Settings {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            long_heads: Arc::new(Semaphore::new(limits.long_heads)),
            grpc_refusal: None,
            grpc_logged: AtomicBool::new(false),
            date: Date::default(),
        }
    }
}
