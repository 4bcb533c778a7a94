//! `PUT /v1/txn`: several operations on entries, all or none.

mod apply;
mod parse;
mod reply;

use axum::body::Body;

use super::ask::Ask;
use super::options::Options;
use super::refused;
use super::reply::{Answer, Reply};
use crate::space::{Draft, View};
use crate::store::Limits;
use parse::{Op, ParseError};
use reply::{Failure, Kind, Shown};

/// The longest transaction, in bytes of its body: enough for the longest value, which is base64 there, and more.
pub(super) fn most_bytes(limits: Limits) -> usize {
    limits.value_bytes.saturating_mul(2)
}

/// Results in the order of operations; with errors 409, and nothing has changed.
pub(super) async fn handle(ask: &Ask<'_>, body: Body) -> Answer {
    let limits = ask.face.space.limits();
    let limit = most_bytes(limits);
    let body = ask
        .read(body, limit)
        .await?
        .map_err(|long| refused::too_long(long.said, limit, "txn_max_req_len"))?;
    let ops = parse::parse(&body, limits.value_bytes).map_err(ParseError::into_reply)?;
    if ops.iter().any(Op::writes) {
        ask.this_datacenter()?;
        return write(ask, &ops).await;
    }
    Options::parse(ask)?;
    ask.this_datacenter()?;
    let view: View = ask.face.space.read(&ask.caller);
    let outcome = apply::read_all(&view, &ops);
    Ok(reply::reply(Kind::Read, &outcome, view.revision()))
}

async fn write(ask: &Ask<'_>, ops: &[Op]) -> Answer {
    let decide = |draft: &mut Draft<'_>| -> Result<Vec<Shown>, Vec<Failure>> {
        apply::write_all(draft, ops)
    };
    match ask.face.space.commit(&ask.caller, decide).await {
        Ok(done) => Ok(reply::reply(Kind::Write, &Ok(done.reply), done.revision)),
        Err(error) => Err(refused::commit(error, |failures, revision| -> Reply {
            reply::reply(Kind::Write, &Err(failures), revision)
        })),
    }
}
