//! Linearizability search: Wing and Gong's algorithm with Lowe's memory of visited configurations.
//!
//! It finds a linearization, that is, one order of the operations that explains the answers of all clients. It is
//! written here because existing libraries either support no operation of unknown outcome or keep no memory. A
//! configuration is the set of linearized operations and the state they left. An operation may be linearized next if
//! it was called before any other pending operation returned. Four rules keep the search small:
//! - An operation that changes nothing is linearized as soon as the state explains it. That is safe unless it excludes
//!   an operation that a process which died since may have done.
//! - Changes with known indexes are linearized in the order of their indexes.
//! - No configuration is visited twice, nor one that differs from a visited one only by additional operations of
//!   unknown outcome or by values that no client observed.
//! - Of equivalent operations of unknown outcome, the one that was called first is linearized first.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::checker::model::{Effect, ObjectState, Operation, Outcome, Precondition, UNOBSERVED};

/// After this many configurations a history counts as undecided.
const MAX_CONFIGURATIONS: usize = 2_000_000;

/// The verdict of a search.
#[derive(Debug)]
pub enum Verdict {
    /// A linearization was found, after this many configurations.
    Linearizable(usize),
    /// No linearization exists: the longest partial one, and the state after it.
    NotLinearizable(Vec<usize>, ObjectState),
    /// Too many configurations.
    Undecided,
}

/// The linearized operations of known outcome, by their place in the order of calls.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct DoneSet {
    /// All operations before this place are linearized.
    first: usize,
    /// Further linearized operations, in ascending order.
    more: Vec<usize>,
}

impl DoneSet {
    fn has(&self, place: usize) -> bool {
        place < self.first || self.more.binary_search(&place).is_ok()
    }

    fn add(&mut self, place: usize) {
        if let Err(at) = self.more.binary_search(&place) {
            self.more.insert(at, place);
        }
        while self.more.first() == Some(&self.first) {
            self.more.remove(0);
            self.first += 1;
        }
    }
}

#[derive(Clone, Debug)]
struct Configuration {
    done: DoneSet,
    /// Linearized operations of unknown outcome that could still be linearized at another place.
    also: BTreeSet<usize>,
    /// The number of linearized operations with a known outcome and a known index.
    indexed: usize,
    /// The latest call of a linearized operation: the next one takes effect after it.
    latest: u64,
    state: ObjectState,
    /// The last step of the path to this configuration.
    step: usize,
    length: usize,
}

struct Search<'a> {
    ops: &'a [Operation],
    /// Operations of known outcome in the order of their calls, then those of unknown outcome.
    order: Vec<usize>,
    certain: usize,
    /// For each operation of unknown outcome, the first one that is equivalent to it.
    equivalents: Vec<usize>,
    /// Changes of known outcome and known index, by index: the only order in which they can be linearized.
    by_index: Vec<usize>,
    /// Each step: the previous step, and its operation.
    steps: Vec<(usize, usize)>,
    /// Visited configurations, with the operations of unknown outcome that each needed (Lowe's memory).
    visited: HashMap<(DoneSet, ObjectState), Vec<BTreeSet<usize>>>,
    explored: usize,
    stack: Vec<Configuration>,
    longest: Configuration,
}

/// Searches for a linearization of all operations of known outcome and any of the others, from a start state.
pub fn search(ops: &[Operation], start: &ObjectState) -> Verdict {
    search_within(MAX_CONFIGURATIONS, ops, start)
}

/// The same search with a limit on the number of configurations.
pub fn search_within(limit: usize, ops: &[Operation], start: &ObjectState) -> Verdict {
    let ops = merge_unobserved_values(ops);
    let mut search = Search::new(&ops, start);
    while let Some(configuration) = search.stack.pop() {
        if configuration.done.first == search.certain {
            return Verdict::Linearizable(search.explored);
        }
        if search.explored > limit {
            return Verdict::Undecided;
        }
        search.expand(&configuration);
    }
    Verdict::NotLinearizable(search.path(), search.longest.state)
}

