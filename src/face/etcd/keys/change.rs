//! Change of a node: its commit, and the answer with its event.

use std::time::Duration;

use http::StatusCode;
use tokio::time::Instant;

use super::commit_events::NARROW;
use super::encode::encode_event;
use super::event::{self, NodeEvent};
use super::find;
use super::parameters::Parameters;
use crate::face::etcd::error::{V2Error, V2ErrorCode};
use crate::face::etcd::reply::Reply;
use crate::face::etcd::request::ApiRequest;
use crate::face::etcd::small_or_heavy::small_or_heavy;
use crate::face::etcd::stats::counters::OutcomeCounter;
use crate::face::etcd::{commit_error, held_bytes, overloaded};
use crate::face::heavy_future::poll_on_heavy_threads;
use crate::fairness::{Cost, Overloaded, Seat};
use crate::model::Flow;
use crate::space::{ChangeError, Committed, Draft, EntryAccess};

/// The longest time that a commit may take. Docker's client gives up after three seconds and may then repeat its
/// request: it must have an answer before that.
pub(in crate::face::etcd) const COMMIT_TIMEOUT: Duration = Duration::from_millis(2_500);

/// The longest time that a change waits for its turn, so that the commit has the rest.
const SEAT_TIMEOUT: Duration = Duration::from_millis(1_500);

/// The longest time that a long answer waits for its turn.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(250);

/// Commits a change of this cost and answers with its event, whose action is `action`.
pub(super) async fn commit(
    request: &ApiRequest<'_>,
    parameters: &Parameters,
    action: &'static str,
    counter: &OutcomeCounter,
    cost: Cost,
    decide: impl Fn(&mut Draft<'_>) -> Result<(), V2Error>,
) -> Result<Reply, Reply> {
    let begin = Instant::now();
    // Until the answer is made: that is work, too.
    let mut seat = match seat(request, parameters, cost).await {
        Ok(seat) => Some(seat),
        Err(overloaded) => return Err(not_begun(counter, overloaded)),
    };
    let decide = |draft: &mut Draft<'_>| {
        asks_for_answer(draft, action, parameters);
        decide(draft)
    };
    let space = &request.face.space;
    let commit = space.commit_keeping(&request.caller, &mut seat, decide);
    let done = tokio::time::timeout_at(begin + COMMIT_TIMEOUT, commit).await;
    outcome(request, parameters, action, counter, done.ok()).await
}

/// The same of a change of any number of keys: where there are many, it is decided on heavy threads.
pub(super) async fn commit_wide(
    request: &ApiRequest<'_>,
    parameters: &Parameters,
    action: &'static str,
    counter: &OutcomeCounter,
    cost: Cost,
    decide: impl Fn(&mut Draft<'_>) -> Result<(), V2Error> + Send + Sync + 'static,
) -> Result<Reply, Reply> {
    if cost.is_small() {
        return commit(request, parameters, action, counter, cost, decide).await;
    }
    let begin = Instant::now();
    let mut seat = match seat(request, parameters, cost).await {
        Ok(seat) => Some(seat),
        Err(overloaded) => return Err(not_begun(counter, overloaded)),
    };
    let (space, caller) = (request.face.space.clone(), request.caller.clone());
    let own = parameters.clone();
    let decide = move |draft: &mut Draft<'_>| {
        asks_for_answer(draft, action, &own);
        decide(draft)
    };
    let change = async move {
        let done = space.commit_keeping(&caller, &mut seat, decide).await;
        (seat, done)
    };
    let fairness = &request.face.fairness;
    let change = poll_on_heavy_threads(fairness, request.flow(), cost, change);
    match tokio::time::timeout_at(begin + COMMIT_TIMEOUT, change).await {
        Ok(Ok((_seat, done))) => outcome(request, parameters, action, counter, Some(done)).await,
        Ok(Err(overloaded)) => Err(not_begun(counter, overloaded)),
        Err(_elapsed) => outcome(request, parameters, action, counter, None).await,
    }
}

/// Asks access lists for what the answer to a change shows, and the error where a comparison fails: the node as it was before.
fn asks_for_answer(draft: &Draft<'_>, action: &str, parameters: &Parameters) {
    // That a node is there is no secret of a list.
    if action == "create" {
        return;
    }
    draft.asks_to_node(EntryAccess::Read, &parameters.path);
    // Before the comparison.
    match action {
        "compareAndSwap" => draft.asks_to_node(EntryAccess::Put, &parameters.path),
        "compareAndDelete" => draft.asks_to_node(EntryAccess::Delete, &parameters.path),
        _ => {}
    }
}

/// The answer where a change was refused before it was decided.
fn not_begun(counter: &OutcomeCounter, overloaded: Overloaded) -> Reply {
    counter.count(false);
    overloaded::reply(overloaded)
}

