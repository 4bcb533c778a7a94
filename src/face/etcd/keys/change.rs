//! Change of a node: its commit, and the answer with its event.

use std::time::Duration;

use http::StatusCode;

use super::encode::push_event;
use super::event::{self, NodeEvent};
use super::parameters::Parameters;
use crate::face::etcd::commit_error;
use crate::face::etcd::error::{V2Error, V2ErrorCode};
use crate::face::etcd::reply::Reply;
use crate::face::etcd::request::ApiRequest;
use crate::face::etcd::stats::counters::OutcomeCounter;
use crate::space::{ChangeError, Draft};

/// The longest time that a commit may take. Docker's client gives up after three seconds and may then repeat its
/// request: it must have an answer before that.
pub(in crate::face::etcd) const COMMIT_TIMEOUT: Duration = Duration::from_millis(2_500);

/// Commits a change and answers with its event, whose action is `action`.
pub(super) async fn commit(
    request: &ApiRequest<'_>,
    parameters: &Parameters,
    action: &'static str,
    counter: &OutcomeCounter,
    decide: impl Fn(&mut Draft<'_>) -> Result<(), V2Error>,
) -> Result<Reply, Reply> {
    let space = &request.face.space;
    let commit = space.commit(&request.caller, decide);
    let Ok(done) = tokio::time::timeout(COMMIT_TIMEOUT, commit).await else {
        // The outcome is unknown, as the commit may still happen: the client must not take this answer for a refusal.
        counter.count(false);
        let cause = "etcdserver: request timed out";
        return Err(V2Error::new(V2ErrorCode::RaftInternal, cause).reply(0));
    };
    counter.count(done.is_ok());
    match done {
        Ok(done) => {
            let event = done
                .commit
                .as_deref()
                .and_then(|commit| event::of_write(commit, action));
            let no_event = || {
                let cause = "the change left no event";
                V2Error::new(V2ErrorCode::RaftInternal, cause).reply(0)
            };
            let event = event.ok_or_else(no_event)?;
            Ok(reply(&event, parameters, done.revision))
        }
        Err(error) => {
            let revision = match &error {
                ChangeError::Refused { revision, .. } => *revision,
                ChangeError::Denied(_) | ChangeError::Failed(_) => {
                    space.read(&request.caller).revision()
                }
            };
            Err(commit_error::reply(error, revision))
        }
    }
}

/// The answer with the event of a change: 201 where it created the node.
fn reply(event: &NodeEvent, parameters: &Parameters, revision: u64) -> Reply {
    let created = event.action == "create" || (event.action == "set" && event.prev.is_none());
    let status = if created {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    let wrote = matches!(event.action, "set" | "compareAndSwap" | "create" | "update");
    let mut body = Vec::with_capacity(256);
    if parameters.no_value_on_success && wrote {
        body.extend_from_slice(format!("{{\"action\":\"{}\"}}\n", event.action).as_bytes());
    } else {
        push_event(&mut body, event);
    }
    Reply::json(status, body).revision(revision)
}
