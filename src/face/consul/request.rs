//! Request to the API, without its body, and the checks that many operations begin with.

use std::net::{Ipv4Addr, SocketAddr};

use axum::body::Body;
use bytes::Bytes;
use http::header;
use http::request::Parts;
use http_body_util::{BodyExt, LengthLimitError, Limited};

use super::face::Face;
use super::reply::Reply;
use super::unsupported;
use crate::face::caller;
use crate::face::go::Query;
use crate::face::server::Connection;
use crate::model::{Caller, FaceName};

/// A request to the API, without its body.
#[derive(Debug)]
pub(super) struct ApiRequest<'a> {
    /// The face that serves it.
    pub(super) face: &'a Face,
    /// The client.
    pub(super) caller: Caller,
    /// The address at which the client reached the gateway.
    pub(super) local_address: SocketAddr,
    /// Method and headers.
    pub(super) parts: &'a Parts,
    /// The path after the endpoint's own: a key, an id, a name.
    pub(super) rest: &'a [u8],
    /// The parameters of the query.
    pub(super) query: Query,
}

impl<'a> ApiRequest<'a> {
    /// The request of these parts, whose path ends in `rest`.
    pub(super) fn new(face: &'a Face, parts: &'a Parts, rest: &'a [u8], query: Query) -> Self {
        let unknown = SocketAddr::from((Ipv4Addr::LOCALHOST, 8500));
        let connection = parts.extensions.get::<Connection>();
        Self {
            face,
            caller: caller::of(FaceName::Consul, &parts.extensions),
            local_address: connection.map_or(unknown, |connection| connection.local),
            parts,
            rest,
            query,
        }
    }

    /// Refuses namespaces, a feature of Consul Enterprise.
    pub(super) fn refuse_namespace(&self) -> Result<(), Reply> {
        let refused = |place: &str| {
            Reply::bad_request(format!(
                "Bad request: Invalid {place} - Namespaces are a Consul Enterprise feature"
            ))
        };
        let header = self.parts.headers.get("x-consul-namespace");
        if header.is_some_and(|value| !value.is_empty()) {
            return Err(refused("header: \"X-Consul-Namespace\""));
        }
        if !self.query.get("ns").is_empty() {
            return Err(refused("query parameter: \"ns\""));
        }
        Ok(())
    }

    /// Refuses filters, which are an expression language of their own.
    pub(super) fn refuse_filter(&self) -> Result<(), Reply> {
        if self.query.get("filter").is_empty() {
            return Ok(());
        }
        Err(Reply::bad_request("filter is not implemented by kubekv"))
    }

    /// Refuses every datacenter but the only one.
    pub(super) fn check_datacenter(&self) -> Result<(), Reply> {
        match self.query.get("dc") {
            b"" => Ok(()),
            dc if dc == self.face.datacenter.as_bytes() => Ok(()),
            _ => Err(Reply::internal_error("No path to datacenter")),
        }
    }

    /// The rest of the path as text. Bytes that are not UTF-8 are replaced: no name or id contains any.
    pub(super) fn rest_text(&self) -> String {
        String::from_utf8_lossy(self.rest).into_owned()
    }

    /// The body, of at most `limit` bytes; `option` is Consul's option for that limit.
    pub(super) async fn read_body(
        &self,
        body: Body,
        limit: usize,
        option: &str,
    ) -> Result<Bytes, Reply> {
        let length = self.content_length();
        if length
            .is_some_and(|length| usize::try_from(length).map_or(true, |length| length > limit))
        {
            return Err(unsupported::body_too_long(length, limit, option));
        }
        match Limited::new(body, limit).collect().await {
            // Copied: a body that arrived in one piece is a slice of the connection's buffer, and a small value that is
            // stored would keep the whole buffer alive.
            Ok(collected) => Ok(Bytes::copy_from_slice(&collected.to_bytes())),
            Err(error) if error.is::<LengthLimitError>() => {
                Err(unsupported::body_too_long(length, limit, option))
            }
            // Consul, too, answers 500 whatever went wrong.
            Err(error) => Err(Reply::internal_error(error.to_string())),
        }
    }

    fn content_length(&self) -> Option<u64> {
        self.parts
            .headers
            .get(header::CONTENT_LENGTH)?
            .to_str()
            .ok()?
            .parse()
            .ok()
    }
}
