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
use crate::face::list_cache::{AskedList, Encoded, Made};
use crate::fairness::{Cost, Overloaded, Reservation};
use crate::model::{Flow, KeyRange, time};
use crate::space::tree::{self, Node, Tree};
use crate::space::{Lookup, View, node_ranges};

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
                Ok(Some(list)) => {
                    let revision = revision.max(list.index());
                    let flow = Flow::of(&request.caller);
                    (list_reply(&list, compressed, flow).await, revision)
                }
                // The directory was deleted meanwhile.
                Ok(None) => continue,
                Err(overloaded) => {
                    let status = StatusCode::SERVICE_UNAVAILABLE;
                    return Err(Reply::text(status, overloaded.to_string()));
                }
            },
        };
        return Ok(reply.revision(revision));
    }
}

/// A directory, encoded: from the cache while nothing in it has changed. `None` where there is none.
async fn directory(
    request: &ApiRequest<'_>,
    parameters: &Parameters,
) -> Result<Option<Arc<Encoded>>, Overloaded> {
    let depth = if parameters.recursive { "r" } else { "-" };
    let name = format!("{depth}{}", parameters.path).into_bytes();
    let ranges = node_ranges(&parameters.path, true);
    let make = {
        let parameters = parameters.clone();
        move |view: &View, _room: &mut Reservation| {
            let Ok(tree) = read(view, &parameters) else {
                return Ok(None);
            };
            Ok(Some(Made {
                body: encode(&tree, &parameters),
                index: view.revision(),
                lasts: !counts_down(&tree),
            }))
        }
    };
    let weigh = {
        let ranges = ranges.clone();
        move |view: &View| weigh(view, &ranges)
    };
    let face = request.face;
    let asked = AskedList { name, ranges };
    face.list_cache
        .get(&face.space, &request.caller, asked, weigh, make)
        .await
}

/// The work of a directory, counted up to where it is not small.
fn weigh(view: &View, ranges: &[KeyRange]) -> Cost {
    let mut cost = Cost::SMALL;
    let (mut entries, mut bytes) = (0, 0);
    for range in ranges {
        let (KeyRange::Exact(key) | KeyRange::Prefix(key)) = range;
        for (key, entry) in view.scan(key) {
            entries += 1;
            bytes += key.as_bytes().len() + entry.value().len();
            cost = Cost::new(entries, bytes);
            if !cost.is_small() {
                return cost;
            }
        }
    }
    cost
}

async fn list_reply(list: &Encoded, compressed: bool, flow: Flow) -> Reply {
    let mut compressed = compressed && list.len() >= MIN_COMPRESSED;
    let mut body = list.body();
    if compressed {
        // Sent as it is where the gateway has no time to compress it.
        match list.compressed(flow).await {
            Ok(short) => body = short,
            Err(_) => compressed = false,
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
