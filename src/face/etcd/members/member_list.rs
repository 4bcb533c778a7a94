//! `/v2/members`: the members with their addresses. Docker's client asks at once and every five minutes, and from then
//! on uses the addresses in the answer (docker/libkv#149, moby#35859).

use http::{Method, StatusCode};

use super::client_urls::client_urls;
use crate::face::etcd::face::{MEMBER_NAME, PEER_URL};
use crate::face::etcd::reply::Reply;
use crate::face::etcd::request::ApiRequest;
use crate::face::etcd::unsupported;
use crate::face::go::push_json_string;

/// Answers with the only member, which is the leader too.
pub(in crate::face::etcd) fn serve(request: &ApiRequest<'_>) -> Result<Reply, Reply> {
    request.check_method("GET,POST,DELETE,PUT")?;
    let reply = if request.parts.method == Method::GET {
        read(request)
    } else {
        unsupported::members()
    };
    Ok(reply.cluster(&request.face.cluster_id()))
}

fn read(request: &ApiRequest<'_>) -> Reply {
    let mut body = Vec::with_capacity(160);
    match request.rest {
        b"" => {
            body.extend_from_slice(br#"{"members":["#);
            push_member(&mut body, request);
            body.extend_from_slice(b"]}\n");
        }
        b"leader" => {
            push_member(&mut body, request);
            body.push(b'\n');
        }
        _ => return Reply::message(StatusCode::NOT_FOUND, "Not found"),
    }
    Reply::json(StatusCode::OK, body)
}

fn push_member(out: &mut Vec<u8>, request: &ApiRequest<'_>) {
    let id = request.face.member_id();
    out.extend_from_slice(
        format!(r#"{{"id":"{id}","name":"{MEMBER_NAME}","peerURLs":["{PEER_URL}"],"clientURLs":["#)
            .as_bytes(),
    );
    let urls = client_urls(&request.face.advertise, request.parts);
    for (position, url) in urls.iter().enumerate() {
        if position > 0 {
            out.push(b',');
        }
        push_json_string(out, url.as_bytes());
    }
    out.extend_from_slice(b"]}");
}
