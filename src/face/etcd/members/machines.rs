//! `GET /v2/machines`: the addresses of `/v2/members`, for older clients.

use http::StatusCode;
use http::request::Parts;

use super::client_urls::client_urls;
use crate::face::etcd::reply::Reply;
use crate::face::etcd::request::check_method;

/// Answers with the client URLs, as text.
pub(in crate::face::etcd) fn serve(advertise: &[String], parts: &Parts) -> Result<Reply, Reply> {
    check_method(&parts.method, "GET,HEAD")?;
    let urls = client_urls(advertise, parts).join(", ");
    Ok(Reply::text(StatusCode::OK, urls))
}
