//! One request, taken apart.

use std::net::{Ipv4Addr, SocketAddr};

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, header, request};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use super::go::Query;
use super::reply::Reply;
use super::{Consul, Face};
use crate::face::caller;
use crate::face::http::Connection;
use crate::face::list_cache::ListCache;
use crate::model::{Caller, FaceName};

/// A request without its body.
#[derive(Debug)]
pub(super) struct Ask<'a> {
    /// What the face works on.
    pub(super) face: &'a Consul,
    /// Its long lists, encoded.
    pub(super) kept: &'a ListCache,
    /// The index of every list of the catalog and of health.
    pub(super) catalog_index: u64,
    /// Who asks.
    pub(super) caller: Caller,
    /// The address the client reached us at.
    pub(super) here: SocketAddr,
    /// What follows the endpoint in the path.
    pub(super) rest: &'a [u8],
    /// The parameters.
    pub(super) query: Query,
    /// The headers.
    pub(super) headers: &'a HeaderMap,
}

/// The body is longer than allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooLong {
    /// Its length in bytes, where the client said it.
    pub(super) said: Option<u64>,
}

impl<'a> Ask<'a> {
    /// Takes a request apart.
    pub(super) fn new(
        face: &'a Face,
        parts: &'a request::Parts,
        rest: &'a [u8],
        query: Query,
    ) -> Self {
        let nowhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 8500));
        let connection = parts.extensions.get::<Connection>();
        Self {
            face: &face.consul,
            kept: &face.kept,
            catalog_index: face.catalog_index,
            caller: caller::of(FaceName::Consul, &parts.extensions),
            here: connection.map_or(nowhere, |connection| connection.local),
            rest,
            query,
            headers: &parts.headers,
        }
    }

    /// Refuses namespaces, which Consul sells.
    pub(super) fn no_namespace(&self) -> Result<(), Reply> {
        let refused = |what: &str| {
            Reply::bad_request(format!(
                "Bad request: Invalid {what} - Namespaces are a Consul Enterprise feature"
            ))
        };
        let header = self.headers.get("x-consul-namespace");
        if header.is_some_and(|value| !value.is_empty()) {
            return Err(refused("header: \"X-Consul-Namespace\""));
        }
        if !self.query.get("ns").is_empty() {
            return Err(refused("query parameter: \"ns\""));
        }
        Ok(())
    }

    /// Refuses other datacenters: there is one.
    pub(super) fn this_datacenter(&self) -> Result<(), Reply> {
        match self.query.get("dc") {
            b"" => Ok(()),
            dc if dc == self.face.datacenter.as_bytes() => Ok(()),
            _ => Err(Reply::failed("No path to datacenter")),
        }
    }

    /// What follows the endpoint, as text; bytes that are not UTF-8 are replaced, as they match nothing there.
    pub(super) fn rest_text(&self) -> String {
        String::from_utf8_lossy(self.rest).into_owned()
    }

    /// The length of the body, where the client said it.
    pub(super) fn said_length(&self) -> Option<u64> {
        self.headers
            .get(header::CONTENT_LENGTH)?
            .to_str()
            .ok()?
            .parse()
            .ok()
    }

    /// Reads the body, up to a limit in bytes.
    pub(super) async fn read(
        &self,
        body: Body,
        limit: usize,
    ) -> Result<Result<Bytes, TooLong>, Reply> {
        let said = self.said_length();
        if said.is_some_and(|said| usize::try_from(said).map_or(true, |said| said > limit)) {
            return Ok(Err(TooLong { said }));
        }
        match Limited::new(body, limit).collect().await {
            // Copied: what came in one piece is a part of the connection's buffer, which a small value that is kept
            // would keep whole.
            Ok(collected) => Ok(Ok(Bytes::copy_from_slice(&collected.to_bytes()))),
            Err(error) if error.is::<LengthLimitError>() => Ok(Err(TooLong { said })),
            // As Consul tells whatever goes wrong.
            Err(error) => Err(Reply::failed(error.to_string())),
        }
    }
}
