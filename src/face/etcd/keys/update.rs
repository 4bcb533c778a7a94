//! `PUT` with `prevExist=true`: changes a value, or the TTL of a directory.

use axum::body::Body;
use http::Response;

use super::find::{find, root_is_read_only};
use super::request::KeysRequest;
use super::{change, event};
use crate::face::etcd::Face;
use crate::face::etcd::error::{Code, Error};
use crate::model::{Caller, Cause, DirMark, Key, Mark};
use crate::space::Draft;
use crate::space::tree::Node;

/// Answers a `PUT` with `prevExist=true` and no other condition.
pub(super) async fn serve(face: &Face, caller: &Caller, asked: &KeysRequest) -> Response<Body> {
    let name = event::action_of(Cause::Update, true);
    let what = (name, &face.counters.updates);
    change(face, caller, asked, what, |draft| decide(draft, asked)).await
}

fn decide(draft: &mut Draft<'_>, asked: &KeysRequest) -> Result<(), Error> {
    let path = asked.path.as_str();
    if path.is_empty() {
        return Err(root_is_read_only());
    }
    match find(draft, path)? {
        Node::Dir { .. } if !asked.value.is_empty() => return Err(Error::at(Code::NotFile, path)),
        Node::Dir { mark, first } => {
            // Its TTL ends all that is beneath it.
            draft.asks_for_tree(path);
            let own = mark.filter(|(_, entry)| entry.attrs().dir != DirMark::No);
            let key = own.map_or_else(|| Key::user(format!("{path}/")), |(key, _)| key);
            let index = event::dir_index(None, first.as_deref());
            let mut record = draft.successor(&key);
            if record.attrs.placed == Mark::ThisWrite && index > 0 {
                // It gets an entry of its own only now, and is as old as it was.
                record.attrs.placed = Mark::At(index);
            }
            record.attrs.dir = DirMark::Made;
            record.attrs.deadline = asked.deadline(draft);
            draft.put(&key, record);
        }
        Node::File { key, .. } => {
            let mut record = draft.successor(&key);
            if !asked.refresh {
                record.value = asked.value.clone();
            }
            record.attrs.deadline = asked.deadline(draft);
            draft.put(&key, record);
        }
        Node::Absent => return Err(Error::at(Code::KeyNotFound, path)),
    }
    draft.subject(Key::user(path));
    draft.because(if asked.refresh {
        Cause::Refresh
    } else {
        Cause::Update
    });
    Ok(())
}
