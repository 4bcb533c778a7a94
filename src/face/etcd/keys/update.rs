//! `PUT` with `prevExist=true`: updates a value, or the TTL of a directory.

use super::event_node::dir_index;
use super::find::{find, root_is_read_only};
use super::parameters::Parameters;
use super::{change, event, weight};
use crate::face::etcd::error::{V2Error, V2ErrorCode};
use crate::face::etcd::reply::Reply;
use crate::face::etcd::request::ApiRequest;
use crate::model::{Cause, DirMark, Key, Mark};
use crate::space::Draft;
use crate::space::tree::Node;

/// Updates the node and answers with its event.
pub(super) async fn serve(
    request: &ApiRequest<'_>,
    parameters: &Parameters,
) -> Result<Reply, Reply> {
    let action = event::action_of(Cause::Update, true);
    let counter = &request.face.counters.updates;
    let decide = |draft: &mut Draft<'_>| decide(draft, parameters);
    let cost = weight::of_node(parameters);
    change::commit(request, parameters, action, counter, cost, decide).await
}

fn decide(draft: &mut Draft<'_>, parameters: &Parameters) -> Result<(), V2Error> {
    let path = parameters.path.as_str();
    if path.is_empty() {
        return Err(root_is_read_only());
    }
    match find(draft, path)? {
        Node::Dir { .. } if !parameters.value.is_empty() => {
            return Err(V2Error::at(V2ErrorCode::NotFile, path));
        }
        Node::Dir { mark, first } => {
            draft.asks_for_tree(path);
            if parameters.ttl.is_some() {
                // It ends all that is beneath the directory by then.
                draft.asks_to_end_tree(path);
            }
            let own = mark.filter(|(_, entry)| entry.attrs().dir != DirMark::No);
            let key = own.map_or_else(|| Key::user(format!("{path}/")), |(key, _)| key);
            let index = dir_index(None, first.as_deref());
            let mut record = draft.successor(&key);
            if record.attrs.placed == Mark::ThisWrite && index > 0 {
                // An implied directory gets an entry of its own only now; its `createdIndex` stays.
                record.attrs.placed = Mark::At(index);
            }
            record.attrs.dir = DirMark::Made;
            record.attrs.deadline = parameters.deadline(draft);
            draft.put(&key, record);
        }
        Node::File { key, .. } => {
            let mut record = draft.successor(&key);
            if !parameters.refresh {
                record.value = parameters.value.clone();
            }
            record.attrs.deadline = parameters.deadline(draft);
            draft.put(&key, record);
            draft.renews();
        }
        Node::Absent => return Err(V2Error::at(V2ErrorCode::KeyNotFound, path)),
    }
    draft.subject(Key::user(path));
    draft.because(if parameters.refresh {
        Cause::Refresh
    } else {
        Cause::Update
    });
    Ok(())
}
