//! Records of reads for the audit log: what a request was shown, or was refused. The keyspace records changes.

use http::StatusCode;

use super::request::ApiRequest;
use crate::model::Verb;
use crate::space::AuditEvent;

/// Records what a read of this key is answered.
pub(super) fn record_read(request: &ApiRequest<'_>, (verb, key): (Verb, &str), status: StatusCode) {
    let space = &request.face.space;
    let Some(audit) = space.audit() else { return };
    let name = key.as_bytes();
    let key = Some(name);
    let event = match status {
        StatusCode::UNAUTHORIZED if space.allows(&request.caller, verb, name) => {
            AuditEvent::refused_by_list(Some(verb), key)
        }
        StatusCode::OK | StatusCode::NOT_FOUND if audit.wants_reads() => AuditEvent::Read {
            verb,
            key,
            index: space.read(&request.caller).revision(),
        },
        _ => return,
    };
    audit.record(&request.caller, &event);
}
