//! `PUT` with `prevIndex` or `prevValue`: changes a value if it is as the client expects.

use axum::body::Body;
use http::Response;

use super::find::{compared, root_is_read_only};
use super::parameters::KeysRequest;
use super::{change, event};
use crate::face::etcd::Face;
use crate::face::etcd::error::Error;
use crate::model::{Caller, Cause, Key};
use crate::space::Draft;

/// Answers a `PUT` with a comparison.
pub(super) async fn serve(face: &Face, caller: &Caller, asked: &KeysRequest) -> Response<Body> {
    let name = event::action_of(Cause::CompareAndSwap, true);
    let what = (name, &face.counters.swaps);
    change(face, caller, asked, what, |draft| decide(draft, asked)).await
}

fn decide(draft: &mut Draft<'_>, asked: &KeysRequest) -> Result<(), Error> {
    if asked.path.is_empty() {
        return Err(root_is_read_only());
    }
    let (key, _) = compared(draft, asked)?;
    let mut record = draft.successor(&key);
    if !asked.refresh {
        record.value = asked.value.clone();
    }
    record.attrs.deadline = asked.deadline(draft);
    draft.put(&key, record);
    draft.subject(Key::user(&asked.path));
    draft.because(if asked.refresh {
        Cause::Refresh
    } else {
        Cause::CompareAndSwap
    });
    Ok(())
}
