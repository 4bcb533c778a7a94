//! `POST` (in-order key): creates a node in a directory, under a name that sorts after all earlier ones.

use super::find::not_dir;
use super::parameters::Parameters;
use super::{change, event, weight};
use crate::face::etcd::error::V2Error;
use crate::face::etcd::reply::Reply;
use crate::face::etcd::request::ApiRequest;
use crate::model::{Cause, Key, Record};
use crate::space::Draft;
use crate::space::tree;

/// Creates the node and answers with its event.
pub(super) async fn serve(
    request: &ApiRequest<'_>,
    parameters: &Parameters,
) -> Result<Reply, Reply> {
    let action = event::action_of(Cause::Create, true);
    let counter = &request.face.counters.creates;
    let decide = |draft: &mut Draft<'_>| decide(draft, parameters);
    let cost = weight::of_node(parameters);
    change::commit(request, parameters, action, counter, cost, decide).await
}

fn decide(draft: &mut Draft<'_>, parameters: &Parameters) -> Result<(), V2Error> {
    // The name is the index of the commit, which only the store knows; any name has the same parents.
    draft
        .make_parents(&tree::join(&parameters.path, "0"))
        .map_err(not_dir)?;
    let mut record = Record::successor(None, draft.now_ms());
    parameters.fill(draft, &mut record);
    let parent = if parameters.path.is_empty() {
        Key::user("")
    } else {
        Key::user(format!("{}/", parameters.path))
    };
    draft.put_in_order(&parent, record);
    draft.because(Cause::Create);
    Ok(())
}
