//! Admission: the questions a keyspace asks its guard.

use std::sync::Arc;

use tokio::sync::watch;

use super::audit::Audit;
use super::authenticate::Authenticate;
use super::demand::Demand;
use super::denied::Denied;
use super::draft::Draft;
use super::quota::Quotas;
use super::sieve::EntrySieve;
use super::visibility::Visibility;
use crate::model::{Caller, Principal, Write};

/// Who may see and change what. The guard implements it; the keyspace asks it inside its critical section, so that it
/// decides on the very state the writes would change.
///
/// Only clients are asked about in [`Admit::visibility`]: the operator and the gateway itself see everything.
pub trait Admit: Send + Sync {
    /// Whether the caller may make these writes. `draft` shows the state before and after them.
    ///
    /// By then it has neither read nor written what [`Admit::visibility`] does not allow, but for what follows from its writes:
    /// parents that are implied (`DirMark::Implied`), and what a lease releases or deletes when it ends.
    fn check(&self, caller: &Caller, draft: &Draft<'_>, writes: &[Write]) -> Result<(), Denied>;

    /// What the caller can see and change: reads, decisions and watches are bounded by it. Asked for each of them, so it
    /// should cost next to nothing.
    fn visibility(&self, caller: &Caller) -> Visibility;

    /// Where it is recorded who changed what. `None` where nobody wants to know.
    fn audit(&self) -> Option<&dyn Audit> {
        None
    }

    /// What finds out who sends a request by the secrets in it. `None` where those are ignored.
    fn authentication(&self) -> Option<&dyn Authenticate> {
        None
    }

    /// What may be beneath prefixes. `None` where nothing is counted. Asked once, by the keyspace that is opened.
    fn quotas(&self) -> Option<Arc<dyn Quotas>> {
        None
    }

    /// Who the caller is: the owner of the leases that it makes.
    fn principal(&self, _caller: &Caller) -> Principal {
        Principal::Anonymous
    }

    /// Both at once: a decision needs both, inside the critical section.
    fn visibility_and_principal(&self, caller: &Caller) -> (Visibility, Principal) {
        (self.visibility(caller), self.principal(caller))
    }

    /// Whether [`Admit::note`] wants to be told what requests ask for: where not, nobody collects it.
    fn notes_demands(&self) -> bool {
        false
    }

    /// Takes note of what a client's request asks for: where [`Admit::visibility`] bounds the caller, of what it has no right to,
    /// and elsewhere of everything.
    fn note(&self, _caller: &Caller, _demands: &[Demand]) {}

    /// Whether [`Admit::check`] wants to know what a request compares, and which ranges it changes as a whole.
    fn judges_requests(&self) -> bool {
        false
    }

    /// What keeps entries from clients because of what they hold. `None` where nothing does.
    fn sieve(&self) -> Option<Arc<dyn EntrySieve>> {
        None
    }

    /// Moves on when what some caller may see has changed. `None` where that never happens.
    fn epoch(&self) -> Option<&Epoch> {
        None
    }
}

/// The count of changes to what callers may see: parked watches ask again when it moves on.
#[derive(Debug, Default)]
pub struct Epoch(watch::Sender<u64>);

impl Epoch {
    /// Moves on. The new rules must be in force before: a watch that is woken asks [`Admit::visibility`] at once, and not
    /// again until the next change.
    pub fn advance(&self) {
        self.0.send_modify(|count| *count += 1);
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<u64> {
        self.0.subscribe()
    }
}
