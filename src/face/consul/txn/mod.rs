//! `PUT /v1/txn`: a transaction, several operations on entries of which all or none take effect.

mod answer;
mod apply;
mod failure;
mod parse;
mod write_weight;

use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;

use super::audit::{self, TxnRead};
use super::query_options::QueryOptions;
use super::reply::Reply;
use super::request::ApiRequest;
use super::weight::Weight;
use crate::model::Verb;
use crate::space::{Draft, View};
use crate::store::Limits;
use answer::{TxnAnswer, TxnError, TxnKind, TxnResult};
use failure::TxnFailure;
use parse::{TxnOp, TxnParseError};
use write_weight::WriteWeight;

/// The longest body of a transaction, in bytes: enough for the longest value in base64, and more.
pub(super) fn max_body_bytes(limits: Limits) -> usize {
    limits.value_bytes.saturating_mul(2)
}

/// Answers with results in the order of the operations; with 409 and errors where one failed, and nothing has changed.
pub(super) async fn serve(request: &ApiRequest<'_>, body: Body) -> Result<Reply, Reply> {
    let limits = request.face.space.limits();
    let limit = max_body_bytes(limits);
    let body = request.read_body(body, limit, "txn_max_req_len").await?;
    let body_bytes = body.len();
    let ops = Arc::new(parsed(request, body, limits).await?);
    if ops.iter().any(TxnOp::writes) {
        request.check_datacenter()?;
        return write(request, ops, body_bytes).await;
    }
    QueryOptions::parse(request)?;
    request.check_datacenter()?;
    let view: View = request.face.space.read(&request.caller);
    let asks = |demand| request.face.space.asks(&request.caller, || demand).is_ok();
    let outcome = apply::read_all(&view, &ops, asks);
    let denied = outcome.as_ref().err().map_or(&[][..], Vec::as_slice);
    audit::record_transaction(request, &reads(&ops, denied));
    let kind = TxnKind::Read(view);
    Ok(TxnAnswer { kind, ops, outcome }.into_reply(None))
}

/// The operations in a body; a long one is parsed on a heavy thread.
async fn parsed(
    request: &ApiRequest<'_>,
    body: Bytes,
    limits: Limits,
) -> Result<Vec<TxnOp>, Reply> {
    let weight = Weight::of_bytes(body.len());
    let parse = move || parse::parse(&body, limits.value_bytes);
    let parsed = if weight.is_small() {
        parse()
    } else {
        let fairness = &request.face.fairness;
        fairness.run(request.flow, weight.cost(), parse).await?
    };
    parsed.map_err(TxnParseError::into_reply)
}

/// The operations that read, and those that were denied.
fn reads<'a>(ops: &'a [TxnOp], failures: &[TxnError]) -> Vec<TxnRead<'a>> {
    let is_denied = |place| {
        let denied =
            |error: &TxnError| error.position == place && error.failure == TxnFailure::Denied;
        failures.iter().any(denied)
    };
    let reads = ops.iter().enumerate().map(|(place, op)| TxnRead {
        verb: match (op.writes(), op.verb.as_str()) {
            (true, _) => None,
            (false, "get-tree") => Some(Verb::List),
            (false, _) => Some(Verb::Read),
        },
        key: op.key.as_bytes(),
        is_denied: is_denied(place),
    });
    reads.collect()
}

async fn write(
    request: &ApiRequest<'_>,
    ops: Arc<Vec<TxnOp>>,
    body_bytes: usize,
) -> Result<Reply, Reply> {
    let weight = WriteWeight::of(request, &ops).await?;
    // Before the change: its answer must not be refused after it.
    let reservation = weight.reserve_answer(request)?;
    let decide = {
        let ops = Arc::clone(&ops);
        move |draft: &mut Draft<'_>| -> Result<Vec<TxnResult>, Vec<TxnError>> {
            apply::write_all(draft, &ops)
        }
    };
    let refused = |failures: Vec<TxnError>, revision| {
        let denied = reads(&ops, &failures);
        let denied: Vec<_> = denied.into_iter().filter(|read| read.is_denied).collect();
        audit::record_transaction(request, &denied);
        let answer = TxnAnswer {
            kind: TxnKind::Write(revision),
            ops: Arc::clone(&ops),
            outcome: Err(failures),
        };
        answer.into_reply(None)
    };
    let cost = weight.cost(body_bytes);
    let done = request.commit_wide(cost, decide, refused).await?;
    audit::record_transaction(request, &reads(&ops, &[]));
    let answer = TxnAnswer {
        kind: TxnKind::Write(done.revision),
        ops: Arc::clone(&ops),
        outcome: Ok(done.reply),
    };
    Ok(answer.into_reply(Some(reservation)))
}
