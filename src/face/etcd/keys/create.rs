//! `PUT` with `prevExist=false`: makes a value or a directory where nothing is.

use axum::body::Body;
use http::Response;

use super::find::{not_dir, root_is_read_only};
use super::request::KeysRequest;
use super::set::fill;
use super::{change, event};
use crate::face::etcd::Face;
use crate::face::etcd::error::{Code, Error};
use crate::model::{Caller, Cause, Key};
use crate::space::Draft;
use crate::space::tree::{self, Node};

/// Answers a `PUT` with `prevExist=false`.
pub(super) async fn serve(face: &Face, caller: &Caller, asked: &KeysRequest) -> Response<Body> {
    let name = event::action_of(Cause::Create, true);
    let what = (name, &face.counters.creates);
    change(face, caller, asked, what, |draft| decide(draft, asked)).await
}

fn decide(draft: &mut Draft<'_>, asked: &KeysRequest) -> Result<(), Error> {
    let path = asked.path.as_str();
    if path.is_empty() {
        return Err(root_is_read_only());
    }
    if !matches!(tree::node(draft, path), Node::Absent) {
        return Err(Error::at(Code::NodeExist, path));
    }
    draft.make_parents(path).map_err(not_dir)?;
    let key = Key::user(if asked.dir {
        format!("{path}/")
    } else {
        path.to_owned()
    });
    if asked.dir && asked.ttl.is_some() {
        // It ends all that is beneath the directory by then.
        draft.asks_for_tree(path);
    }
    let mut record = draft.successor(&key);
    fill(draft, asked, &mut record);
    draft.put(&key, record);
    draft.subject(Key::user(path));
    draft.because(Cause::Create);
    Ok(())
}
