//! `GET /v1/status/peers`: the addresses of all servers.

use crate::face::consul::query_options::QueryOptions;
use crate::face::consul::reply::Reply;
use crate::face::consul::request::ApiRequest;
use crate::face::go::json_writer::push_strings;

/// Answers with the address of this gateway alone.
pub(in crate::face::consul) fn serve(request: &ApiRequest<'_>) -> Result<Reply, Reply> {
    QueryOptions::parse(request)?;
    request.check_datacenter()?;
    let mut body = Vec::new();
    push_strings(&mut body, [request.local_address.to_string()]);
    Ok(Reply::json(body))
}
