//! `POST`: makes a value or a directory in a directory, under a name that sorts after all earlier ones.

use axum::body::Body;
use http::Response;

use super::find::not_dir;
use super::parameters::KeysRequest;
use super::set::fill;
use super::{change, event};
use crate::face::etcd::Face;
use crate::face::etcd::error::Error;
use crate::model::{Caller, Cause, Key, Record};
use crate::space::Draft;
use crate::space::tree;

/// Answers a `POST`.
pub(super) async fn serve(face: &Face, caller: &Caller, asked: &KeysRequest) -> Response<Body> {
    let name = event::action_of(Cause::Create, true);
    let what = (name, &face.counters.creates);
    change(face, caller, asked, what, |draft| decide(draft, asked)).await
}

fn decide(draft: &mut Draft<'_>, asked: &KeysRequest) -> Result<(), Error> {
    // Its name is the index it is made at, which only the store knows; any name has the same parents.
    draft
        .make_parents(&tree::join(&asked.path, "0"))
        .map_err(not_dir)?;
    let mut record = Record::successor(None, draft.now_ms());
    fill(draft, asked, &mut record);
    let parent = if asked.path.is_empty() {
        Key::user("")
    } else {
        Key::user(format!("{}/", asked.path))
    };
    draft.put_in_order(&parent, record);
    draft.because(Cause::Create);
    Ok(())
}
