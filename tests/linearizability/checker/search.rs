//! The search for an order of operations that explains what every client saw: Wing and Gong's, with Lowe's memory of
//! what was tried.
//!
//! Written here because the libraries there are know no operation of unknown outcome, or keep no memory. The search
//! walks over configurations: which operations are done, and the state they left. An operation may be next when it was
//! called before any other that is not done returned. Three things keep it small:
//! - an operation that changes nothing is done as soon as it fits, which is never wrong unless that shuts out what a
//!   server that died since may have done;
//! - changes whose indexes are known are done in the order of these;
//! - no configuration is looked at twice, nor one that differs from an earlier one only in that more operations of
//!   unknown outcome were needed to come there, or in values that nobody saw;
//! - of operations of unknown outcome that are alike, the one that was called first is done first.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::checker::model::{Condition, Effect, Op, Outcome, State, UNSEEN};

/// How many configurations are looked at before a history counts as undecided.
const MOST: usize = 2_000_000;

/// What came of a search.
#[derive(Debug)]
pub enum Verdict {
    /// An order was found, after so many configurations.
    Linearizable(usize),
    /// There is none: the longest order that was found, and the state after it.
    Not(Vec<usize>, State),
    /// Too many configurations.
    Undecided,
}

/// Which operations of certain outcome are done: places in the order of their calls.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Done {
    /// Every one before this place is.
    first: usize,
    /// Others that are, in order.
    more: Vec<usize>,
}

impl Done {
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
    done: Done,
    /// What else was done, of unknown outcome, and could still be done otherwise.
    also: BTreeSet<usize>,
    /// How many of certain outcome and known index are done.
    indexed: usize,
    /// The latest call among what is done: the next operation takes effect after it.
    latest: u64,
    state: State,
    /// The last step that led here.
    step: usize,
    length: usize,
}

struct Search<'a> {
    ops: &'a [Op],
    /// Operations of certain outcome in the order of their calls, then the others.
    order: Vec<usize>,
    certain: usize,
    /// Of each of unknown outcome, the first that is like it.
    alike: Vec<usize>,
    /// Those of certain outcome whose index is known, in its order, which is the only one they can be done in.
    by_index: Vec<usize>,
    /// Each step: the one before, and its operation.
    steps: Vec<(usize, usize)>,
    /// What was looked at, with what else was done there.
    seen: HashMap<(Done, State), Vec<BTreeSet<usize>>>,
    looked: usize,
    stack: Vec<Configuration>,
    longest: Configuration,
}

/// Looks for an order of all operations of certain outcome, and any of the others, that starts from a state.
pub fn search(ops: &[Op], start: &State) -> Verdict {
    search_within(MOST, ops, start)
}

/// The same, with a limit to how many configurations are looked at.
pub fn search_within(most: usize, ops: &[Op], start: &State) -> Verdict {
    let ops = unseen_alike(ops);
    let mut search = Search::new(&ops, start);
    while let Some(configuration) = search.stack.pop() {
        if configuration.done.first == search.certain {
            return Verdict::Linearizable(search.looked);
        }
        if search.looked > most {
            return Verdict::Undecided;
        }
        search.expand(&configuration);
    }
    Verdict::Not(search.path(), search.longest.state)
}

/// Every state in which such an order can end; `None` where those are too many.
pub fn ends(ops: &[Op], start: &State) -> Option<HashSet<State>> {
    let mut search = Search::new(ops, start);
    let mut found = HashSet::new();
    while let Some(configuration) = search.stack.pop() {
        if configuration.done.first == search.certain {
            found.insert(configuration.state.clone());
        }
        if search.looked > MOST / 100 {
            return None;
        }
        search.expand(&configuration);
    }
    Some(found)
}

/// Whether it makes no difference which of two operations was done, as far as they could be.
fn are_alike(one: &Op, other: &Op) -> bool {
    let of = |op: &Op| (op.returned, op.index);
    of(one) == of(other)
        && one.conditions == other.conditions
        && one.effects == other.effects
        && one.before == other.before
        && one.failed == other.failed
}

/// The operations with one value in place of all that nobody saw: which of those is there makes no difference, and the
/// fewer states there are the fewer configurations.
fn unseen_alike(ops: &[Op]) -> Vec<Op> {
    let mut seen = HashSet::new();
    for op in ops {
        let before = op
            .before
            .iter()
            .filter_map(|(_, seen)| Some((*seen)?.value));
        seen.extend(before);
        for (_, condition) in &op.conditions {
            if let Condition::Value(value) = condition {
                seen.insert(*value);
            }
        }
    }
    let mut ops = ops.to_vec();
    for (_, effect) in ops.iter_mut().flat_map(|op| &mut op.effects) {
        if let Effect::Set(value, _) = effect
            && !seen.contains(value)
        {
            *value = UNSEEN;
        }
    }
    ops
}

