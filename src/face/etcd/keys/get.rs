//! `GET`: reads a value, or a directory with its children. Every read sees every write that was acknowledged before it.

use std::sync::Arc;

use http::header::{CONTENT_ENCODING, VARY};
use http::{HeaderValue, StatusCode};

use super::encode::push_get;
use super::find::find;
use super::parameters::Parameters;
use crate::face::etcd::error::V2Error;
use crate::face::etcd::reply::Reply;
use crate::face::etcd::request::ApiRequest;
use crate::face::gzip;
use crate::face::list_cache::{Encoded, Made};
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
        let found = find(&view, &parameters.path).and_then(|node| {
            if node.is_dir() {
                return Ok(None);
            }
            Ok(Some(read(&view, parameters)?))
        });
        drop(view);
        if !counted {
            face.counters.gets.count(found.is_ok());
            counted = true;
        }
        let (reply, revision) = match found {
            Err(error) => return Err(error.reply(revision)),
            Ok(Some(tree)) => (
                Reply::json(StatusCode::OK, encode(&tree, parameters)),
                revision,
            ),
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
        let children = std::collections::BTreeMap::new();
        (name, Tree { node, children })
    };
    let children = if node.is_dir() {
        tree::children(view, &parameters.path)
            .into_iter()
            .map(leaf)
            .collect()
    } else {
        std::collections::BTreeMap::new()
    };
    Ok(Tree { node, children })
}
