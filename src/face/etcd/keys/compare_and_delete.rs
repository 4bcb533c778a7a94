//! `DELETE` with `prevIndex` or `prevValue`: deletes a value if it is as the client expects.

use axum::body::Body;
use http::Response;

use super::find::compared;
use super::request::KeysRequest;
use super::{change, event};
use crate::face::etcd::Face;
use crate::face::etcd::error::Error;
use crate::model::{Caller, Cause, Key};
use crate::space::Draft;

/// Answers a `DELETE` with a comparison.
pub(super) async fn serve(face: &Face, caller: &Caller, asked: &KeysRequest) -> Response<Body> {
    let name = event::action_of(Cause::CompareAndDelete, false);
    let what = (name, &face.counters.compared_deletes);
    change(face, caller, asked, what, |draft| decide(draft, asked)).await
}

fn decide(draft: &mut Draft<'_>, asked: &KeysRequest) -> Result<(), Error> {
    compared(draft, asked)?;
    draft.delete_file(&asked.path);
    draft.subject(Key::user(&asked.path));
    draft.because(Cause::CompareAndDelete);
    Ok(())
}