/// The answer to a change; `None` where it took too long.
async fn outcome(
    request: &ApiRequest<'_>,
    parameters: &Parameters,
    action: &'static str,
    counter: &OutcomeCounter,
    done: Option<Result<Committed<()>, ChangeError<V2Error>>>,
) -> Result<Reply, Reply> {
    counter.count(matches!(done, Some(Ok(_))));
    match done {
        None => {
            // The outcome is unknown, as the commit may still happen: the client must not take this answer for a refusal.
            let cause = "etcdserver: request timed out";
            Err(V2Error::new(V2ErrorCode::RaftInternal, cause).reply(0))
        }
        Some(Ok(done)) => answer(request, parameters, action, done).await,
        Some(Err(ChangeError::Refused { error, revision })) => {
            Err(refused(request, parameters, error, revision).await)
        }
        Some(Err(error)) => {
            let revision = request.face.space.read(&request.caller).revision();
            Err(commit_error::reply(error, revision))
        }
    }
}

/// The answer to a change that the decision refused.
async fn refused(
    request: &ApiRequest<'_>,
    parameters: &Parameters,
    mut error: V2Error,
    revision: u64,
) -> Reply {
    let Some(found) = error.found.take() else {
        return error.reply(revision);
    };
    let (fairness, flow) = (&request.face.fairness, request.flow());
    let cost = Cost::new(1, parameters.prev_value.len() + found.value().len());
    let parameters = parameters.clone();
    let made = small_or_heavy(fairness, flow, cost, move || {
        error.cause = find::difference(&parameters, &found);
        (error.body(revision), error)
    });
    let held = made.await.and_then(|(body, error)| {
        let body = held_bytes::held(fairness.answers(), flow, body)?;
        Ok(error.reply_with(body, revision))
    });
    held.unwrap_or_else(overloaded::reply)
}

/// Waits for the turn of a change.
async fn seat(
    request: &ApiRequest<'_>,
    parameters: &Parameters,
    cost: Cost,
) -> Result<Seat, Overloaded> {
    // Who renews something must not lose it because others write much.
    let flow = if parameters.refresh {
        Flow::Exempt
    } else {
        request.flow()
    };
    in_turn(request.face.fairness.seat(flow, cost)).await?
}

/// What comes before a change, if it comes before the client gives up.
pub(super) async fn in_turn<T>(before: impl Future<Output = T>) -> Result<T, Overloaded> {
    let waited = |_elapsed| Overloaded::Wait {
        seconds: SEAT_TIMEOUT.as_secs(),
    };
    tokio::time::timeout(SEAT_TIMEOUT, before)
        .await
        .map_err(waited)
}

/// The answer to a change that was made: it is never refused.
async fn answer(
    request: &ApiRequest<'_>,
    parameters: &Parameters,
    action: &'static str,
    done: Committed<()>,
) -> Result<Reply, Reply> {
    let left_no_event = || {
        let cause = "the change left no event";
        V2Error::new(V2ErrorCode::RaftInternal, cause).reply(0)
    };
    let commit = done.commit.ok_or_else(left_no_event)?;
    let fairness = &request.face.fairness;
    let action_alone = parameters.no_value_on_success;
    // A recursive delete shows nothing of what was beneath.
    let bytes = if commit.changes.len() > NARROW {
        0
    } else {
        commit.weight()
    };
    let cost = Cost::new(commit.changes.len(), bytes);
    let make = move || {
        let event = event::of_write(&commit, action)?;
        Some((status(&event), body(&event, action_alone)))
    };
    let in_turn = small_or_heavy(fairness, request.flow(), cost, make.clone());
    let made = match tokio::time::timeout(ANSWER_TIMEOUT, in_turn).await {
        Ok(Ok(made)) => Ok(made),
        // No client has more of these than it has seats.
        Ok(Err(_)) | Err(_) => fairness.run(Flow::Exempt, cost, make).await,
    };
    match made {
        Ok(Some((status, body))) => {
            let body = held_bytes::charged(fairness.answers(), request.flow(), body);
            Ok(Reply::json(status, body).revision(done.revision))
        }
        Ok(None) => Err(left_no_event()),
        Err(stopping) => Err(overloaded::reply(stopping)),
    }
}

/// 201 where the change created the node.
fn status(event: &NodeEvent) -> StatusCode {
    if event.action == "create" || (event.action == "set" && event.prev.is_none()) {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    }
}

fn body(event: &NodeEvent, action_alone: bool) -> Vec<u8> {
    let wrote = matches!(event.action, "set" | "compareAndSwap" | "create" | "update");
    if action_alone && wrote {
        format!("{{\"action\":\"{}\"}}\n", event.action).into_bytes()
    } else {
        encode_event(event)
    }
}
