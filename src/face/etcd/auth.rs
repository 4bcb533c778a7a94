//! `/v2/auth`: etcd's users and roles, as a server answers on which nobody has turned them on.

use axum::body::Body;
use http::{Method, Response, StatusCode};

use super::{Face, reply, unsupported};

/// The one role etcd has before any is made.
const ROOT: &str = r#"{"role":"root","permissions":{"kv":{"read":["/*"],"write":["/*"]}}}"#;

/// Answers what is asked beneath `/v2/auth/`.
pub(super) fn serve(face: &Face, what: &[u8], method: &Method) -> Response<Body> {
    let text = String::from_utf8_lossy(what);
    let (kind, name) = text.split_once('/').unwrap_or((text.as_ref(), ""));
    let allowed = match (kind, name) {
        ("users" | "roles", "") => "GET",
        ("users" | "roles", _) => "GET,PUT,DELETE",
        _ if what == b"enable" => "GET,PUT,DELETE",
        _ => return reply::not_found(),
    };
    if name.contains('/') {
        return reply::message(StatusCode::BAD_REQUEST, "Invalid path");
    }
    if let Some(refusal) = reply::unless_allowed(method, allowed) {
        return refusal;
    }
    let mut answer = if *method == Method::GET {
        read(kind, name)
    } else {
        unsupported::auth()
    };
    reply::set_cluster(&mut answer, &face.cluster_id());
    answer
}

fn read(kind: &str, name: &str) -> Response<Body> {
    let found = |body: String| reply::json(StatusCode::OK, body);
    match (kind, name) {
        ("enable", _) => found("{\"enabled\":false}\n".to_owned()),
        ("users", "") => found("{\"users\":null}\n".to_owned()),
        ("users", user) => {
            let text = format!("auth: User {user} does not exist.");
            reply::message(StatusCode::NOT_FOUND, &text)
        }
        (_, "") => found(format!("{{\"roles\":[{ROOT}]}}\n")),
        (_, "root") => found(format!("{ROOT}\n")),
        (_, role) => {
            let text = format!("auth: Role {role} does not exist.");
            reply::message(StatusCode::NOT_FOUND, &text)
        }
    }
}
