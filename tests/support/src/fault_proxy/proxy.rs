//! The proxy itself: accepts requests, and forwards them or applies a rule.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use kube::client::Body;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::body::Piped;
use super::rules::{Action, Rule};
use super::watches::deliver;
use super::{Seen, State};

pub(super) async fn serve(listener: TcpListener, state: Arc<State>) -> ! {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        // Small packets must not wait for one another.
        stream.set_nodelay(true).unwrap();
        let state = Arc::clone(&state);
        let service = service_fn(move |request| answer(Arc::clone(&state), request));
        tokio::spawn(async move {
            let connection = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service);
            // Either side may break off.
            let _ended = connection.await;
        });
    }
}

async fn answer(state: Arc<State>, request: Request<Incoming>) -> io::Result<Response<Piped>> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let uri = parts.uri.to_string();
    state.seen.lock().push(Seen {
        method: parts.method.clone(),
        uri: uri.clone(),
        body: String::from_utf8_lossy(&body).into_owned(),
    });
    let rules = state.rules.lock().clone();
    let rule = rules
        .into_iter()
        .find(|rule| rule.applies(&parts.method, &uri, &body));
    // Its sender may leave; what becomes of it is not up to that.
    let (sender, answered) = oneshot::channel();
    tokio::spawn(async move {
        let answer = treat(&state, rule, parts, body).await;
        let _gone = sender.send(answer);
    });
    answered
        .await
        .unwrap_or_else(|_| Err(io::Error::other("dropped")))
}

async fn treat(
    state: &Arc<State>,
    rule: Option<Rule>,
    parts: Parts,
    body: Bytes,
) -> io::Result<Response<Piped>> {
    let Some(rule) = rule else {
        return forward(state, None, parts, body).await;
    };
    match rule.action.clone() {
        Action::Hold => {
            rule.until_released().await;
            forward(state, Some(&rule), parts, body).await
        }
        Action::HoldAnswer => {
            let answer = forward(state, Some(&rule), parts, body).await;
            rule.until_released().await;
            answer
        }
        Action::Drop => Err(io::Error::other("dropped")),
        Action::DropAnswer => {
            forward(state, Some(&rule), parts, body).await?;
            Err(io::Error::other("dropped"))
        }
        Action::Note => forward(state, Some(&rule), parts, body).await,
        Action::TimeOut => {
            let state = Arc::clone(state);
            tokio::spawn(async move {
                rule.until_released().await;
                forward(&state, Some(&rule), parts, body).await
            });
            let body = Piped::whole(Bytes::from_static(b"{}"));
            Ok(Response::builder().status(504).body(body).unwrap())
        }
        Action::Answer {
            status,
            headers,
            body,
        } => {
            let mut answer = Response::builder()
                .status(status)
                .header("content-type", "application/json");
            for (name, value) in headers {
                answer = answer.header(name, value);
            }
            Ok(answer.body(Piped::whole(body.into())).unwrap())
        }
    }
}

async fn forward(
    state: &Arc<State>,
    rule: Option<&Rule>,
    mut parts: Parts,
    body: Bytes,
) -> io::Result<Response<Piped>> {
    let is_watch = parts.uri.to_string().contains("watch=true");
    for name in ["host", "connection", "authorization"] {
        parts.headers.remove(name);
    }
    let request = Request::from_parts(parts, Body::from(body.to_vec()));
    let answer = state.client.send(request).await.map_err(io::Error::other)?;
    if let Some(rule) = rule {
        rule.answers.lock().push(answer.status().as_u16());
    }
    let (mut parts, body) = answer.into_parts();
    for name in ["connection", "transfer-encoding", "content-length"] {
        parts.headers.remove(name);
    }
    let piped = if is_watch && parts.status.is_success() {
        let (sender, piped) = Piped::new(None);
        tokio::spawn(deliver(Arc::clone(state), body, sender));
        piped
    } else {
        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
        Piped::whole(body)
    };
    Ok(Response::from_parts(parts, piped))
}
