//! `RecordSieve`: the records that would harm the daemons that read them, whoever wrote them, and when.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use serde::Serialize;

use super::metrics::DockerGuardMetrics;
use super::mode::DockerGuardMode;
use crate::docker::{CheckedRecord, RecordFault, RecordKind, RecordPlace};
use crate::guard::line_budget::LineBudget;
use crate::model::{Entry, Key, Realm};
use crate::space::{EntrySieve, Foreseen};

/// The most records that the status names.
const NAMED: usize = 100;

/// A record that would harm the daemons that read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct QuarantinedRecord {
    /// Its key.
    pub key: String,
    /// What it would do.
    pub why: String,
}

/// Keeps harmful records from clients, where that is the mode, and knows them all.
#[derive(Debug)]
pub(super) struct RecordSieve {
    mode: DockerGuardMode,
    metrics: DockerGuardMetrics,
    log: LineBudget,
    harmful: Mutex<BTreeMap<Key, RecordFault>>,
}

impl RecordSieve {
    pub(super) fn new(mode: DockerGuardMode, metrics: DockerGuardMetrics) -> Self {
        Self {
            mode,
            metrics,
            log: LineBudget::default(),
            harmful: Mutex::default(),
        }
    }

    /// The first of them, by key.
    pub(super) fn quarantined(&self) -> Vec<QuarantinedRecord> {
        let harmful = self.harmful.lock();
        let named = harmful.iter().take(NAMED);
        named
            .map(|(key, fault)| QuarantinedRecord {
                key: key.to_string(),
                why: fault.to_string(),
            })
            .collect()
    }

    /// What the sieve says of an entry, and what is to be noted of it.
    fn judge(
        &self,
        key: &Key,
        entry: Option<&Entry>,
        beside: &dyn Fn(&Key) -> Option<Arc<Entry>>,
    ) -> (Foreseen, Option<RecordFault>) {
        let fault = entry.and_then(|entry| fault(key, entry, beside));
        let foreseen = Foreseen {
            holds_back: fault.is_some() && self.mode == DockerGuardMode::Enforce,
            is_news: self.harmful.lock().get(key) != fault.as_ref(),
        };
        (foreseen, fault)
    }

    /// Takes note of what a record is now, which is news.
    fn note(&self, key: &Key, fault: Option<RecordFault>) {
        let mut harmful = self.harmful.lock();
        let line = self.log.permit();
        if let Some(fault) = fault {
            let (reason, what) = (fault.name(), self.what());
            if let Some(left_out) = line {
                tracing::warn!(%key, reason, left_out, "{what}: {fault}");
            }
            harmful.insert(key.clone(), fault);
        } else {
            harmful.remove(key);
            if let Some(left_out) = line {
                tracing::info!(%key, left_out, "a record of Docker's no longer harms daemons");
            }
        }
        self.metrics.quarantined(harmful.len());
    }

    fn what(&self) -> &'static str {
        match self.mode {
            DockerGuardMode::Warn => "a record of Docker's would harm the daemons that read it",
            DockerGuardMode::Enforce => {
                "a record of Docker's would harm the daemons that read it, and is kept from clients"
            }
        }
    }
}

/// Why an entry harms daemons, if it does.
fn fault(
    key: &Key,
    entry: &Entry,
    beside: &dyn Fn(&Key) -> Option<Arc<Entry>>,
) -> Option<RecordFault> {
    let place = RecordPlace::of(key.as_bytes())?;
    let checked = match place.check(entry.value()) {
        Ok(checked) => checked.record,
        Err(fault) => return Some(fault),
    };
    let (RecordKind::Network(id), CheckedRecord::Network(network)) = (&place.kind, &checked) else {
        return None;
    };
    let keys = place.sibling(&RecordKind::EndpointCount(id));
    let count = keys.iter().find_map(|key| beside(&Key::user(key)));
    let is_counted = count.is_some_and(|count| {
        let place = RecordPlace {
            tenant: place.tenant,
            kind: RecordKind::EndpointCount(id),
        };
        place.check(count.value()).is_ok()
    });
    // A marked one is skipped, and outlives its count for a moment.
    (!is_counted && !network.in_delete).then_some(RecordFault::Uncounted)
}

impl EntrySieve for RecordSieve {
    fn begin(&self) {
        self.harmful.lock().clear();
        self.metrics.quarantined(0);
    }

    fn concerned(
        &self,
        key: &Key,
        before: Option<&Entry>,
        now: Option<&Entry>,
    ) -> Option<Vec<Key>> {
        if key.realm() == Realm::System {
            return None;
        }
        let place = RecordPlace::of(key.as_bytes())?;
        // What is counted decides nothing: a network is not decoded for each of its containers.
        let is_count = |entry: &Entry| place.check(entry.value()).is_ok();
        let RecordKind::EndpointCount(id) = place.kind else {
            return Some(Vec::new());
        };
        if before.map(is_count) == now.map(is_count) {
            return Some(Vec::new());
        }
        let network = place.sibling(&RecordKind::Network(id));
        Some(network.map(Key::user).into())
    }

    fn holds_back(
        &self,
        key: &Key,
        entry: Option<&Entry>,
        beside: &dyn Fn(&Key) -> Option<Arc<Entry>>,
    ) -> bool {
        let (foreseen, fault) = self.judge(key, entry, beside);
        if foreseen.is_news {
            self.note(key, fault);
        }
        foreseen.holds_back
    }

    fn foresee(
        &self,
        key: &Key,
        entry: Option<&Entry>,
        beside: &dyn Fn(&Key) -> Option<Arc<Entry>>,
    ) -> Foreseen {
        self.judge(key, entry, beside).0
    }
}
