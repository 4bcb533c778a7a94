//! Callers of the faces: the one place where a request is given its caller.

use std::net::{Ipv4Addr, SocketAddr};

use http::Extensions;

use super::server::Connection;
use crate::model::{Caller, Credentials, FaceName, ShownSecrets};

/// The caller of a request that came by this face, from what the server put beside the request: its connection. Nothing the
/// client writes into its request counts, but for the secrets that the guard checks (`authentication/mod.rs`).
pub(super) fn of(face: FaceName, beside: &Extensions) -> Caller {
    match beside.get::<Connection>() {
        Some(connection) => of_connection(face, connection),
        None => Caller::Client {
            face,
            peer: SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
            credentials: Credentials::default(),
        },
    }
}

/// The caller of every request that comes by this connection.
pub(super) fn of_connection(face: FaceName, connection: &Connection) -> Caller {
    Caller::Client {
        face,
        peer: connection.peer,
        credentials: Credentials {
            certificate: connection.client_certificate().cloned(),
            secrets: ShownSecrets::default(),
            held_token: None,
            flow: connection.flow.clone(),
        },
    }
}
