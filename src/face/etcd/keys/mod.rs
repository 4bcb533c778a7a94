//! `/v2/keys`: one operation a file.

mod answer;
mod compare_and_delete;
mod compare_and_swap;
mod create;
mod delete;
mod encode;
mod event;
mod find;
mod get;
mod in_order;
mod number;
mod past;
mod request;
mod set;
mod update;
mod watch;
mod watched;

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use http::header::CONTENT_TYPE;
use http::{Method, Request, Response};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use self::request::KeysRequest;
use super::error::{Code, Error, forbidden, not_committed};
use super::form::{Form, MAX_BODY};
use super::stats::Outcomes;
use super::{Face, reply};
use crate::face::http::Target;
use crate::face::{caller, gzip};
use crate::model::{Caller, FaceName};
use crate::space::{CommitError, Draft};

/// How long a change may take. Docker's client gives up after three seconds and may repeat what it asked for, so it is
/// told before that.
pub const PATIENCE: Duration = Duration::from_millis(2_500);

/// Answers one request; `key` is its path, without slashes at its ends.
pub(super) async fn serve(face: &Arc<Face>, key: &[u8], request: Request<Body>) -> Response<Body> {
    if let Some(refusal) = reply::unless_allowed(request.method(), "HEAD,GET,PUT,POST,DELETE") {
        return refusal;
    }
    let caller = caller::of(FaceName::Etcd2, request.extensions());
    let compressed = gzip::accepted(request.headers());
    let (method, asked) = match read(key, request).await {
        Ok(read) => read,
        // The request itself is wrong: etcd tells that at index 0.
        Err(error) => {
            let mut answer = error.answer(0);
            reply::set_cluster(&mut answer, &face.cluster_id());
            return answer;
        }
    };
    let reads = method == Method::GET || method == Method::HEAD;
    let mut answer = match method {
        _ if reads && find::is_hidden(&face.space.visibility(&caller), &asked.path) => forbidden(),
        Method::PUT => put(face, &caller, &asked).await,
        Method::POST => in_order::serve(face, &caller, &asked).await,
        Method::DELETE if asked.compares() => {
            compare_and_delete::serve(face, &caller, &asked).await
        }
        Method::DELETE => delete::serve(face, &caller, &asked).await,
        // As etcd does it: a read by quorum is a read, whatever else it asks for.
        Method::GET if asked.wait && !asked.quorum => watch::serve(face, &caller, &asked),
        _ => get::serve(face, &caller, &asked, compressed).await,
    };
    reply::set_cluster(&mut answer, &face.cluster_id());
    answer
}

async fn put(face: &Face, caller: &Caller, asked: &KeysRequest) -> Response<Body> {
    match asked.prev_exist {
        Some(false) => create::serve(face, caller, asked).await,
        Some(true) if !asked.compares() => update::serve(face, caller, asked).await,
        None if !asked.compares() => set::serve(face, caller, asked).await,
        Some(true) | None => compare_and_swap::serve(face, caller, asked).await,
    }
}

/// Reads a request whole.
async fn read(key: &[u8], request: Request<Body>) -> Result<(Method, KeysRequest), Error> {
    let (head, body) = request.into_parts();
    // Go reads forms from these two alone; a DELETE or a GET has none.
    let has_form = head.method == Method::PUT || head.method == Method::POST;
    let body = if has_form {
        collect(body).await?
    } else {
        Bytes::new()
    };
    let kind = head.headers.get(CONTENT_TYPE);
    let kind = kind.map_or(&b""[..], http::HeaderValue::as_bytes);
    let kind = if has_form { kind } else { b"" };
    let target = Target::of(&head.extensions, &head.uri);
    let form = Form::parse(kind, &body, target.query())
        .map_err(|bad| Error::new(Code::InvalidForm, bad.to_string()))?;
    let asked = KeysRequest::parse(key, &head.method, &form)?;
    Ok((head.method, asked))
}

async fn collect(body: Body) -> Result<Bytes, Error> {
    match Limited::new(body, MAX_BODY).collect().await {
        Ok(whole) => Ok(whole.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            Err(Error::new(Code::InvalidForm, "http: POST too large"))
        }
        Err(error) => Err(Error::new(Code::InvalidForm, error.to_string())),
    }
}

/// Makes a change and answers with the event it is; `name` is the action the client is told.
async fn change(
    face: &Face,
    caller: &Caller,
    asked: &KeysRequest,
    (name, outcomes): (&'static str, &Outcomes),
    decide: impl Fn(&mut Draft<'_>) -> Result<(), Error>,
) -> Response<Body> {
    let commit = face.space.commit(caller, decide);
    let Ok(done) = tokio::time::timeout(PATIENCE, commit).await else {
        // It may still be made: nothing is known, and the client must not take it for a no.
        outcomes.count(false);
        return Error::new(Code::RaftInternal, "etcdserver: request timed out").answer(0);
    };
    outcomes.count(done.is_ok());
    match done {
        Ok(done) => {
            let event = done
                .commit
                .as_deref()
                .and_then(|commit| event::of_write(commit, name));
            match event {
                Some(event) => answer::answer(&event, asked, done.revision),
                None => Error::new(Code::RaftInternal, "the change left no event").answer(0),
            }
        }
        Err(error) => {
            let revision = match &error {
                CommitError::Refused { revision, .. } => *revision,
                CommitError::Denied(_) | CommitError::Failed(_) => {
                    face.space.read(caller).revision()
                }
            };
            not_committed(error, revision)
        }
    }
}
