//! Shared state: the limits, permits and cached date that all connections of one [`HttpProtocol`](super::HttpProtocol) share.

use std::sync::atomic::AtomicBool;

use axum::body::Body;
use http::Response;
use tokio::sync::Semaphore;

use super::answer::Date;
use super::hosts::AllowedHosts;
use super::limits::HttpLimits;
use super::long_heads::LongHeads;
use super::send::LINGERING;
use crate::fairness::{Fairness, Overloaded};

/// How a face says that it is overloaded.
pub type OverloadAnswer = fn(Overloaded) -> Response<Body>;

/// What the connections of a protocol share.
#[derive(Debug)]
pub(super) struct SharedState {
    pub(super) limits: HttpLimits,
    /// The names by which clients may address the gateway.
    pub(super) hosts: AllowedHosts,
    /// The answer to a connection that is one too many of its address.
    pub(super) too_many_connections: Option<&'static [u8]>,
    /// The budget of request bodies, and the answer where it has too little left.
    pub(super) bodies: Option<(Fairness, OverloadAnswer)>,
    /// Permits for long heads.
    pub(super) long_heads: LongHeads,
    /// Permits for reading what clients still send before they are closed.
    pub(super) lingering: Semaphore,
    /// The refusal of gRPC calls; `None` refuses HTTP/2 altogether.
    pub(super) grpc_refusal: Option<&'static str>,
    /// Whether a refused gRPC client was logged already.
    pub(super) grpc_logged: AtomicBool,
    pub(super) date: Date,
}

impl SharedState {
    pub(super) fn new(limits: HttpLimits) -> Self {
        Self {
            limits,
            hosts: AllowedHosts::default(),
            too_many_connections: None,
            bodies: None,
            long_heads: LongHeads::new(limits.long_heads),
            lingering: Semaphore::new(LINGERING),
            grpc_refusal: None,
            grpc_logged: AtomicBool::new(false),
            date: Date::default(),
        }
    }
}
