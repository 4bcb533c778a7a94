//! `GET`: reads a value, or a directory with its children. Every read sees every write that was acknowledged before it.

use std::collections::BTreeMap;

use http::header::{CONTENT_ENCODING, VARY};
use http::{HeaderValue, StatusCode};

use super::directory;
use super::encode::{TimeShown, push_get};
use super::find::absent;
use super::parameters::Parameters;
use crate::face::etcd::error::V2Error;
use crate::face::etcd::reply::Reply;
use crate::face::etcd::request::ApiRequest;
use crate::face::etcd::small_or_heavy::small_or_heavy;
use crate::face::etcd::{held_bytes, overloaded};
use crate::face::gzip;
use crate::face::list_cache::Encoded;
use crate::fairness::Cost;
use crate::model::Flow;
use crate::space::tree::{self, Node, Tree};
use crate::space::{Keyspace, View};

/// The shortest body that is compressed for clients that accept it, in bytes. etcd never compresses; compression makes
/// a list of a thousand networks ten times shorter.
const MIN_COMPRESSED: usize = 1 << 10;

/// Answers with the node.
pub(super) async fn serve(
    request: &ApiRequest<'_>,
    parameters: &Parameters,
) -> Result<Reply, Reply> {
    let face = request.face;
    let compressed = gzip::accepted(&request.parts.headers);
    let mut counted = false;
    loop {
        let view = face.space.read(&request.caller);
        let revision = view.revision();
        let found = match tree::node(&view, &parameters.path) {
            Node::Absent => Err(missing(request, &view, &parameters.path).await?),
            Node::Dir { .. } => Ok(None),
            node @ Node::File { .. } => Ok(Some(Tree {
                node,
                children: BTreeMap::new(),
            })),
        };
        drop(view);
        if !counted {
            face.counters.gets.count(found.is_ok());
            counted = true;
        }
        let (reply, revision) = match found {
            Err(error) => return Err(error.reply(revision)),
            Ok(Some(tree)) => (value_reply(request, parameters, tree).await?, revision),
            Ok(None) => match directory::list(request, parameters).await {
                // A list encoded since then shows more than the view did. One encoded before has not changed since.
                Ok(Some(list)) => {
                    let revision = revision.max(list.index());
                    let reply = list_reply(&list, compressed, request.flow()).await;
                    (reply, revision)
                }
                // The directory was deleted meanwhile.
                Ok(None) => continue,
                Err(overloaded) => return Err(overloaded::reply(overloaded)),
            },
        };
        return Ok(reply.revision(revision));
    }
}

/// The error where no node is at the path; each directory above is looked at.
async fn missing(request: &ApiRequest<'_>, view: &View, path: &str) -> Result<V2Error, Reply> {
    let cost = Cost::new(tree::ancestors(path).count(), path.len());
    let (view, path) = (view.clone(), path.to_owned());
    let fairness = &request.face.fairness;
    small_or_heavy(fairness, request.flow(), cost, move || absent(&view, &path))
        .await
        .map_err(overloaded::reply)
}

/// A value, encoded.
async fn value_reply(
    request: &ApiRequest<'_>,
    parameters: &Parameters,
    tree: Tree,
) -> Result<Reply, Reply> {
    let value = tree.node.entry().map_or(0, |entry| entry.value().len());
    let cost = Cost::new(1, value);
    if cost.is_small() {
        let body = encode(&request.face.space, &parameters.path, &tree);
        return Ok(Reply::json(StatusCode::OK, body));
    }
    let (fairness, flow) = (&request.face.fairness, request.flow());
    let (space, path) = (request.face.space.clone(), parameters.path.clone());
    let made = fairness
        .run(flow, cost, move || encode(&space, &path, &tree))
        .await;
    let held = made.and_then(|body| held_bytes::held(fairness.answers(), flow, body));
    let body = held.map_err(overloaded::reply)?;
    Ok(Reply::json(StatusCode::OK, body))
}

fn encode(space: &Keyspace, path: &str, tree: &Tree) -> Vec<u8> {
    let mut body = Vec::with_capacity(256);
    push_get(&mut body, path, tree, false, &TimeShown::now(space));
    body
}

async fn list_reply(list: &Encoded, compressed: bool, flow: Flow) -> Reply {
    let mut compressed = compressed && list.len() >= MIN_COMPRESSED;
    let mut body = list.body();
    if compressed {
        // Sent as it is where the gateway has no time to compress it.
        match list.compressed(flow).await {
            Ok(short) => body = short,
            Err(_overloaded) => compressed = false,
        }
    }
    // For every directory, as a short one may grow past the limit.
    let vary = HeaderValue::from_static("Accept-Encoding");
    let reply = Reply::json(StatusCode::OK, body).header(VARY, vary);
    if compressed {
        reply.header(CONTENT_ENCODING, HeaderValue::from_static("gzip"))
    } else {
        reply
    }
}
