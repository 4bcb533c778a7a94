//! `GET`: a value, or a directory with what is in it. Every read sees every write that was acknowledged before it.

use axum::body::Body;
use http::header::CONTENT_ENCODING;
use http::{HeaderValue, Response, StatusCode};

use super::encode::push_get;
use super::find::find;
use super::request::KeysRequest;
use crate::face::etcd::error::Error;
use crate::face::etcd::{Face, reply};
use crate::face::kept::Made;
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
    let view = face.space.read(caller);
    let node = find(&view, &asked.path);
    face.counters.gets.count(node.is_ok());
    let revision = view.revision();
    let mut answer = match node {
        Ok(node) if node.is_dir() => directory(face, caller, asked, view, compressed).await,
        Ok(_) => read(&view, asked).map_or_else(
            |error| error.answer(revision),
            |tree| reply::json(StatusCode::OK, encode(&tree, asked)),
        ),
        Err(error) => return error.answer(revision),
    };
    reply::set_position(&mut answer, revision);
    answer
}

/// A directory, which is kept encoded while nothing in it changes.
async fn directory(
    face: &Face,
    caller: &Caller,
    asked: &KeysRequest,
    view: View,
    compressed: bool,
) -> Response<Body> {
    drop(view);
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
    let Some(list) = face.kept.get(&face.space, caller, name, ranges, make).await else {
        // It went meanwhile.
        let view = face.space.read(caller);
        return match read(&view, asked) {
            Ok(tree) => reply::json(StatusCode::OK, encode(&tree, asked)),
            Err(error) => error.answer(view.revision()),
        };
    };
    if !compressed || list.len() < LONG {
        return reply::json(StatusCode::OK, list.body());
    }
    let mut answer = reply::json(StatusCode::OK, list.compressed().await);
    let gzip = HeaderValue::from_static("gzip");
    answer.headers_mut().insert(CONTENT_ENCODING, gzip);
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
