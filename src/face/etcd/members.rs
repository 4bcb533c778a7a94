//! `/v2/members`: the address a client is to use. Docker's client asks at once and every five minutes, and uses from
//! then on what it is told (docker/libkv#149, moby#35859).

use axum::body::Body;
use http::header::HOST;
use http::uri::Authority;
use http::{Method, Request, Response, StatusCode};

use super::{Face, MEMBER_NAME, PEER_URL, connection, refused, reply};
use crate::face::go::push_json_string;

/// Answers `/v2/members` and what is beneath.
pub(super) fn serve(face: &Face, which: &[u8], request: &Request<Body>) -> Response<Body> {
    if let Some(refusal) = reply::unless_allowed(request.method(), "GET,POST,DELETE,PUT") {
        return refusal;
    }
    let mut answer = if *request.method() == Method::GET {
        read(face, which, request)
    } else {
        refused::members()
    };
    reply::set_cluster(&mut answer, &face.cluster_id());
    answer
}

fn read(face: &Face, which: &[u8], request: &Request<Body>) -> Response<Body> {
    let mut body = Vec::with_capacity(160);
    match which {
        b"" => {
            body.extend_from_slice(br#"{"members":["#);
            push_member(&mut body, face, request);
            body.extend_from_slice(b"]}\n");
        }
        b"leader" => {
            push_member(&mut body, face, request);
            body.push(b'\n');
        }
        _ => return reply::message(StatusCode::NOT_FOUND, "Not found"),
    }
    reply::json(StatusCode::OK, body)
}

fn push_member(out: &mut Vec<u8>, face: &Face, request: &Request<Body>) {
    let id = face.member_id();
    out.extend_from_slice(
        format!(r#"{{"id":"{id}","name":"{MEMBER_NAME}","peerURLs":["{PEER_URL}"],"clientURLs":["#)
            .as_bytes(),
    );
    for (place, url) in client_urls(&face.advertise, request).iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        push_json_string(out, url.as_bytes());
    }
    out.extend_from_slice(b"]}");
}

/// The addresses clients are told to use: those configured, else the one this client came by.
pub(super) fn client_urls(advertise: &[String], request: &Request<Body>) -> Vec<String> {
    if !advertise.is_empty() {
        return advertise.to_vec();
    }
    let named = request.headers().get(HOST).map(http::HeaderValue::as_bytes);
    let authority = named
        .and_then(|host| Authority::try_from(host).ok())
        .filter(|host| !host.host().is_empty() && !host.as_str().contains('@'))
        .map_or_else(
            || connection(request).local.to_string(),
            |host| host.to_string(),
        );
    vec![format!("http://{authority}")]
}
