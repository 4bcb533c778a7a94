//! Records of reads for the audit log: what a request was shown, or was refused. The keyspace records changes.

use http::{Method, StatusCode};

use super::request::ApiRequest;
use super::route::Endpoint;
use crate::face::audit;
use crate::model::Verb;
use crate::space::AuditEvent;

/// An operation of a transaction, as the audit log records it.
#[derive(Clone, Copy, Debug)]
pub(super) struct TxnRead<'a> {
    /// What it does to the key; `None` of a change, which the keyspace records.
    pub(super) verb: Option<Verb>,
    pub(super) key: &'a [u8],
    /// The caller has no right to it, so that the transaction failed.
    pub(super) is_denied: bool,
}

/// Records what a request that reads is answered.
pub(super) fn record_read(request: &ApiRequest<'_>, endpoint: Endpoint, status: StatusCode) {
    let is_key = endpoint == Endpoint::Kv;
    let space = &request.face.space;
    let is_read = request.parts.method == Method::GET && (is_key || shows_sessions(endpoint));
    if !is_read || space.audit().is_none() {
        return;
    }
    let has = |name| request.query.has(name);
    let verb = match (is_key, has("index"), has("keys") || has("recurse")) {
        (false, ..) => Verb::Session,
        (true, true, _) => Verb::Watch,
        (true, false, true) => Verb::List,
        (true, false, false) => Verb::Read,
    };
    let read = (verb, is_key.then_some(request.rest));
    audit::record_read(
        space,
        &request.caller,
        read,
        (status, StatusCode::FORBIDDEN),
    );
}

/// Records what a transaction is shown of these keys, or which of them it was refused.
pub(super) fn record_transaction(request: &ApiRequest<'_>, reads: &[TxnRead<'_>]) {
    let space = &request.face.space;
    let Some(audit) = space.audit() else { return };
    for read in reads {
        let verb = read.verb.unwrap_or(Verb::Write);
        let event = if read.is_denied {
            // What the rules refuse, the guard has recorded.
            if !space.allows(&request.caller, verb, read.key) {
                continue;
            }
            AuditEvent::refused_by_list(read.verb, Some(read.key))
        } else if let Some(verb) = read.verb.filter(|_| audit.wants_reads()) {
            AuditEvent::Read {
                verb,
                key: Some(read.key),
                index: space.read(&request.caller).revision(),
            }
        } else {
            continue;
        };
        audit.record(&request.caller, &event);
    }
}

fn shows_sessions(endpoint: Endpoint) -> bool {
    matches!(
        endpoint,
        Endpoint::SessionInfo | Endpoint::SessionNode | Endpoint::SessionList
    )
}
