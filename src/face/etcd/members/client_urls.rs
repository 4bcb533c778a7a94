//! Client URLs: the addresses that clients are to use.

use http::HeaderValue;
use http::header::HOST;
use http::request::Parts;
use http::uri::Authority;

use crate::face::etcd::request::{local_address, scheme};

/// The configured addresses, otherwise the one at which this client reached the gateway.
pub(super) fn client_urls(advertise: &[String], parts: &Parts) -> Vec<String> {
    if !advertise.is_empty() {
        return advertise.to_vec();
    }
    let host = parts.headers.get(HOST).map(HeaderValue::as_bytes);
    let authority = host
        .and_then(|host| Authority::try_from(host).ok())
        .filter(|host| !host.host().is_empty() && !host.as_str().contains('@'))
        .map_or_else(|| local_address(parts).to_string(), |host| host.to_string());
    vec![format!("{}://{authority}", scheme(parts))]
}
