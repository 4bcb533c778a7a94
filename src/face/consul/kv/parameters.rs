//! Parameters of the key/value operations: the key, numbers, flags that exclude each other.

use http::StatusCode;

use crate::face::consul::commit_error;
use crate::face::consul::query_options::QueryOptions;
use crate::face::consul::reply::Reply;
use crate::face::consul::request::ApiRequest;
use crate::face::go::parse_uint;
use crate::model::{Key, Realm};
use crate::space::Denied;

/// The key in the path; 400 where there is none.
pub(super) fn key(request: &ApiRequest<'_>) -> Result<Key, Reply> {
    if request.rest.is_empty() {
        return Err(Reply::bad_request("Missing key name"));
    }
    Ok(Key::user(request.rest))
}

/// Answers a read of a key or prefix that is longer than any key can be. Nothing is there, ever; and a query does not wait for
/// it, which would hold its megabyte of path.
pub(super) fn check_length(request: &ApiRequest<'_>, options: QueryOptions) -> Result<(), Reply> {
    let space = &request.face.space;
    let (len, limit) = (request.rest.len(), space.limits().longest_key(Realm::User));
    if len <= limit {
        return Ok(());
    }
    if options.index > 0 {
        return Err(commit_error::denied(&Denied::KeyTooLong { len, limit }));
    }
    Err(not_found(space.read(&request.caller).index_floor()))
}

/// The number in a parameter, where it is given; 500 where it is no number, as in Consul.
pub(super) fn number(request: &ApiRequest<'_>, name: &str) -> Result<Option<u64>, Reply> {
    if !request.query.has(name) {
        return Ok(None);
    }
    parse_uint(request.query.get(name))
        .map(Some)
        .map_err(|error| Reply::internal_error(error.to_string()))
}

/// Refuses requests with more than one of these parameters.
pub(super) fn check_conflicts(request: &ApiRequest<'_>, names: &[&str]) -> Result<(), Reply> {
    if names.iter().filter(|name| request.query.has(name)).count() > 1 {
        let text = format!("Conflicting flags: {}", request.query.encode());
        return Err(Reply::bad_request(text));
    }
    Ok(())
}

/// 404 without a body, with the index at which nothing was found.
pub(super) fn not_found(index: u64) -> Reply {
    Reply::empty(StatusCode::NOT_FOUND).index(index)
}