/// All states in which a linearization can end. `None` if there are too many configurations.
pub fn final_states(ops: &[Operation], start: &ObjectState) -> Option<HashSet<ObjectState>> {
    let mut search = Search::new(ops, start);
    let mut found = HashSet::new();
    while let Some(configuration) = search.stack.pop() {
        if configuration.done.first == search.certain {
            found.insert(configuration.state.clone());
        }
        if search.explored > MAX_CONFIGURATIONS / 100 {
            return None;
        }
        search.expand(&configuration);
    }
    Some(found)
}

/// Whether swapping two operations of unknown outcome changes no verdict.
fn are_equivalent(one: &Operation, other: &Operation) -> bool {
    let of = |op: &Operation| (op.returned, op.index);
    of(one) == of(other)
        && one.preconditions == other.preconditions
        && one.effects == other.effects
        && one.observed == other.observed
        && one.failed == other.failed
}

/// Replaces all values that no operation observed by one value: they are indistinguishable, and fewer states mean
/// fewer configurations.
fn merge_unobserved_values(ops: &[Operation]) -> Vec<Operation> {
    let mut observed = HashSet::new();
    for op in ops {
        let values = op
            .observed
            .iter()
            .filter_map(|(_, entry)| Some((*entry)?.value));
        observed.extend(values);
        for (_, precondition) in &op.preconditions {
            if let Precondition::Value(value) = precondition {
                observed.insert(*value);
            }
        }
    }
    let mut ops = ops.to_vec();
    for (_, effect) in ops.iter_mut().flat_map(|op| &mut op.effects) {
        if let Effect::Set(value, _) = effect
            && !observed.contains(value)
        {
            *value = UNOBSERVED;
        }
    }
    ops
}

impl<'a> Search<'a> {
    fn new(ops: &'a [Operation], start: &ObjectState) -> Self {
        let mut order: Vec<usize> = (0..ops.len())
            // A read of unknown outcome carries no information.
            .filter(|at| ops[*at].outcome != Outcome::Unknown || !ops[*at].changes_nothing())
            .collect();
        order.sort_by_key(|at| (ops[*at].outcome == Outcome::Unknown, ops[*at].called));
        let certain = order.partition_point(|at| ops[*at].outcome != Outcome::Unknown);
        let first = Configuration {
            done: DoneSet {
                first: 0,
                more: Vec::new(),
            },
            also: BTreeSet::new(),
            indexed: 0,
            latest: 0,
            state: start.clone(),
            step: usize::MAX,
            length: 0,
        };
        let mut by_index: Vec<usize> = (0..certain)
            .filter(|place| {
                ops[order[*place]].index.is_some() && !ops[order[*place]].changes_nothing()
            })
            .collect();
        by_index.sort_by_key(|place| ops[order[*place]].index);
        let unknown: Vec<_> = order.iter().skip(certain).map(|at| &ops[*at]).collect();
        let equivalents = unknown.iter().map(|op| {
            let first = unknown.iter().position(|other| are_equivalent(op, other));
            first.unwrap()
        });
        let equivalents = equivalents.collect();
        let mut search = Self {
            ops,
            order,
            certain,
            equivalents,
            by_index,
            steps: Vec::new(),
            visited: HashMap::new(),
            explored: 0,
            stack: Vec::new(),
            longest: first.clone(),
        };
        search.push(first);
        search
    }

