//! `GET /v1/catalog/datacenters`: the names of all datacenters.

use crate::face::consul::query_options::QueryOptions;
use crate::face::consul::reply::Reply;
use crate::face::consul::request::ApiRequest;
use crate::face::go::json_writer::push_strings;

/// Answers with the only datacenter.
pub(in crate::face::consul) fn serve(request: &ApiRequest<'_>) -> Result<Reply, Reply> {
    QueryOptions::parse_consistency(request)?;
    let mut body = Vec::new();
    push_strings(&mut body, [&request.face.datacenter]);
    Ok(Reply::json(body))
}
