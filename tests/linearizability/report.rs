//! Round report: the counts of a round, and the verdict on its history.

use std::fmt;

use crate::checker::counterexample::minimize;
use crate::checker::model::{ObjectState, Operation};
use crate::checker::search::{Verdict, search};
use crate::checker::{monotonic_indexes, patch_history};
use crate::gateway::resume_floors::ResumeFloors;
use crate::history::OutcomeCounts;
use crate::nemesis::FaultCounts;
use crate::watch::consul_watch::ConsulWatch;
use crate::watch::etcd_watch::EtcdWatch;
use crate::watch::validators;
use crate::workload::context::RoundContext;
use crate::workload::expiry::ExpiryReport;
use crate::zookeeper::recursive_watch::RecursiveWatch;
use crate::zookeeper::sequences::{self, SequenceReport};

/// What the watchers of a round received.
#[derive(Debug)]
pub struct RoundWatches {
    pub etcd: Vec<EtcdWatch>,
    pub consul: Vec<ConsulWatch>,
    pub recursive: RecursiveWatch,
}

/// The report of a round.
#[derive(Debug, Default)]
pub struct RoundReport {
    pub requests: OutcomeCounts,
    pub events: usize,
    pub changes: usize,
    pub resumed: usize,
    pub cleared: usize,
    pub indexes: usize,
    pub expired: usize,
    pub renewed: usize,
    /// Sequence nodes that were created.
    pub numbered: usize,
    pub faults: FaultCounts,
    pub configurations: usize,
    pub violations: Vec<String>,
}

impl fmt::Display for RoundReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let OutcomeCounts {
            done,
            refused,
            unknown,
        } = self.requests;
        let total = done + refused + unknown;
        write!(
            f,
            "{total} operations (yes {done}, no {refused}, unknown {unknown}), {} events and {} changed answers to watchers \
             that resumed {} times and were cleared {} times, {} indexes, {} leases ended after {} renewals, {} nodes numbered, {}; \
             {} configurations: ",
            self.events,
            self.changes,
            self.resumed,
            self.cleared,
            self.indexes,
            self.expired,
            self.renewed,
            self.numbered,
            self.faults,
            self.configurations,
        )?;
        match self.violations.len() {
            0 => write!(f, "all explained"),
            violations => write!(f, "{violations} VIOLATIONS"),
        }
    }
}

impl RoundReport {
    /// Adds the expiries of keys and sessions.
    pub fn add_expiries(&mut self, expiries: Vec<ExpiryReport>) {
        for expiry in expiries {
            self.expired += expiry.expired;
            self.renewed += expiry.renewed;
            self.violations.extend(expiry.violations);
        }
    }

    /// Adds the sequence nodes, and validates their numbers.
    pub fn add_sequences(&mut self, reports: &[SequenceReport]) {
        for report in reports {
            self.numbered += report.created.len();
            self.violations.extend(report.violations.clone());
        }
        self.violations.extend(sequences::validate(reports));
    }

    /// Checks the history of a round and what its watches received.
    pub fn check(
        &mut self,
        context: &RoundContext,
        resume_floors: &ResumeFloors,
        watches: &RoundWatches,
        is_shared: bool,
    ) {
        let (layout, history) = (&context.layout, &context.history);
        let mut ops = history.take_operations(&context.gateway, layout.objects.len());
        let RoundWatches {
            etcd: etcd_watches,
            consul: consul_watches,
            recursive,
        } = watches;
        self.requests = history.counts();
        self.add_watches(etcd_watches, consul_watches);
        self.events += history.events() + recursive.events();
        self.violations.extend(history.take_violations());
        let (changes, of_watches) = validators::validate(etcd_watches, &ops, layout, resume_floors);
        self.violations.extend(of_watches);
        self.violations
            .extend(recursive.validate(&changes, is_shared));
        let (indexes, changes) = history.take_indexes();
        self.indexes = indexes.len();
        let of_indexes = monotonic_indexes::violations(indexes, changes);
        self.violations.extend(of_indexes);
        patch_history::patch(etcd_watches, layout, resume_floors, &mut ops);
        for (paths, ops) in layout.objects.iter().zip(&ops) {
            self.check_linearizable(paths, ops);
        }
    }

    fn add_watches(&mut self, etcd_watches: &[EtcdWatch], consul_watches: &[ConsulWatch]) {
        for watch in consul_watches {
            self.changes += watch.changes;
            self.resumed += watch.resumed;
            self.violations.extend(watch.violations.clone());
        }
        for watch in etcd_watches {
            self.events += watch.events.len();
            self.resumed += watch.resumed;
            self.cleared += watch.cleared;
        }
    }

    /// Searches for a linearization of an object's operations.
    fn check_linearizable(&mut self, paths: &[String], ops: &[Operation]) {
        let start = ObjectState::before(ops, paths.len());
        let names = paths.join(", ");
        match search(ops, &start) {
            Verdict::Linearizable(configurations) => self.configurations += configurations,
            Verdict::NotLinearizable(..) => {
                let counterexample = minimize(ops, &start).describe(paths);
                let violation = format!("{names} is not linearizable:\n{counterexample}");
                self.violations.push(violation);
            }
            Verdict::Undecided => {
                let count = ops.len();
                let violation = format!("{names}: undecided, {count} operations are too many");
                self.violations.push(violation);
            }
        }
    }
}