    fn op(&self, place: usize) -> &'a Operation {
        &self.ops[self.order[place]]
    }

    /// Pushes a configuration unless it was visited. That is decided here and not when it is popped, so that its
    /// siblings count as visited too.
    fn push(&mut self, mut configuration: Configuration) {
        self.absorb(&mut configuration);
        if configuration.length > self.longest.length {
            self.longest = configuration.clone();
        }
        let key = (configuration.done.clone(), configuration.state.clone());
        let visited = self.visited.entry(key).or_default();
        // A configuration that needed fewer operations of unknown outcome allows all continuations of this one.
        if !visited
            .iter()
            .any(|also| also.is_subset(&configuration.also))
        {
            visited.push(configuration.also.clone());
            self.explored += 1;
            self.stack.push(configuration);
        }
    }

    /// The operations of known outcome that may be linearized next.
    fn candidates(&self, configuration: &Configuration) -> Vec<usize> {
        let mut found = Vec::new();
        let mut returned = u64::MAX;
        for place in configuration.done.first..self.certain {
            let op = self.op(place);
            if op.called > returned {
                break;
            }
            if !configuration.done.has(place) {
                returned = returned.min(op.returned);
                found.push(place);
            }
        }
        found
    }

    /// The earliest return of a pending operation: the next operation was called before it.
    fn bound(&self, candidates: &[usize]) -> u64 {
        let returned = candidates.iter().map(|place| self.op(*place).returned);
        returned.min().unwrap_or(u64::MAX)
    }

    /// Linearizes every candidate that changes nothing and that the state explains.
    fn absorb(&mut self, configuration: &mut Configuration) {
        loop {
            let candidates = self.candidates(configuration);
            let before = configuration.length;
            for place in candidates {
                let op = self.op(place);
                let explained = op.changes_nothing() && configuration.state.explains(op);
                if explained && !self.excludes(configuration, op) {
                    self.step(configuration, place);
                }
            }
            if configuration.length == before {
                return;
            }
        }
    }

    /// Whether an operation of unknown outcome can take effect before this operation but no longer after it.
    fn excludes(&self, configuration: &Configuration, op: &Operation) -> bool {
        (self.certain..self.order.len()).any(|place| {
            let over = self.op(place).returned;
            over > configuration.latest && over <= op.called && !configuration.also.contains(&place)
        })
    }

    fn step(&mut self, configuration: &mut Configuration, place: usize) {
        self.steps.push((configuration.step, self.order[place]));
        configuration.step = self.steps.len() - 1;
        configuration.length += 1;
        configuration.latest = configuration.latest.max(self.op(place).called);
        if place < self.certain {
            configuration.done.add(place);
            configuration.indexed += usize::from(self.op(place).index.is_some());
        } else {
            configuration.also.insert(place);
        }
        // Operations of a dead process can no longer take effect, so whether they did is decided by the state alone.
        let latest = configuration.latest;
        let could = |place: &usize| self.op(*place).returned > latest;
        configuration.also.retain(could);
    }

    /// Pushes every successor configuration, the likeliest on top.
    fn expand(&mut self, configuration: &Configuration) {
        let mut candidates = self.candidates(configuration);
        let bound = self.bound(&candidates);
        candidates.retain(|place| {
            let op = self.op(*place);
            let in_order = self.by_index.get(configuration.indexed) == Some(place);
            op.changes_nothing() || op.index.is_none() || in_order
        });
        candidates.sort_by_key(|place| std::cmp::Reverse(self.op(*place).returned));
        let unknown = (self.certain..self.order.len()).filter(|place| {
            let op = self.op(*place);
            op.called < bound
                && op.returned > configuration.latest
                && !configuration.also.contains(place)
        });
        // Of equivalent operations only the one that was called first: it leaves the others for later.
        let mut tried = HashSet::new();
        let unknown = unknown.filter(|place| tried.insert(self.equivalents[place - self.certain]));
        let places: Vec<usize> = unknown.chain(candidates).collect();
        for place in places {
            let op = self.op(place);
            let state = if op.changes_nothing() {
                let state = &configuration.state;
                state.explains(op).then(|| state.clone())
            } else {
                configuration.state.apply(op)
            };
            if let Some(state) = state {
                let mut next = configuration.clone();
                next.state = state;
                self.step(&mut next, place);
                self.push(next);
            }
        }
    }

    /// The longest partial linearization.
    fn path(&self) -> Vec<usize> {
        let mut path = Vec::new();
        let mut step = self.longest.step;
        while let Some((before, op)) = self.steps.get(step) {
            path.push(*op);
            step = *before;
        }
        path.reverse();
        path
    }
}
