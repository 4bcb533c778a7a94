//! `GET`: reads a value, or a directory with its children. Every read sees every write that was acknowledged before it.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::header::{CONTENT_ENCODING, VARY};
use http::{HeaderValue, StatusCode};

use super::encode::push_get;
use super::find::{absent, find};
use super::parameters::Parameters;
use crate::face::etcd::error::V2Error;
use crate::face::etcd::reply::Reply;
use crate::face::etcd::request::ApiRequest;
use crate::face::etcd::small_or_heavy::small_or_heavy;
use crate::face::etcd::{held_bytes, overloaded};
use crate::face::gzip;
use crate::face::list_cache::{Encoded, Made};
use crate::fairness::Cost;
use crate::model::time;
use crate::space::tree::{self, Node, Tree};
use crate::space::{View, node_ranges};

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
            Ok(None) => match directory(request, parameters).await {
                // A list encoded since then shows more than the view did. One encoded before has not changed since.
                Some(list) => {
                    let revision = revision.max(list.index());
                    (list_reply(&list, compressed).await, revision)
                }
                // The directory was deleted meanwhile.
                None => continue,
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
        return Ok(Reply::json(StatusCode::OK, encode(&tree, parameters)));
    }
    let (fairness, flow) = (&request.face.fairness, request.flow());
    let parameters = parameters.clone();
    let made = fairness
        .run(flow, cost, move || encode(&tree, &parameters))
        .await;
    let held = made.and_then(|body| held_bytes::held(fairness.answers(), flow, body));
    let body = held.map_err(overloaded::reply)?;
    Ok(Reply::json(StatusCode::OK, body))
}

/// A directory, encoded: from the cache while nothing in it has changed. `None` where there is none.
async fn directory(request: &ApiRequest<'_>, parameters: &Parameters) -> Option<Arc<Encoded>> {
    let depth = if parameters.recursive { "r" } else { "-" };
    let name = format!("{depth}{}", parameters.path).into_bytes();
    let ranges = node_ranges(&parameters.path, true);
    let make = {
        let parameters = parameters.clone();
        move |view: &View| {
            let tree = read(view, &parameters).ok()?;
            Some(Made {
                body: encode(&tree, &parameters),
                index: view.revision(),
                lasts: !counts_down(&tree),
            })
        }
    };
    let face = request.face;
    face.list_cache
        .get(&face.space, &request.caller, name, ranges, make)
        .await
}

async fn list_reply(list: &Encoded, compressed: bool) -> Reply {
    let compressed = compressed && list.len() >= MIN_COMPRESSED;
    let body = if compressed {
        list.compressed().await
    } else {
        list.body()
    };
    // For every directory, as a short one may grow past the limit.
    let vary = HeaderValue::from_static("Accept-Encoding");
    let reply = Reply::json(StatusCode::OK, body).header(VARY, vary);
    if compressed {
        reply.header(CONTENT_ENCODING, HeaderValue::from_static("gzip"))
    } else {
        reply
    }
}

fn encode(tree: &Tree, parameters: &Parameters) -> Vec<u8> {
    let mut body = Vec::with_capacity(256);
    push_get(
        &mut body,
        &parameters.path,
        tree,
        parameters.recursive,
        time::unix_ms(),
    );
    body
}

/// Whether any node in it has a TTL, whose remaining seconds change with time.
fn counts_down(tree: &Tree) -> bool {
    let entry = match &tree.node {
        Node::Absent => None,
        Node::File { entry, .. } => Some(entry),
        Node::Dir { mark, .. } => mark.as_ref().map(|(_, entry)| entry),
    };
    entry.is_some_and(|entry| entry.attrs().deadline.is_some())
        || tree.children.values().any(counts_down)
}

/// The node with its children, and all beneath where `recursive`.
fn read(view: &View, parameters: &Parameters) -> Result<Tree, V2Error> {
    let node = find(view, &parameters.path)?;
    if node.is_dir() && parameters.recursive {
        return Ok(tree::tree(view, &parameters.path));
    }
    let leaf = |(name, node)| {
        let children = BTreeMap::new();
        (name, Tree { node, children })
    };
    let children = if node.is_dir() {
        tree::children(view, &parameters.path)
            .into_iter()
            .map(leaf)
            .collect()
    } else {
        BTreeMap::new()
    };
    Ok(Tree { node, children })
}
