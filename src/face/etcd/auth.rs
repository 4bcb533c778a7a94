//! `/v2/auth`: users and roles, as an etcd answers where authentication was never enabled.

use http::{Method, StatusCode};

use super::reply::Reply;
use super::request::ApiRequest;
use super::unsupported;

/// The role that every etcd has from the start.
const ROOT: &str = r#"{"role":"root","permissions":{"kv":{"read":["/*"],"write":["/*"]}}}"#;

/// Answers a request beneath `/v2/auth/`.
pub(super) fn serve(request: &ApiRequest<'_>) -> Result<Reply, Reply> {
    let text = String::from_utf8_lossy(request.rest);
    let (kind, name) = text.split_once('/').unwrap_or((text.as_ref(), ""));
    let allowed = match (kind, name) {
        ("users" | "roles", "") => "GET",
        ("users" | "roles", _) => "GET,PUT,DELETE",
        _ if request.rest == b"enable" => "GET,PUT,DELETE",
        _ => return Err(Reply::not_found()),
    };
    if name.contains('/') {
        return Err(Reply::message(StatusCode::BAD_REQUEST, "Invalid path"));
    }
    request.check_method(allowed)?;
    let reply = if request.parts.method == Method::GET {
        read(kind, name)
    } else {
        unsupported::auth()
    };
    Ok(reply.cluster(&request.face.cluster_id()))
}

fn read(kind: &str, name: &str) -> Reply {
    let found = |body: String| Reply::json(StatusCode::OK, body);
    match (kind, name) {
        ("enable", _) => found("{\"enabled\":false}\n".to_owned()),
        ("users", "") => found("{\"users\":null}\n".to_owned()),
        ("users", user) => {
            let text = format!("auth: User {user} does not exist.");
            Reply::message(StatusCode::NOT_FOUND, &text)
        }
        (_, "") => found(format!("{{\"roles\":[{ROOT}]}}\n")),
        (_, "root") => found(format!("{ROOT}\n")),
        (_, role) => {
            let text = format!("auth: Role {role} does not exist.");
            Reply::message(StatusCode::NOT_FOUND, &text)
        }
    }
}
