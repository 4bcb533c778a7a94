//! `DELETE` with `prevIndex` or `prevValue` (compare-and-delete): deletes a value if index and value are those that the
//! client expects.

use super::find::compare;
use super::parameters::Parameters;
use super::{change, event, weight};
use crate::face::etcd::error::V2Error;
use crate::face::etcd::reply::Reply;
use crate::face::etcd::request::ApiRequest;
use crate::model::{Cause, Key};
use crate::space::Draft;

/// Compares, deletes the value and answers with its event.
pub(super) async fn serve(
    request: &ApiRequest<'_>,
    parameters: &Parameters,
) -> Result<Reply, Reply> {
    let action = event::action_of(Cause::CompareAndDelete, false);
    let counter = &request.face.counters.compare_and_deletes;
    let decide = |draft: &mut Draft<'_>| decide(draft, parameters);
    let cost = weight::of_node(parameters);
    change::commit(request, parameters, action, counter, cost, decide).await
}

fn decide(draft: &mut Draft<'_>, parameters: &Parameters) -> Result<(), V2Error> {
    compare(draft, parameters)?;
    draft.delete_file(&parameters.path);
    draft.subject(Key::user(&parameters.path));
    draft.because(Cause::CompareAndDelete);
    Ok(())
}
