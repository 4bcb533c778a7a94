//! `DELETE` without conditions: deletes a value, an empty directory (`dir`), or a directory and all beneath
//! (`recursive`).

use super::find::{find, root_is_read_only};
use super::parameters::Parameters;
use super::{change, event, tree_weight, weight};
use crate::face::etcd::error::{V2Error, V2ErrorCode};
use crate::face::etcd::overloaded;
use crate::face::etcd::reply::Reply;
use crate::face::etcd::request::ApiRequest;
use crate::model::{Cause, Key};
use crate::space::Draft;
use crate::space::tree;

/// Deletes the node and answers with its event.
pub(super) async fn serve(
    request: &ApiRequest<'_>,
    parameters: &Parameters,
) -> Result<Reply, Reply> {
    let action = event::action_of(Cause::Delete, false);
    let counter = &request.face.counters.deletes;
    // The root is refused by the decision.
    let cost = if parameters.recursive && !parameters.path.is_empty() {
        let weighed = change::in_turn(tree_weight::of_tree(request, parameters)).await;
        weighed.map_err(overloaded::reply)??
    } else {
        weight::of_node(parameters)
    };
    let own = parameters.clone();
    let decide = move |draft: &mut Draft<'_>| decide(draft, &own);
    change::commit_wide(request, parameters, action, counter, cost, decide).await
}

fn decide(draft: &mut Draft<'_>, parameters: &Parameters) -> Result<(), V2Error> {
    let path = parameters.path.as_str();
    if path.is_empty() {
        return Err(root_is_read_only());
    }
    if !find(draft, path)?.is_dir() {
        // A value may have two entries, one whose key ends in a slash and one without: both are deleted.
        draft.delete_file(path);
    } else if parameters.recursive {
        draft.delete_tree(path);
    } else if !parameters.dir {
        return Err(V2Error::at(V2ErrorCode::NotFile, path));
    } else {
        draft.asks_to_end_tree(path);
        if !tree::is_empty(draft, path) {
            return Err(V2Error::at(V2ErrorCode::DirNotEmpty, path));
        }
        draft.delete_tree(path);
    }
    draft.subject(Key::user(path));
    draft.because(Cause::Delete);
    Ok(())
}
