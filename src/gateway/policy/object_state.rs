//! `PolicyObjectState`: the objects of a policy as they were read last, and what is in force by them.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::in_force_log::log_in_force;
use super::object_metrics::ObjectMetrics;
use super::start::PolicyStarter;
use super::status_writer::JudgedObject;
use crate::guard::policy::objects::{ObjectReport, PolicyObject, PolicyObjectSet};
use crate::guard::{PolicyInForce, PolicyMode};
use crate::store::kubernetes::policy_objects::{
    AcceptedCondition, PolicyEvent, PolicyResource, PolicyStatus,
};

/// What was read of the objects.
#[derive(Debug)]
pub(super) enum PolicyChange {
    /// All there are.
    All(Vec<PolicyResource>),
    /// What happened since.
    Some(Vec<PolicyEvent>),
}

/// The objects, and what is in force by them.
#[derive(Debug)]
pub(super) struct PolicyObjectState {
    in_force: Arc<PolicyInForce>,
    start: PolicyStarter,
    metrics: ObjectMetrics,
    set: PolicyObjectSet,
    /// Each object as it was read last, without its spec.
    resources: HashMap<String, PolicyResource>,
    /// The fingerprint of what these objects have put in force.
    fingerprint: String,
    /// The refusals that were logged, and the version of the object.
    logged: HashMap<String, (i64, String)>,
    /// The objects that the start waits for, as they were logged.
    awaited: Vec<String>,
}

impl PolicyObjectState {
    pub(super) fn new(
        in_force: Arc<PolicyInForce>,
        start: PolicyStarter,
        metrics: ObjectMetrics,
    ) -> Self {
        Self {
            in_force,
            start,
            metrics,
            set: PolicyObjectSet::default(),
            resources: HashMap::new(),
            fingerprint: String::new(),
            logged: HashMap::new(),
            awaited: Vec::new(),
        }
    }

    /// What is in force.
    pub(super) fn in_force(&self) -> &Arc<PolicyInForce> {
        &self.in_force
    }

    /// Whether clients may not be served yet; else the last state stays in force, whatever happens.
    pub(super) fn start(&self) -> &PolicyStarter {
        &self.start
    }

    /// Takes up what was read; returns what the status of each object must say.
    pub(super) fn take(&mut self, change: PolicyChange) -> Vec<JudgedObject> {
        self.metrics.were_read();
        if self.apply(change) || self.start.is_waiting() {
            self.set.judge();
            self.metrics.show(self.set.reports());
            self.log_refusals();
            if self.may_be_in_force() {
                self.put_in_force();
                self.start.complete();
            }
        }
        self.judged()
    }

    /// Whether the objects say something else than before.
    fn apply(&mut self, change: PolicyChange) -> bool {
        let mut is_changed = false;
        match change {
            PolicyChange::All(objects) => {
                let names = objects.iter().map(|object| object.metadata.name.as_str());
                let names: HashSet<_> = names.collect();
                let before = self.resources.len();
                self.set.retain(&names);
                self.resources
                    .retain(|name, _| names.contains(name.as_str()));
                is_changed = self.resources.len() != before;
                for object in objects {
                    is_changed |= self.put(object);
                }
            }
            PolicyChange::Some(events) => {
                for event in events {
                    match event {
                        PolicyEvent::Written(object) => is_changed |= self.put(*object),
                        PolicyEvent::Deleted { name } => {
                            self.set.remove(&name);
                            is_changed |= self.resources.remove(&name).is_some();
                        }
                        PolicyEvent::Bookmark => {}
                    }
                }
            }
        }
        is_changed
    }

    /// Whether it says something else than before.
    fn put(&mut self, mut object: PolicyResource) -> bool {
        let spec = std::mem::take(&mut object.spec);
        let metadata = &object.metadata;
        let (name, uid, generation) = (&metadata.name, &metadata.uid, metadata.generation);
        // A change of the status alone is none of what it says.
        let is_changed = !self.set.has(name, uid, generation);
        if is_changed {
            let may_have_been_good = object.may_have_been_good();
            let read = PolicyObject::new(name, (uid, generation), may_have_been_good, &spec);
            self.set.put(read);
        }
        self.resources.insert(name.clone(), object);
        is_changed
    }

