//! Answers to requests that are not served: access control, endpoints that kubekv does not have, bad paths, long
//! bodies.

use http::{HeaderValue, StatusCode, header};

use super::reply::Reply;

/// The page of Consul's documentation that explains the limits.
const OPTIONS_PAGE: &str = "https://www.consul.io/docs/agent/options.html";

/// Access control of Consul's own: off, in its words, unless the gateway has a policy in its place.
pub(super) fn acl(pattern: &str, has_policy: bool) -> Reply {
    if has_policy {
        let text = format!(
            "{pattern} is not implemented by kubekv: what clients may do is said by the gateway's policy (--policy)"
        );
        return Reply::text(StatusCode::NOT_IMPLEMENTED, text);
    }
    Reply::text(StatusCode::UNAUTHORIZED, "ACL support disabled")
}

/// An endpoint that Consul has and kubekv has not.
pub(super) fn endpoint(pattern: &str) -> Reply {
    let text = format!("{pattern} is not implemented by kubekv");
    Reply::text(StatusCode::NOT_IMPLEMENTED, text)
}

/// A path with `.` or `..`, with a method that is not redirected.
pub(super) fn dots() -> Reply {
    Reply::bad_request(
        "a path with \".\" or \"..\" in it is never acted on by kubekv; send the path that is meant",
    )
}

/// A path that lacks only the slash at its end, with a method that is not redirected.
pub(super) fn missing_slash(pattern: &str) -> Reply {
    let text = format!(
        "a path without the slash at the end of {pattern} is never acted on by kubekv; send the path that is meant"
    );
    Reply::bad_request(text)
}

/// 404 in the words of Go's multiplexer.
pub(super) fn no_page() -> Reply {
    let nosniff = HeaderValue::from_static("nosniff");
    Reply::text(StatusCode::NOT_FOUND, "404 page not found\n")
        .header(header::X_CONTENT_TYPE_OPTIONS, nosniff)
}

/// 413 in Consul's words; `length` is the body's `Content-Length`, where the client sent one.
pub(super) fn body_too_long(length: Option<u64>, limit: usize, option: &str) -> Reply {
    let size = length
        .map(|length| format!("({length} bytes)"))
        .unwrap_or_default();
    let text = format!(
        "Request body{size} too large, max size: {limit} bytes. See {OPTIONS_PAGE}#{option}."
    );
    Reply::text(StatusCode::PAYLOAD_TOO_LARGE, text)
}
