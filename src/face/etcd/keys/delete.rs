//! `DELETE`: deletes a value, an empty directory with `dir`, or a directory and all beneath with `recursive`.

use axum::body::Body;
use http::Response;

use super::find::{find, root_is_read_only};
use super::request::KeysRequest;
use super::{change, event};
use crate::face::etcd::Face;
use crate::face::etcd::error::{Code, Error};
use crate::model::{Caller, Cause, Key};
use crate::space::Draft;
use crate::space::tree;

/// Answers a `DELETE` without a comparison.
pub(super) async fn serve(face: &Face, caller: &Caller, asked: &KeysRequest) -> Response<Body> {
    let name = event::action_of(Cause::Delete, false);
    let what = (name, &face.counters.deletes);
    change(face, caller, asked, what, |draft| decide(draft, asked)).await
}

fn decide(draft: &mut Draft<'_>, asked: &KeysRequest) -> Result<(), Error> {
    let path = asked.path.as_str();
    if path.is_empty() {
        return Err(root_is_read_only());
    }
    if !find(draft, path)?.is_dir() {
        // It may be kept under both spellings, with a slash and without: both go.
        draft.delete_file(path);
    } else if asked.recursive {
        draft.delete_tree(path);
    } else if !asked.dir {
        return Err(Error::at(Code::NotFile, path));
    } else {
        draft.asks_for_tree(path);
        if !tree::is_empty(draft, path) {
            return Err(Error::at(Code::DirNotEmpty, path));
        }
        draft.delete_tree(path);
    }
    draft.subject(Key::user(path));
    draft.because(Cause::Delete);
    Ok(())
}
