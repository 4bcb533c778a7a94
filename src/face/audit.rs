//! Records of reads for the audit log: what a request was shown, or was refused. The keyspace records changes.

use http::StatusCode;

use crate::model::{Caller, Verb};
use crate::space::{AuditEvent, Keyspace};

/// Records what a read is answered; without a key it is about sessions. `refusal` is the face's status for what a caller has
/// no right to: what the rules refuse so, the guard has recorded.
pub(super) fn record_read(
    space: &Keyspace,
    caller: &Caller,
    (verb, key): (Verb, Option<&[u8]>),
    (status, refusal): (StatusCode, StatusCode),
) {
    let Some(audit) = space.audit() else { return };
    let is_refused = status == refusal;
    let is_shown = matches!(status, StatusCode::OK | StatusCode::NOT_FOUND);
    let event = if is_refused && key.is_some_and(|key| space.allows(caller, verb, key)) {
        AuditEvent::refused_by_list(Some(verb), key)
    } else if is_shown && audit.wants_reads() {
        let index = space.read(caller).revision();
        AuditEvent::Read { verb, key, index }
    } else {
        return;
    };
    audit.record(caller, &event);
}
