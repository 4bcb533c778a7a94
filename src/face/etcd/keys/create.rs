//! `PUT` with `prevExist=false`: creates a value or a directory where no node exists.

use super::find::{not_dir, root_is_read_only};
use super::parameters::Parameters;
use super::{change, event, weight};
use crate::face::etcd::error::{V2Error, V2ErrorCode};
use crate::face::etcd::reply::Reply;
use crate::face::etcd::request::ApiRequest;
use crate::model::{Cause, Key};
use crate::space::Draft;
use crate::space::tree::{self, Node};

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
    let path = parameters.path.as_str();
    if path.is_empty() {
        return Err(root_is_read_only());
    }
    if !matches!(tree::node(draft, path), Node::Absent) {
        return Err(V2Error::at(V2ErrorCode::NodeExist, path));
    }
    draft.make_parents(path).map_err(not_dir)?;
    let key = Key::user(if parameters.dir {
        format!("{path}/")
    } else {
        path.to_owned()
    });
    if parameters.dir && parameters.ttl.is_some() {
        // It ends all that is beneath the directory by then.
        draft.asks_to_end_tree(path);
    }
    let mut record = draft.successor(&key);
    parameters.fill(draft, &mut record);
    draft.put(&key, record);
    draft.subject(Key::user(path));
    draft.because(Cause::Create);
    Ok(())
}