    /// Whether all that may deny something is known. A gateway that starts does not know the last good version of an object that
    /// is bad now.
    fn may_be_in_force(&mut self) -> bool {
        if !self.start.is_waiting() || self.in_force.mode() == PolicyMode::Warn {
            return true;
        }
        let unknown = self.set.with_unknown_good_version();
        let unknown: Vec<_> = unknown.map(str::to_owned).collect();
        if !unknown.is_empty() && unknown != self.awaited {
            let objects = unknown.join(", ");
            tracing::error!(
                objects,
                "policy: this gateway does not start until these AccessPolicy objects are good again, or deleted: a version of each \
                 was in force, which may have denied anything, and is not known here"
            );
        }
        self.awaited = unknown;
        self.awaited.is_empty()
    }

    fn put_in_force(&mut self) {
        let union = self.set.union();
        if union.fingerprint() == self.fingerprint {
            return;
        }
        if self.set.reports().all(|report| report.in_force.is_none()) {
            tracing::error!(
                "policy: no AccessPolicy object is in force: every request of clients is refused"
            );
        }
        let warnings = self.set.warnings(&union);
        log_in_force(&union, &warnings, self.in_force.mode());
        union.fingerprint().clone_into(&mut self.fingerprint);
        self.in_force.replace(union);
    }

    /// Tells once of each version of an object that it cannot be used, and once that this is over.
    fn log_refusals(&mut self) {
        let mut logged = HashMap::new();
        for report in self.set.reports() {
            let ObjectReport {
                name,
                generation,
                refusal,
                in_force,
                ..
            } = report;
            let before = self.logged.get(name);
            let Some(refusal) = refusal else {
                if before.is_some() {
                    tracing::info!(
                        object = name,
                        "policy: the AccessPolicy object is good again"
                    );
                }
                continue;
            };
            let now = (generation, refusal.message.clone());
            if before != Some(&now) {
                let instead = match in_force {
                    Some((good, _)) => format!("its last good version, {good}, stays in force"),
                    None => "it allows and denies nothing".to_owned(),
                };
                tracing::error!(
                    object = name,
                    generation,
                    "policy: an AccessPolicy object cannot be used; {instead}: {refusal}"
                );
                let why = format!("AccessPolicy {name}: {refusal}");
                self.in_force.count_unusable(None, &why);
            }
            logged.insert(name.to_owned(), now);
        }
        self.logged = logged;
    }

    fn judged(&self) -> Vec<JudgedObject> {
        let judged = self.set.reports().filter_map(|report| {
            let resource = self.resources.get(report.name)?;
            Some(JudgedObject {
                object: resource.metadata.clone(),
                before: resource.status.clone(),
                now: status(&report, &resource.status),
            })
        });
        judged.collect()
    }
}

/// What the status of an object must say. It follows from the objects that there are, so that gateways do not write it in turn.
fn status(report: &ObjectReport<'_>, before: &PolicyStatus) -> PolicyStatus {
    let (reason, message) = match report.refusal {
        None => ("Accepted", "it is in force".to_owned()),
        Some(refusal) => (refusal.reason.as_str(), refusal.message.clone()),
    };
    let condition = AcceptedCondition {
        is_accepted: report.refusal.is_none(),
        reason: reason.to_owned(),
        message: message.chars().take(MESSAGE).collect(),
        generation: report.generation,
    };
    let rules = |count| i64::try_from(count).unwrap_or(i64::MAX);
    let good = report.in_force;
    let good = good.map(|(generation, count)| (generation, rules(count)));
    // Whether one ever was good is said by who knows: a gateway that starts would else take its own word for it.
    let never = (!report.may_have_been_good).then_some((0, 0));
    before.saying(condition, good.or(never))
}

/// The longest message of a condition, in characters.
const MESSAGE: usize = 1_000;
