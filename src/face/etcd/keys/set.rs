//! `PUT` without conditions: sets a value, or creates a directory.

use super::find::{absent, not_dir, root_is_read_only};
use super::parameters::Parameters;
use super::{change, event, weight};
use crate::face::etcd::error::{V2Error, V2ErrorCode};
use crate::face::etcd::reply::Reply;
use crate::face::etcd::request::ApiRequest;
use crate::model::{Cause, Key};
use crate::space::Draft;
use crate::space::tree::{self, Node};

/// Sets the node and answers with its event.
pub(super) async fn serve(
    request: &ApiRequest<'_>,
    parameters: &Parameters,
) -> Result<Reply, Reply> {
    let action = event::action_of(Cause::Set, true);
    let counter = &request.face.counters.sets;
    let decide = |draft: &mut Draft<'_>| decide(draft, parameters);
    let cost = weight::of_node(parameters);
    change::commit(request, parameters, action, counter, cost, decide).await
}

fn decide(draft: &mut Draft<'_>, parameters: &Parameters) -> Result<(), V2Error> {
    let path = parameters.path.as_str();
    if path.is_empty() {
        return Err(root_is_read_only());
    }
    let existing = match tree::node(draft, path) {
        Node::Dir { .. } => return Err(V2Error::at(V2ErrorCode::NotFile, path)),
        Node::File { key, entry } => Some((key, entry)),
        Node::Absent if parameters.refresh => return Err(absent(draft, path)),
        Node::Absent => None,
    };
    if existing.is_none() {
        draft.make_parents(path).map_err(not_dir)?;
    }
    // A value stays under the key it has, even one of Consul's that ends in a slash.
    let value_key = match &existing {
        Some((key, _)) => key.clone(),
        None => Key::user(path),
    };
    let key = if parameters.dir {
        Key::user(format!("{path}/"))
    } else {
        value_key.clone()
    };
    // A directory takes the place of a value; where there is none, nothing is deleted.
    if existing.is_some() && key != value_key {
        draft.delete(&value_key);
    }
    if parameters.dir && parameters.ttl.is_some() {
        // It ends all that is beneath the directory by then.
        draft.asks_to_end_tree(path);
    }
    let mut record = draft.successor(&key);
    parameters.fill(draft, &mut record);
    if parameters.refresh
        && !parameters.dir
        && let Some((_, entry)) = existing
    {
        record.value = entry.value().clone();
    }
    draft.put(&key, record);
    draft.renews();
    draft.subject(Key::user(path));
    draft.because(if parameters.refresh {
        Cause::Refresh
    } else {
        Cause::Set
    });
    Ok(())
}
