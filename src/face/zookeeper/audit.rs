//! Records for the audit log: sessions, identities, reads, and what access lists refuse. The keyspace records changes.

use super::operations::{ChangeRefusal, ChangeRequest, Reply};
use super::path::tree_path;
use super::session::ClientSession;
use crate::model::{Caller, Verb};
use crate::space::{AuditEvent, Keyspace};
use crate::wire::zookeeper::{ErrorCode, MultiReply, MultiResult};

const LIST: &str = "the node's access list";

/// Records that a connection has a session.
pub(super) fn record_session(
    space: &Keyspace,
    caller: &Caller,
    session: &ClientSession,
    is_new: bool,
) {
    if let Some(audit) = space.audit() {
        let how = if is_new {
            "a new session"
        } else {
            "its session's password"
        };
        let session = session.lease.to_string();
        let event = AuditEvent::Login {
            how,
            session: Some(&session),
        };
        audit.record(caller, &event);
    }
}

/// Records an `Auth`. Of the credentials only the name is recorded, where they have one.
pub(super) fn record_identity(
    space: &Keyspace,
    caller: &Caller,
    (scheme, credentials): (&str, Option<&[u8]>),
    is_proved: bool,
) {
    let Some(audit) = space.audit() else { return };
    let scheme = scheme.escape_default().take(32).collect::<String>();
    let credentials = credentials.unwrap_or_default();
    let mut parts = credentials.splitn(2, |byte| *byte == b':');
    // Without a colon all of it is the secret.
    let how = match (parts.next(), parts.next()) {
        (Some(name), Some(_)) if scheme == "digest" => {
            format!("digest {}", name.escape_ascii())
        }
        _ => scheme,
    };
    let event = if is_proved {
        AuditEvent::Login {
            how: &how,
            session: None,
        }
    } else {
        AuditEvent::Refused {
            verb: None,
            key: None,
            rule: None,
            why: "authentication failed",
            is_prefix: false,
            would: false,
        }
    };
    audit.record(caller, &event);
}

/// Records what an access list refused of a change.
pub(super) fn record_refusal(
    space: &Keyspace,
    caller: &Caller,
    change: &ChangeRequest,
    refusal: &ChangeRefusal,
) {
    let Some(audit) = space.audit() else { return };
    let steps = change.targets();
    let refused = match refusal {
        ChangeRefusal::Error(ErrorCode::NoAuth) => steps.first(),
        ChangeRefusal::Multi(MultiReply(results)) => {
            let refused = |(_, result): &(&_, &MultiResult)| is_refused(result);
            let step = steps.iter().zip(results).find(refused);
            step.map(|(step, _)| step)
        }
        ChangeRefusal::Error(_) | ChangeRefusal::SessionEnded => None,
    };
    // What the rules refuse, the guard has recorded.
    if let Some((verb, path)) = refused
        && space.allows(caller, *verb, key_of(path))
    {
        audit.record(caller, &refusal_of(*verb, path));
    }
}

fn is_refused(result: &MultiResult) -> bool {
    matches!(result, MultiResult::Failed(number) if *number == ErrorCode::NoAuth.number())
}

fn refusal_of(verb: Verb, path: &str) -> AuditEvent<'_> {
    AuditEvent::Refused {
        verb: Some(verb),
        key: Some(key_of(path)),
        rule: None,
        why: LIST,
        is_prefix: false,
        would: false,
    }
}

/// The key of a path, and the path itself where no node can have it.
fn key_of(path: &str) -> &[u8] {
    tree_path(path).unwrap_or(path).as_bytes()
}

/// What a request reads, until it is known what it is answered.
#[derive(Debug)]
pub(super) struct ReadRecord {
    space: Keyspace,
    caller: Caller,
    reads: Vec<(Verb, String)>,
}

impl ReadRecord {
    /// Of these reads; `None` where nobody wants to know.
    pub(super) fn new(
        space: &Keyspace,
        caller: &Caller,
        reads: impl FnOnce() -> Vec<(Verb, String)>,
    ) -> Option<Self> {
        space.audit()?;
        Some(Self {
            space: space.clone(),
            caller: caller.clone(),
            reads: reads(),
        })
    }

    /// Records the answer.
    pub(super) fn record(&self, reply: &Result<Reply, ErrorCode>, revision: u64) {
        let Some(audit) = self.space.audit() else {
            return;
        };
        let results = match reply {
            Ok(Reply::Multi(MultiReply(results))) => results.as_slice(),
            Ok(_) | Err(_) => &[],
        };
        for (place, (verb, path)) in self.reads.iter().enumerate() {
            let is_refused = matches!(reply, Err(ErrorCode::NoAuth))
                || results.get(place).is_some_and(is_refused);
            if is_refused && !self.space.allows(&self.caller, *verb, key_of(path)) {
                continue;
            }
            if is_refused {
                audit.record(&self.caller, &refusal_of(*verb, path));
            } else if audit.wants_reads() {
                let event = AuditEvent::Read {
                    verb: *verb,
                    key: Some(key_of(path)),
                    index: revision,
                };
                audit.record(&self.caller, &event);
            }
        }
    }
}
