//! `GET`: a value, or a directory with what is in it. Every read sees every write that was acknowledged before it.

use std::sync::Arc;

use axum::body::Body;
use http::header::{CONTENT_ENCODING, VARY};
use http::{HeaderValue, Response, StatusCode};

use super::encode::push_get;
use super::find::find;
use super::parameters::KeysRequest;
use crate::face::etcd::error::Error;
use crate::face::etcd::{Face, reply};
use crate::face::list_cache::{Encoded, Made};
use crate::model::{Caller, time};
use crate::space::tree::{self, Node, Tree};
use crate::space::{View, node_ranges};

/// Bodies at least this long, in bytes, are compressed for clients that accept it. etcd never does; a list of a
/// thousand networks is ten times shorter so.
const LONG: usize = 1 << 10;

/// Answers a read.
pub(super) async fn serve(
    face: &Face,
    caller: &Caller,
    asked: &KeysRequest,
    compressed: bool,
) -> Response<Body> {
    let mut counted = false;
    loop {
        let view = face.space.read(caller);
        let revision = view.revision();
        let found = find(&view, &asked.path).and_then(|node| {
            if node.is_dir() {
                return Ok(None);
            }
            Ok(Some(read(&view, asked)?))
        });
        drop(view);
        if !counted {
            face.counters.gets.count(found.is_ok());
            counted = true;
        }
        let (mut answer, revision) = match found {
            Err(error) => return error.answer(revision),
            Ok(Some(tree)) => (reply::json(StatusCode::OK, encode(&tree, asked)), revision),
            Ok(None) => match directory(face, caller, asked).await {
                // A list made since shows more than the view did. One made before is as it was then.
                Some(list) => {
                    let revision = revision.max(list.index());
                    (send(&list, compressed).await, revision)
                }
                // It went meanwhile.
                None => continue,
            },
        };
        reply::set_position(&mut answer, revision);
        return answer;
    }
}

/// A directory, which is kept encoded while nothing in it changes. `None` where there is none.
async fn directory(face: &Face, caller: &Caller, asked: &KeysRequest) -> Option<Arc<Encoded>> {
    let depth = if asked.recursive { "r" } else { "-" };
    let name = format!("{depth}{}", asked.path).into_bytes();
    let ranges = node_ranges(&asked.path, true);
    let make = {
        let asked = asked.clone();
        move |view: &View| {
            let tree = read(view, &asked).ok()?;
            Some(Made {
                body: encode(&tree, &asked),
                index: view.revision(),
                lasts: !counts_down(&tree),
            })
        }
    };
    face.kept.get(&face.space, caller, name, ranges, make).await
}

async fn send(list: &Encoded, compressed: bool) -> Response<Body> {
    let compressed = compressed && list.len() >= LONG;
    let body = if compressed {
        list.compressed().await
    } else {
        list.body()
    };
    let mut answer = reply::json(StatusCode::OK, body);
    let headers = answer.headers_mut();
    // Of every directory: the same one may be longer tomorrow.
    headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
    if compressed {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    answer
}

fn encode(tree: &Tree, asked: &KeysRequest) -> Vec<u8> {
    let mut body = Vec::with_capacity(256);
    push_get(
        &mut body,
        &asked.path,
        tree,
        asked.recursive,
        time::unix_ms(),
    );
    body
}

/// Whether anything in it tells how many seconds it has left.
fn counts_down(tree: &Tree) -> bool {
    let entry = match &tree.node {
        Node::Absent => None,
        Node::File { entry, .. } => Some(entry),
        Node::Dir { mark, .. } => mark.as_ref().map(|(_, entry)| entry),
    };
    entry.is_some_and(|entry| entry.attrs().deadline.is_some())
        || tree.children.values().any(counts_down)
}

/// The node and as much of what is beneath it as is asked for.
fn read(view: &View, asked: &KeysRequest) -> Result<Tree, Error> {
    let node = find(view, &asked.path)?;
    if node.is_dir() && asked.recursive {
        return Ok(tree::tree(view, &asked.path));
    }
    let leaf = |(name, node)| {
        let children = std::collections::BTreeMap::new();
        (name, Tree { node, children })
    };
    let children = if node.is_dir() {
        tree::children(view, &asked.path)
            .into_iter()
            .map(leaf)
            .collect()
    } else {
        std::collections::BTreeMap::new()
    };
    Ok(Tree { node, children })
}