impl<'a> Search<'a> {
    fn new(ops: &'a [Op], start: &State) -> Self {
        let mut order: Vec<usize> = (0..ops.len())
            // A read of unknown outcome says nothing.
            .filter(|at| ops[*at].outcome != Outcome::Unknown || !ops[*at].is_pure())
            .collect();
        order.sort_by_key(|at| (ops[*at].outcome == Outcome::Unknown, ops[*at].called));
        let certain = order.partition_point(|at| ops[*at].outcome != Outcome::Unknown);
        let first = Configuration {
            done: Done {
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
            .filter(|place| ops[order[*place]].index.is_some() && !ops[order[*place]].is_pure())
            .collect();
        by_index.sort_by_key(|place| ops[order[*place]].index);
        let unknown: Vec<_> = order.iter().skip(certain).map(|at| &ops[*at]).collect();
        let alike = unknown.iter().map(|op| {
            let first = unknown.iter().position(|other| are_alike(op, other));
            first.unwrap()
        });
        let alike = alike.collect();
        let mut search = Self {
            ops,
            order,
            certain,
            alike,
            by_index,
            steps: Vec::new(),
            seen: HashMap::new(),
            looked: 0,
            stack: Vec::new(),
            longest: first.clone(),
        };
        search.push(first);
        search
    }

    fn op(&self, place: usize) -> &'a Op {
        &self.ops[self.order[place]]
    }

    /// Keeps a configuration to be looked at, unless it was before. That is decided now, not when its turn comes, so
    /// that its sisters count too.
    fn push(&mut self, mut configuration: Configuration) {
        self.absorb(&mut configuration);
        if configuration.length > self.longest.length {
            self.longest = configuration.clone();
        }
        let key = (configuration.done.clone(), configuration.state.clone());
        let seen = self.seen.entry(key).or_default();
        // Where less was needed to come this far, everything is possible that is here, and more.
        if !seen.iter().any(|also| also.is_subset(&configuration.also)) {
            seen.push(configuration.also.clone());
            self.looked += 1;
            self.stack.push(configuration);
        }
    }

    /// The operations of certain outcome that may be next.
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

    /// When the first of what is not done returned: whatever is next was called before.
    fn bound(&self, candidates: &[usize]) -> u64 {
        let returned = candidates.iter().map(|place| self.op(*place).returned);
        returned.min().unwrap_or(u64::MAX)
    }

    /// Does what changes nothing and fits.
    fn absorb(&mut self, configuration: &mut Configuration) {
        loop {
            let candidates = self.candidates(configuration);
            let before = configuration.length;
            for place in candidates {
                let op = self.op(place);
                let fits = op.is_pure() && configuration.state.fits(op);
                if fits && !self.shuts_out(configuration, op) {
                    self.step(configuration, place);
                }
            }
            if configuration.length == before {
                return;
            }
        }
    }

    /// Whether an operation of unknown outcome cannot be done any more after this one, though it could be before.
    fn shuts_out(&self, configuration: &Configuration, op: &Op) -> bool {
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
        // What was done by a server that is dead by now, or was not, makes no difference any more.
        let latest = configuration.latest;
        let could = |place: &usize| self.op(*place).returned > latest;
        configuration.also.retain(could);
    }

    /// Puts every configuration that can follow on the stack, the likeliest on top.
    fn expand(&mut self, configuration: &Configuration) {
        let mut candidates = self.candidates(configuration);
        let bound = self.bound(&candidates);
        candidates.retain(|place| {
            let op = self.op(*place);
            let in_order = self.by_index.get(configuration.indexed) == Some(place);
            op.is_pure() || op.index.is_none() || in_order
        });
        candidates.sort_by_key(|place| std::cmp::Reverse(self.op(*place).returned));
        let unknown = (self.certain..self.order.len()).filter(|place| {
            let op = self.op(*place);
            op.called < bound
                && op.returned > configuration.latest
                && !configuration.also.contains(place)
        });
        // Of those that are alike, the one that was called first: it leaves the others for later.
        let mut tried = HashSet::new();
        let unknown = unknown.filter(|place| tried.insert(self.alike[place - self.certain]));
        let places: Vec<usize> = unknown.chain(candidates).collect();
        for place in places {
            let op = self.op(place);
            let state = if op.is_pure() {
                let state = &configuration.state;
                state.fits(op).then(|| state.clone())
            } else {
                configuration.state.after(op)
            };
            if let Some(state) = state {
                let mut next = configuration.clone();
                next.state = state;
                self.step(&mut next, place);
                self.push(next);
            }
        }
    }

    /// The longest order that was found.
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
