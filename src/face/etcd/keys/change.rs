//! Answering a change that was made.

use axum::body::Body;
use http::{Response, StatusCode};

use super::encode::push_event;
use super::event::Event;
use super::parameters::KeysRequest;
use crate::face::etcd::reply;

/// The answer to a change: its event, 201 where it made the node.
pub(super) fn answer(event: &Event, asked: &KeysRequest, revision: u64) -> Response<Body> {
    let made = event.action == "create" || (event.action == "set" && event.prev.is_none());
    let status = if made {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    let wrote = matches!(event.action, "set" | "compareAndSwap" | "create" | "update");
    let mut body = Vec::with_capacity(256);
    if asked.no_value_on_success && wrote {
        body.extend_from_slice(format!("{{\"action\":\"{}\"}}\n", event.action).as_bytes());
    } else {
        push_event(&mut body, event);
    }
    let mut answer = reply::json(status, body);
    reply::set_position(&mut answer, revision);
    answer
}
