//! Decisions: a draft is filled, judged by the guard, and becomes a proposal.

use std::sync::Arc;

use super::access::AccessCaller;
use super::asked_for::AskedFor;
use super::audit::{AuditedChange, NotedReply};
use super::denied::Denied;
use super::draft::{Draft, DraftBounds};
use super::keyspace::{ChangeError, Committed, Keyspace};
use super::pending::{MAX_PENDING_WRITES, PendingSnapshot};
use super::read_write_set::ReadWriteSet;
use super::renewal::Renewal;
use super::visibility::Visibility;
use crate::model::{Caller, Proposal, time};

/// How much is decided inside the critical section; more than that is decided outside, and checked inside.
const INSIDE: DraftBounds = DraftBounds {
    writes: MAX_PENDING_WRITES,
    scanned: 1_024,
};

/// What a change is answered.
pub(crate) type ChangeAnswer<R, E> = Result<Committed<R>, ChangeError<E>>;

/// Where a decision is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DecidedWhere {
    /// Inside the critical section, as long as that is quick.
    Inside,
    /// Anywhere, however long it takes.
    Anywhere,
}

/// What a decision came to.
pub(crate) enum Decided<R, E> {
    /// The reply, and what is to be written.
    Writes(NotedReply<R>, Proposal),
    /// The reply, and what is to be renewed: nothing is to be written.
    Renews(NotedReply<R>, Box<Renewal>),
    /// It was refused, or there is nothing to be written.
    NoWrites(ChangeAnswer<R, E>),
    /// It takes too long to be made inside the critical section.
    TooWide,
}

/// A decision that the guard admits.
struct Judged<R> {
    reply: R,
    proposal: Proposal,
    /// Whether something was written and removed again.
    undid: bool,
    /// What is to be recorded of it.
    audited: Option<Box<dyn AuditedChange>>,
}

impl Keyspace {
    /// Decides on a draft over `base`; with the read-write set where it `asks` for that, or the change is wide. What it asked for
    /// takes the place of what the decision before it did.
    pub(crate) fn decide<R, E>(
        &self,
        caller: &Caller,
        base: PendingSnapshot<'_>,
        decide: impl Fn(&mut Draft<'_>) -> Result<R, E>,
        (place, asks): (DecidedWhere, bool),
        asked: &mut AskedFor,
    ) -> (Decided<R, E>, Option<Arc<ReadWriteSet>>) {
        let bounds = match place {
            DecidedWhere::Inside => INSIDE,
            DecidedWhere::Anywhere => DraftBounds {
                writes: self.limits().writes,
                scanned: usize::MAX,
            },
        };
        // Not sifted: whoever may is to replace or delete what is kept back.
        let (visibility, principal) = match caller {
            Caller::Client { .. } => {
                let (visibility, principal) = self.inner.admit.visibility_and_principal(caller);
                (visibility, Some(principal))
            }
            Caller::Operator | Caller::System => (Visibility::All, None),
        };
        let now_ms = time::unix_ms();
        let draft = Draft::new(base, now_ms, principal, visibility, bounds);
        let mut draft = draft.bound_by_lists(AccessCaller::of(caller));
        if self.notes_demands(caller) {
            draft = draft.noting_demands();
        }
        if self.audit().is_some() || self.inner.admit.judges_requests() {
            draft = draft.audited();
        }
        // What is decided inside is never wide, so that its set is not asked for after all.
        if !asks && place == DecidedWhere::Inside {
            draft = draft.without_reads();
        }
        let judged = self.judge(caller, &mut draft, decide, asked);
        if draft.is_exceeded() && place == DecidedWhere::Inside {
            return (Decided::TooWide, None);
        }
        let (reply, mut proposal) = match judged {
            Err(error) => {
                let set = asks.then(|| Arc::new(draft.take_read_write_set()));
                return (Decided::NoWrites(Err(error)), set);
            }
            Ok(judged) if judged.proposal.writes.is_empty() && !judged.undid => {
                let set = asks.then(|| Arc::new(draft.take_read_write_set()));
                let answer = Ok(Committed {
                    reply: judged.reply,
                    revision: base.revision(),
                    commit: None,
                });
                return (Decided::NoWrites(answer), set);
            }
            Ok(judged) => (
                NotedReply::new(judged.reply, judged.audited),
                judged.proposal,
            ),
        };
        let renewal = match place {
            DecidedWhere::Inside => self.renewal(&draft, &mut proposal),
            DecidedWhere::Anywhere => None,
        };
        let asks = asks || proposal.writes.len() > MAX_PENDING_WRITES;
        let set = asks.then(|| Arc::new(draft.take_read_write_set()));
        match renewal {
            Some(renewal) => (Decided::Renews(reply, Box::new(renewal)), set),
            None => (Decided::Writes(reply, proposal), set),
        }
    }

    fn judge<R, E>(
        &self,
        caller: &Caller,
        draft: &mut Draft<'_>,
        decide: impl Fn(&mut Draft<'_>) -> Result<R, E>,
        asked: &mut AskedFor,
    ) -> Result<Judged<R>, ChangeError<E>> {
        let revision = draft.revision();
        let decision = decide(draft);
        if decision.is_ok() && self.inner.store.derives_directories() {
            draft.tally_lost_children();
        }
        if draft.is_exceeded() {
            asked.forget();
        } else {
            asked.replace(&self.inner.admit, caller, draft.take_demands());
        }
        // Before the decision's own answer, which may show what is hidden.
        if let Some(denied) = draft.forbidden() {
            return Err(ChangeError::Denied(denied.clone()));
        }
        if draft.is_exceeded() {
            let limit = self.limits().writes;
            let why = format!("more than the limit of {limit} changes in one request");
            return Err(ChangeError::Denied(Denied::TooMuch(why)));
        }
        let reply = decision.map_err(|error| ChangeError::Refused { error, revision })?;
        draft.check_lists().map_err(ChangeError::Denied)?;
        let undid = draft.undid();
        let proposal = draft.take_proposal();
        self.inner
            .admit
            .check(caller, draft, &proposal.writes)
            .map_err(ChangeError::Denied)?;
        let audited = match self.inner.admit.audit() {
            Some(audit) if !proposal.writes.is_empty() => audit
                .change(caller, draft, &proposal.writes)
                .map_err(ChangeError::Denied)?,
            Some(_) | None => None,
        };
        Ok(Judged {
            reply,
            proposal,
            undid,
            audited,
        })
    }
}
