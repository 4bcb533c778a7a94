//! `PUT`: makes or replaces a value, or makes a directory.

use axum::body::Body;
use http::Response;

use super::find::{absent, not_dir, root_is_read_only};
use super::request::KeysRequest;
use super::{change, event};
use crate::face::etcd::Face;
use crate::face::etcd::error::{Code, Error};
use crate::model::{Caller, Cause, DirMark, Key, Mark, Record};
use crate::space::Draft;
use crate::space::tree::{self, Node};

/// Answers a `PUT` without conditions.
pub(super) async fn serve(face: &Face, caller: &Caller, asked: &KeysRequest) -> Response<Body> {
    let name = event::action_of(Cause::Set, true);
    let what = (name, &face.counters.sets);
    change(face, caller, asked, what, |draft| decide(draft, asked)).await
}

fn decide(draft: &mut Draft<'_>, asked: &KeysRequest) -> Result<(), Error> {
    let path = asked.path.as_str();
    if path.is_empty() {
        return Err(root_is_read_only());
    }
    let there = match tree::node(draft, path) {
        Node::Dir { .. } => return Err(Error::at(Code::NotFile, path)),
        Node::File { key, entry } => Some((key, entry)),
        Node::Absent if asked.refresh => return Err(absent(draft, path)),
        Node::Absent => None,
    };
    if there.is_none() {
        draft.make_parents(path).map_err(not_dir)?;
    }
    // A value stays under the spelling it is kept under, be it Consul's with a slash.
    let value_key = match &there {
        Some((key, _)) => key.clone(),
        None => Key::user(path),
    };
    let key = if asked.dir {
        Key::user(format!("{path}/"))
    } else {
        value_key.clone()
    };
    if key != value_key {
        draft.delete(&value_key);
    }
    if asked.dir && asked.ttl.is_some() {
        // It ends all that is beneath the directory by then.
        draft.asks_for_tree(path);
    }
    let mut record = draft.successor(&key);
    fill(draft, asked, &mut record);
    if asked.refresh
        && !asked.dir
        && let Some((_, entry)) = there
    {
        record.value = entry.value().clone();
    }
    draft.put(&key, record);
    draft.subject(Key::user(path));
    draft.because(if asked.refresh {
        Cause::Refresh
    } else {
        Cause::Set
    });
    Ok(())
}

/// Gives a record what the request says. What etcd has no word for (flags, a lock) stays as it was.
pub(super) fn fill(draft: &Draft<'_>, asked: &KeysRequest, record: &mut Record) {
    record.attrs.placed = Mark::ThisWrite;
    record.attrs.deadline = asked.deadline(draft);
    if asked.dir {
        record.attrs.dir = DirMark::Made;
        record.value = axum::body::Bytes::new();
    } else {
        record.attrs.dir = DirMark::No;
        record.value = asked.value.clone();
    }
}
