//! Callers of the faces: the one place where a request is given its caller.

use std::net::{Ipv4Addr, SocketAddr};

use http::Extensions;

use super::server::Connection;
use crate::model::{Caller, FaceName, Principal};

/// The caller of a request that came by this face, from what the server put beside the request: the connection, and the
/// principal where the client proved one. Nothing the client writes into its request counts.
pub(super) fn of(face: FaceName, beside: &Extensions) -> Caller {
    let nowhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
    let connection = beside.get::<Connection>();
    Caller::Client {
        face,
        peer: connection.map_or(nowhere, |connection| connection.peer),
        principal: beside.get::<Principal>().cloned().unwrap_or_default(),
    }
}
