//! `GET`: a value, or a directory with what is in it. Every read sees every write that was acknowledged before it.

use axum::body::Body;
use http::{Response, StatusCode};

use super::encode::push_get;
use super::find::find;
use super::request::KeysRequest;
use crate::face::etcd::error::Error;
use crate::face::etcd::{Face, reply};
use crate::model::{Caller, time};
use crate::space::View;
use crate::space::tree::{self, Tree};

/// Answers a read.
pub(super) fn serve(face: &Face, caller: &Caller, asked: &KeysRequest) -> Response<Body> {
    let view = face.space.read(caller);
    let found = read(&view, asked);
    face.counters.gets.count(found.is_ok());
    match found {
        Ok(tree) => {
            let mut body = Vec::with_capacity(256);
            push_get(
                &mut body,
                &asked.path,
                &tree,
                asked.recursive,
                time::unix_ms(),
            );
            let mut answer = reply::json(StatusCode::OK, body);
            reply::set_position(&mut answer, view.revision());
            answer
        }
        Err(error) => error.answer(view.revision()),
    }
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
