//! `/v1/kv/KEY`: reading, writing and deleting entries.

mod delete;
mod entry;
mod get;
mod keys;
mod list;
mod put;
pub(super) mod write;

use axum::body::Body;
use http::{Method, StatusCode};

use super::ask::Ask;
use super::options::Options;
use super::reply::{Answer, Reply};
use crate::model::Key;

pub(super) use entry::push_entry;

/// Any request for `/v1/kv/`, of a method the endpoint takes.
pub(super) async fn handle(ask: &Ask<'_>, method: &Method, body: Body) -> Answer {
    // Consul reads the options of a read from writes too, and so refuses there what it would refuse in a read.
    let options = Options::parse(ask)?;
    ask.no_namespace()?;
    match *method {
        Method::PUT => put::handle(ask, body).await,
        Method::DELETE => delete::handle(ask).await,
        _ if ask.query.has("keys") => keys::handle(ask, options).await,
        _ if ask.query.has("recurse") => list::handle(ask, options).await,
        _ => get::handle(ask, options).await,
    }
}

/// The key a request is about; there must be one.
fn key(ask: &Ask<'_>) -> Result<Key, Reply> {
    if ask.rest.is_empty() {
        return Err(Reply::bad_request("Missing key name"));
    }
    Ok(Key::user(ask.rest))
}

/// 404 with where the read stands, and no body.
fn not_found(index: u64) -> Reply {
    Reply::empty(StatusCode::NOT_FOUND).at(index)
}

/// Refuses more than one of these parameters.
fn check_conflicts(ask: &Ask<'_>, names: &[&str]) -> Result<(), Reply> {
    if names.iter().filter(|name| ask.query.has(name)).count() > 1 {
        let words = format!("Conflicting flags: {}", ask.query.encode());
        return Err(Reply::bad_request(words));
    }
    Ok(())
}

/// A parameter that is a number, where it is there. Consul answers 500 to what is none.
fn number(ask: &Ask<'_>, name: &str) -> Result<Option<u64>, Reply> {
    if !ask.query.has(name) {
        return Ok(None);
    }
    crate::face::go::parse_uint(ask.query.get(name))
        .map(Some)
        .map_err(|error| Reply::failed(error.to_string()))
}
