//! Request to the API, without its body, and the checks that many operations begin with.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use http::Method;
use http::request::Parts;

use super::face::Face;
use super::reply::Reply;
use crate::face::server::Connection;
use crate::model::{Caller, Flow};

/// A request to the API, without its body.
///
/// Operations that a member without a leader answers too take no such request, only the parts they read.
#[derive(Debug)]
pub(super) struct ApiRequest<'a> {
    /// The face that serves it.
    pub(super) face: &'a Arc<Face>,
    /// The client.
    pub(super) caller: Caller,
    /// Method and headers.
    pub(super) parts: &'a Parts,
    /// The path after the area's own: a key, a member, a user.
    pub(super) rest: &'a [u8],
    /// The query, still encoded.
    pub(super) query: &'a [u8],
}

impl<'a> ApiRequest<'a> {
    /// The caller's request of these parts, whose path ends in `rest`.
    pub(super) fn new(
        face: &'a Arc<Face>,
        caller: Caller,
        parts: &'a Parts,
        rest: &'a [u8],
        query: &'a [u8],
    ) -> Self {
        Self {
            face,
            caller,
            parts,
            rest,
            query,
        }
    }

    /// Whose work it is.
    pub(super) fn flow(&self) -> Flow {
        Flow::of(&self.caller)
    }

    /// Refuses every method that is not in this list.
    pub(super) fn check_method(&self, allowed: &'static str) -> Result<(), Reply> {
        check_method(&self.parts.method, allowed)
    }
}

/// Refuses every method that is not in this list.
pub(super) fn check_method(method: &Method, allowed: &'static str) -> Result<(), Reply> {
    if allowed.split(',').any(|one| one == method.as_str()) {
        return Ok(());
    }
    Err(Reply::method_not_allowed(allowed))
}

/// The address at which the client reached the gateway.
pub(super) fn local_address(parts: &Parts) -> SocketAddr {
    let unknown = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
    let connection = parts.extensions.get::<Connection>();
    connection.map_or(unknown, |connection| connection.local)
}

/// The scheme of URLs by which this client reaches the gateway.
pub(super) fn scheme(parts: &Parts) -> &'static str {
    let connection = parts.extensions.get::<Connection>();
    connection.map_or("http", |connection| connection.security.scheme())
}
