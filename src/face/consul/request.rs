//! Request to the API, without its body, and the checks that many operations begin with.

use std::net::{Ipv4Addr, SocketAddr};

use axum::body::Body;
use bytes::Bytes;
use http::header;
use http::request::Parts;
use http_body_util::BodyExt;

use super::commit_error;
use super::face::Face;
use super::reply::Reply;
use super::unsupported;
use crate::face::go::Query;
use crate::face::server::Connection;
use crate::model::{Caller, Flow, Key, Verb};

/// A request to the API, without its body.
#[derive(Debug)]
pub(super) struct ApiRequest<'a> {
    /// The face that serves it.
    pub(super) face: &'a Face,
    /// The client.
    pub(super) caller: Caller,
    /// The flow of its requests.
    pub(super) flow: Flow,
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
    /// The caller's request of these parts, whose path ends in `rest`.
    pub(super) fn new(
        face: &'a Face,
        caller: Caller,
        parts: &'a Parts,
        rest: &'a [u8],
        query: Query,
    ) -> Self {
        let unknown = SocketAddr::from((Ipv4Addr::LOCALHOST, 8500));
        let connection = parts.extensions.get::<Connection>();
        Self {
            face,
            flow: Flow::of(&caller),
            caller,
            local_address: connection.map_or(unknown, |connection| connection.local),
            parts,
            rest,
            query,
        }
    }

    /// Refuses the request unless this may be done with the key.
    pub(super) fn asks_for_key(&self, verb: Verb, key: &Key) -> Result<(), Reply> {
        let asked = self.face.space.asks_for_key(&self.caller, verb, key);
        asked.map_err(|denied| commit_error::denied(&denied))
    }

    /// Refuses the request unless this may be done with some key that has this prefix.
    pub(super) fn asks_for_prefix(&self, verb: Verb, prefix: &Key) -> Result<(), Reply> {
        let asked = self.face.space.asks_for_prefix(&self.caller, verb, prefix);
        asked.map_err(|denied| commit_error::denied(&denied))
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
        let promised = length.and_then(|length| usize::try_from(length).ok());
        match collect(body, limit, promised.unwrap_or(0)).await {
            Ok(body) => body.ok_or_else(|| unsupported::body_too_long(length, limit, option)),
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

/// The body, copied: a piece of it is a slice of the connection's buffer, and a small value that is stored would keep the
/// whole buffer alive. `None` where it is longer than the limit.
async fn collect(
    mut body: Body,
    limit: usize,
    promised: usize,
) -> Result<Option<Bytes>, axum::Error> {
    let mut collected = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(piece) = frame?.into_data() else {
            continue;
        };
        let length = collected.len() + piece.len();
        if length > limit {
            return Ok(None);
        }
        if length > collected.capacity() {
            // No more than as much again as has come: a promise of a long body takes no memory.
            let twice = length.saturating_mul(2);
            let room = if promised < length {
                twice
            } else {
                twice.min(promised)
            };
            collected.reserve_exact(room - collected.len());
        }
        collected.extend_from_slice(&piece);
    }
    collected.shrink_to_fit();
    Ok(Some(collected.into()))
}
