//! `StatusWriter`: writes the status of the objects of a policy.
//!
//! Every gateway of a namespace does, where the status says something else than it would. The first one succeeds, and the others
//! are refused, because the object has changed meanwhile. Each writes what it would say of a version once: gateways of different
//! releases that disagree do not write in turn.

use std::collections::{HashMap, HashSet};

use tokio::sync::watch;

use crate::model::time;
use crate::store::kubernetes::policy_objects::{
    PolicyMetadata, PolicySource, PolicyStatus, UnreadablePolicies,
};

/// What the status of an object says, and what it must say.
#[derive(Clone, Debug)]
pub(super) struct JudgedObject {
    pub(super) object: PolicyMetadata,
    pub(super) before: PolicyStatus,
    pub(super) now: PolicyStatus,
}

/// Writes what each status must say.
#[derive(Debug)]
pub(super) struct StatusWriter {
    source: PolicySource,
    judged: watch::Receiver<Vec<JudgedObject>>,
    /// What was written last of each object, by its uid.
    written: HashMap<String, PolicyStatus>,
    /// Whether it was logged that a status cannot be written.
    is_refused: bool,
}

impl StatusWriter {
    pub(super) fn new(source: PolicySource, judged: watch::Receiver<Vec<JudgedObject>>) -> Self {
        Self {
            source,
            judged,
            written: HashMap::new(),
            is_refused: false,
        }
    }

    /// Writes, until nobody judges objects any more.
    pub(super) async fn run(mut self) {
        while self.judged.changed().await.is_ok() {
            let judged = self.judged.borrow_and_update().clone();
            let there: HashSet<_> = judged.iter().map(|one| one.object.uid.as_str()).collect();
            self.written.retain(|uid, _| there.contains(uid.as_str()));
            for one in &judged {
                // What was judged later is about newer versions.
                if self.judged.has_changed().unwrap_or(true) {
                    break;
                }
                self.write(one).await;
            }
        }
    }

    async fn write(&mut self, judged: &JudgedObject) {
        let JudgedObject {
            object,
            before,
            now,
        } = judged;
        let written = self.written.get(&object.uid);
        if now == before || written.is_some_and(|written| written.says_the_same(now)) {
            return;
        }
        let at = jiff::Timestamp::from_second(time::unix_ms() / 1000).unwrap_or_default();
        let status = now.in_place_of(before, &at.to_string());
        match self.source.write_status(object, &status).await {
            Ok(()) => {
                self.is_refused = false;
                self.written.insert(object.uid.clone(), now.clone());
            }
            Err(UnreadablePolicies::Refused(error)) if !self.is_refused => {
                self.is_refused = true;
                tracing::error!(
                    error,
                    "policy: the status of AccessPolicy objects cannot be written: grant the gateway update on accesspolicies/status"
                );
            }
            // It is tried again with the next list.
            Err(error) => {
                tracing::debug!(%error, name = object.name, "the status of a policy is not written");
            }
        }
    }
}
