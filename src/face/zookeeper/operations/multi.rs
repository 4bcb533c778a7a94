//! `Multi`: several changes that are made together or not at all. Each sees those before it.

use super::changer::{ChangeRefusal, Changer, StepReply};
use super::reply::Reply;
use super::step::ChangeStep;
use crate::space::Draft;
use crate::wire::zookeeper::{CreatedReply, ErrorCode, MultiReply, MultiResult};

/// Decides on all steps.
pub(super) fn multi(
    draft: &mut Draft<'_>,
    changer: &Changer,
    steps: &[ChangeStep],
) -> Result<Reply, ChangeRefusal> {
    let mut results = Vec::with_capacity(steps.len());
    for step in steps {
        if !draft.takes_step() {
            // It is decided again where nobody waits for it.
            break;
        }
        let decided = step.decide(draft, changer);
        // Whatever it came to: no result may reveal what is forbidden.
        let decided = if draft.is_forbidden() {
            draft.refuses_in_own_words();
            Err(ErrorCode::NoAuth)
        } else {
            decided
        };
        match decided {
            Ok(reply) => results.push(result(reply)),
            Err(error) => {
                let failed = MultiReply::of_failure(steps.len(), results.len(), error);
                return Err(ChangeRefusal::Multi(failed));
            }
        }
    }
    Ok(Reply::Multi(MultiReply(results)))
}

fn result(reply: StepReply) -> MultiResult {
    match reply {
        StepReply::Created(path, None) => MultiResult::Created(path),
        StepReply::Created(path, Some(stat)) => MultiResult::Created2(CreatedReply { path, stat }),
        StepReply::Deleted => MultiResult::Deleted,
        StepReply::Set(stat) => MultiResult::DataSet(stat),
        StepReply::Checked => MultiResult::Checked,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use prometheus_client::registry::Registry;

    use super::*;
    use crate::face::zookeeper::acl::ConnectionIdentities;
    use crate::face::zookeeper::session::ClientSession;
    use crate::guard::Bounds;
    use crate::model::Caller;
    use crate::space::Keyspace;
    use crate::store::{MemoryStore, Store as _};
    use crate::wire::zookeeper::VersionedPath;

    /// How often a multi of so many steps is decided on: what is once more, outside of the critical section.
    async fn decisions(steps: usize) -> usize {
        let store = Arc::new(MemoryStore::new());
        let admit = Arc::new(Bounds::new(store.limits()));
        let mut registry = Registry::default();
        let opened = Keyspace::open(store, admit, &mut registry).await;
        let (space, _expiry) = opened.unwrap();
        let changer = Changer {
            session: Arc::new(ClientSession::for_tests([7; 8])),
            identities: Arc::new(ConnectionIdentities::new("127.0.0.1".parse().unwrap())),
        };
        let check = ChangeStep::Check(VersionedPath {
            path: "/".to_owned(),
            version: -1,
        });
        let checks = vec![check; steps];
        let decided = AtomicUsize::new(0);
        let decide = |draft: &mut Draft<'_>| {
            decided.fetch_add(1, Ordering::Relaxed);
            multi(draft, &changer, &checks)
        };
        let done = space.commit(&Caller::System, decide).await.unwrap();
        let Reply::Multi(MultiReply(results)) = done.reply else {
            panic!("{done:?}");
        };
        assert_eq!(results, vec![MultiResult::Checked; steps]);
        decided.into_inner()
    }

    #[tokio::test]
    async fn a_multi_of_many_operations_is_not_decided_while_all_others_wait() {
        assert_eq!(decisions(100).await, 1);
        assert_eq!(decisions(5_000).await, 2);
    }
}
