//! `PUT` with `prevIndex` or `prevValue` (compare-and-swap): sets a value if index and value are those that the client
//! expects.

use super::find::{compare, root_is_read_only};
use super::parameters::Parameters;
use super::{change, event, weight};
use crate::face::etcd::error::V2Error;
use crate::face::etcd::reply::Reply;
use crate::face::etcd::request::ApiRequest;
use crate::model::{Cause, Key};
use crate::space::Draft;

/// Compares, sets the value and answers with its event.
pub(super) async fn serve(
    request: &ApiRequest<'_>,
    parameters: &Parameters,
) -> Result<Reply, Reply> {
    let action = event::action_of(Cause::CompareAndSwap, true);
    let counter = &request.face.counters.compare_and_swaps;
    let decide = |draft: &mut Draft<'_>| decide(draft, parameters);
    let cost = weight::of_node(parameters);
    change::commit(request, parameters, action, counter, cost, decide).await
}

fn decide(draft: &mut Draft<'_>, parameters: &Parameters) -> Result<(), V2Error> {
    if parameters.path.is_empty() {
        return Err(root_is_read_only());
    }
    let (key, _) = compare(draft, parameters)?;
    draft.compares(&key);
    let mut record = draft.successor(&key);
    if !parameters.refresh {
        record.value = parameters.value.clone();
    }
    record.attrs.deadline = parameters.deadline(draft);
    draft.put(&key, record);
    draft.renews();
    draft.subject(Key::user(&parameters.path));
    draft.because(if parameters.refresh {
        Cause::Refresh
    } else {
        Cause::CompareAndSwap
    });
    Ok(())
}
