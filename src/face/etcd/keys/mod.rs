//! `/v2/keys`: reading, watching, writing and deleting nodes.

mod catch_up;
pub(super) mod change;
mod commit_events;
mod compare_and_delete;
mod compare_and_swap;
mod create;
mod delete;
mod directory;
mod encode;
mod event;
pub(super) mod event_cache;
mod event_node;
mod events_in_scope;
mod find;
mod get;
mod in_order;
mod key_order;
mod last_changes;
mod parameters;
mod set;
mod tree_weight;
mod update;
mod watch;
mod watch_scope;
mod watcher;
mod weight;

use axum::body::{Body, Bytes};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use self::parameters::Parameters;
use super::error::{V2Error, V2ErrorCode};
use super::reply::Reply;
use super::request::ApiRequest;
use super::{commit_error, overloaded};
use crate::face::audit;
use crate::face::go::MAX_BODY;
use crate::fairness::Cost;
use crate::model::Verb;

/// Answers a request of any method that the endpoint takes.
pub(super) async fn serve(request: &ApiRequest<'_>, body: Body) -> Result<Reply, Reply> {
    request.check_method("HEAD,GET,PUT,POST,DELETE")?;
    let reply = match parse(request, body).await {
        Ok(parameters) => {
            let answered = dispatch(request, &parameters).await;
            let reply = answered.unwrap_or_else(|refused| refused);
            if reads(&request.parts.method) {
                let verb = match (parameters.wait, parameters.recursive) {
                    (true, _) => Verb::Watch,
                    (false, true) => Verb::List,
                    (false, false) => Verb::Read,
                };
                let read = (verb, Some(parameters.path.as_bytes()));
                let answered = (reply.status(), StatusCode::UNAUTHORIZED);
                audit::record_read(&request.face.space, &request.caller, read, answered);
            }
            reply
        }
        Err(refused) => refused,
    };
    Ok(reply.cluster(&request.face.cluster_id()))
}

fn reads(method: &Method) -> bool {
    *method == Method::GET || *method == Method::HEAD
}

async fn dispatch(request: &ApiRequest<'_>, parameters: &Parameters) -> Result<Reply, Reply> {
    let method = &request.parts.method;
    let reads = reads(method);
    // As in etcd, a quorum read is a read, whatever else it asks for.
    let waits = *method == Method::GET && parameters.wait && !parameters.quorum;
    if reads && !waits {
        find::check_readable(&request.face.space, &request.caller, &parameters.path)
            .map_err(|_denied| commit_error::forbidden())?;
    }
    if !reads {
        weight::check_depth(&parameters.path)
            .map_err(|error| error.reply(request.face.space.read(&request.caller).revision()))?;
    }
    match *method {
        Method::PUT => match parameters.prev_exist {
            Some(false) => create::serve(request, parameters).await,
            Some(true) if !parameters.compares() => update::serve(request, parameters).await,
            None if !parameters.compares() => set::serve(request, parameters).await,
            Some(true) | None => compare_and_swap::serve(request, parameters).await,
        },
        Method::POST => in_order::serve(request, parameters).await,
        Method::DELETE if parameters.compares() => {
            compare_and_delete::serve(request, parameters).await
        }
        Method::DELETE => delete::serve(request, parameters).await,
        Method::GET if waits => watch::serve(request, parameters),
        _ => get::serve(request, parameters).await,
    }
}

/// Reads the body where the method has a form, and parses all parameters. The connection counts the body in its budget.
async fn parse(request: &ApiRequest<'_>, body: Body) -> Result<Parameters, Reply> {
    let method = &request.parts.method;
    // Go reads the forms of these two methods alone; a DELETE or a GET has none.
    let has_form = *method == Method::PUT || *method == Method::POST;
    let body = if has_form {
        read_body(body).await.map_err(|error| error.reply(0))?
    } else {
        Bytes::new()
    };
    let content_type = request.parts.headers.get(CONTENT_TYPE);
    let content_type = content_type
        .filter(|_| has_form)
        .map_or(&b""[..], HeaderValue::as_bytes);
    let cost = Cost::new(0, body.len() + request.query.len() + request.rest.len());
    let parsed = if cost.is_small() {
        Parameters::parse(request.rest, method, content_type, &body, request.query)
    } else {
        let (rest, query) = (request.rest.to_vec(), request.query.to_vec());
        let (method, content_type) = (method.clone(), content_type.to_vec());
        let parse = move || Parameters::parse(&rest, &method, &content_type, &body, &query);
        let run = request.face.fairness.run(request.flow(), cost, parse).await;
        run.map_err(overloaded::reply)?
    };
    // The request itself is wrong: etcd answers such errors with index 0.
    parsed.map_err(|error| error.reply(0))
}

async fn read_body(body: Body) -> Result<Bytes, V2Error> {
    match Limited::new(body, MAX_BODY).collect().await {
        Ok(whole) => Ok(whole.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            let cause = "http: POST too large";
            Err(V2Error::new(V2ErrorCode::InvalidForm, cause))
        }
        Err(error) => Err(V2Error::new(V2ErrorCode::InvalidForm, error.to_string())),
    }
}
