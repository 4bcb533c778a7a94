//! Exchange: one answered call of a client or watcher, and its entries in the history.

use crate::checker::model::{Effect, ObservedEntry, Operation, Outcome};
use crate::history::{AcknowledgedChange, ReportedIndex};
use crate::workload::context::RoundContext;
use crate::workload::invocation::{Access, Completion, Invocation};

/// A call with its times, and the generation of the gateway that received it.
#[derive(Clone, Copy, Debug)]
pub struct Exchange {
    pub client: u32,
    pub called: u64,
    pub returned: u64,
    pub generation: usize,
}

impl Exchange {
    /// Records what an answer reported.
    pub fn record_in<R>(
        self,
        context: &RoundContext,
        invocation: &Invocation<R>,
        completion: Completion,
    ) {
        let history = &context.history;
        if let Some(violation) = completion.violation {
            history.add_violation(violation);
        }
        if let Some((scope, index)) = completion.reported_index {
            history.add_index(ReportedIndex {
                called: self.called,
                returned: self.returned,
                scope,
                index,
            });
        }
        let mut op = Operation {
            client: self.client,
            called: self.called,
            returned: self.returned,
            outcome: completion.outcome.unwrap_or(Outcome::Unknown),
            preconditions: invocation.preconditions.clone(),
            effects: invocation.effects.clone(),
            observed: Vec::new(),
            index: completion.index,
            failed: completion.failed,
        };
        match &invocation.access {
            Access::Read(_) if op.outcome == Outcome::Unknown => {}
            Access::Read(objects) => {
                for object in objects {
                    let mut op = op.clone();
                    let paths = context.layout.objects[*object].iter().enumerate();
                    // A requested path that the answer does not contain does not exist.
                    let requested = paths.filter(|(_, path)| path.starts_with(&invocation.path));
                    op.observed = requested
                        .map(|(slot, path)| (slot, find(&completion.observed, path)))
                        .collect();
                    history.add_operation(*object, self.generation, op);
                }
            }
            Access::Write(object) => {
                if op.outcome == Outcome::Unknown {
                    op.returned = u64::MAX;
                }
                for (path, entry) in completion.observed {
                    let (_, slot) = context.layout.locate(&path).unwrap();
                    op.observed.push((slot, entry));
                }
                if let (Some(index), Outcome::Done) = (op.index, op.outcome) {
                    for (slot, effect) in &op.effects {
                        // A transaction may delete an entry that does not exist, which changes nothing.
                        if *effect == Effect::Delete && op.effects.len() > 1 {
                            continue;
                        }
                        history.add_acknowledged_change(AcknowledgedChange {
                            returned: self.returned,
                            path: context.layout.objects[*object][*slot].clone(),
                            index,
                        });
                    }
                }
                history.add_operation(*object, self.generation, op);
            }
        }
    }
}

fn find(entries: &[(String, Option<ObservedEntry>)], path: &str) -> Option<ObservedEntry> {
    entries.iter().find(|(found, _)| found == path)?.1
}
