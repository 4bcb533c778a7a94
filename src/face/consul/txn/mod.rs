//! `PUT /v1/txn`: a transaction, several operations on entries of which all or none take effect.

mod apply;
mod encode;
mod parse;

use axum::body::Body;

use super::commit_error;
use super::query_options::QueryOptions;
use super::reply::Reply;
use super::request::ApiRequest;
use crate::space::{Draft, View};
use crate::store::Limits;
use encode::{TxnError, TxnKind, TxnResult};
use parse::{TxnOp, TxnParseError};

/// The longest body of a transaction, in bytes: enough for the longest value in base64, and more.
pub(super) fn max_body_bytes(limits: Limits) -> usize {
    limits.value_bytes.saturating_mul(2)
}

/// Answers with results in the order of the operations; with 409 and errors where one failed, and nothing has changed.
pub(super) async fn serve(request: &ApiRequest<'_>, body: Body) -> Result<Reply, Reply> {
    let limits = request.face.space.limits();
    let limit = max_body_bytes(limits);
    let body = request.read_body(body, limit, "txn_max_req_len").await?;
    let ops = parse::parse(&body, limits.value_bytes).map_err(TxnParseError::into_reply)?;
    if ops.iter().any(TxnOp::writes) {
        request.check_datacenter()?;
        return write(request, &ops).await;
    }
    QueryOptions::parse(request)?;
    request.check_datacenter()?;
    let view: View = request.face.space.read(&request.caller);
    let outcome = apply::read_all(&view, &ops);
    Ok(encode::reply(TxnKind::Read, &outcome, view.revision()))
}

async fn write(request: &ApiRequest<'_>, ops: &[TxnOp]) -> Result<Reply, Reply> {
    let decide = |draft: &mut Draft<'_>| -> Result<Vec<TxnResult>, Vec<TxnError>> {
        apply::write_all(draft, ops)
    };
    match request.face.space.commit(&request.caller, decide).await {
        Ok(done) => Ok(encode::reply(
            TxnKind::Write,
            &Ok(done.reply),
            done.revision,
        )),
        Err(error) => Err(commit_error::reply(error, |failures, revision| -> Reply {
            encode::reply(TxnKind::Write, &Err(failures), revision)
        })),
    }
}
