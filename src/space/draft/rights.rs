//! Rights of a decision: what its caller may not do forbids the whole change, whatever is decided after.

use std::cell::RefCell;

use super::Draft;
use crate::model::{Key, KeyRange, LeaseId, Verb};
use crate::space::demand::Demand;
use crate::space::denied::Denied;
use crate::space::node_keys::built_in_path;
use crate::space::visibility::LeaseRight;

impl Draft<'_> {
    /// The same, and what is asked for is collected.
    pub(crate) fn noting_demands(mut self) -> Self {
        self.rights.demands = Some(RefCell::default());
        self
    }

    /// The same, and it is noted which keys the request compares and locks.
    pub(crate) fn audited(mut self) -> Self {
        self.rights.is_audited = true;
        self
    }

    /// Notes that the request itself locks or releases this key.
    pub(crate) fn locks(&mut self, key: &Key) {
        if self.rights.is_audited {
            self.rights.locked.insert(key.clone());
        }
    }

    /// What the request does to everything that could begin with a key, for the audit log.
    pub fn ranges_of_request(&self) -> Vec<(Verb, Key)> {
        self.rights.ranges.borrow().clone()
    }

    /// Whether the request itself locks or releases this key.
    pub fn is_locked_by_request(&self, key: &Key) -> bool {
        self.rights.locked.contains(key)
    }

    /// Whether this may be done with the key. Unlike asking for it, this forbids nothing.
    ///
    /// What clients of ZooKeeper set of a node that is always there is asked for by the key that its path would have.
    pub fn allows(&self, verb: Verb, key: &Key) -> bool {
        match built_in_path(key) {
            Some(path) if self.visibility.is_part() => {
                self.visibility.allows(verb, &Key::user(path))
            }
            Some(_) | None => self.visibility.allows(verb, key),
        }
    }

    /// Whether this may be done with every key that could be in the range.
    pub fn allows_all(&self, verb: Verb, range: &KeyRange) -> bool {
        self.visibility.allows_all(verb, range)
    }

    /// Whether the caller may see this key. Unlike looking at it, this forbids nothing.
    pub fn sees(&self, key: &Key) -> bool {
        let ask = || self.allows(Verb::Read, key);
        !self.visibility.is_part() || self.rights.seen.sees(key, ask)
    }

    /// Forbids the change unless the caller may see this key, be it there or not; says whether it may.
    pub fn asks_for(&self, key: &Key) -> bool {
        let is_met = self.sees(key);
        self.ask((Verb::Read, key), is_met);
        is_met
    }

    /// Forbids the change unless the caller may see every key that could be in the range.
    pub fn asks_for_all(&self, range: &KeyRange) {
        self.asks_of_all(Verb::Read, range);
    }

    /// Forbids the change unless this may be done with the key, be it there or not.
    pub fn asks(&self, verb: Verb, key: &Key) {
        self.ask((verb, key), self.allows(verb, key));
    }

    fn ask(&self, (verb, key): (Verb, &Key), is_met: bool) {
        self.note(is_met, || {
            let user = built_in_path(key).map(Key::user);
            Demand::All(verb, KeyRange::Exact(user.unwrap_or_else(|| key.clone())))
        });
        if !is_met {
            self.forbid(|| format!("{verb} of {key}"));
        }
    }

    /// Forbids the change unless this may be done with every key that could be in the range.
    pub fn asks_of_all(&self, verb: Verb, range: &KeyRange) {
        let is_met = self.allows_all(verb, range);
        self.note(is_met, || Demand::All(verb, range.clone()));
        if let KeyRange::Prefix(key) = range
            && self.rights.is_audited
            && verb != Verb::Read
        {
            self.rights.ranges.borrow_mut().push((verb, key.clone()));
        }
        if !is_met {
            let (KeyRange::Exact(key) | KeyRange::Prefix(key)) = range;
            self.forbid(|| format!("{verb} of everything that begins with {key}"));
        }
    }

    /// Whether the caller has the right to this, where the decision itself refuses what it has not: it forbids nothing.
    pub fn is_met(&self, demand: Demand) -> bool {
        let is_met = demand.is_met(&self.visibility);
        self.note(is_met, || demand);
        is_met
    }

    /// Whether what is asked for is noted. Where rights are enforced, nobody asks for what was met.
    fn notes(&self, is_met: bool) -> bool {
        self.rights.demands.is_some() && !(is_met && self.visibility.is_part())
    }

    fn note(&self, is_met: bool, demand: impl FnOnce() -> Demand) {
        if let Some(demands) = self.rights.demands.as_ref().filter(|_| self.notes(is_met)) {
            let demand = demand();
            let mut demands = demands.borrow_mut();
            // A node is looked at again and again.
            if !demands.iter().rev().take(4).any(|last| *last == demand) {
                demands.push(demand);
            }
        }
    }

    /// Notes that the request itself names the state that this entry must be in.
    pub fn compares(&mut self, key: &Key) {
        if self.is_bound() || self.rights.is_audited {
            self.rights.compared.insert(key.clone());
        }
    }

    /// What a put of this key is.
    pub fn verb_of_put(&self, key: &Key) -> Verb {
        self.note_key(key);
        if self.stored(key).is_none() {
            Verb::Create
        } else if self.rights.compared.contains(key) {
            Verb::Cas
        } else {
            Verb::Write
        }
    }

    /// Forbids the change unless the key may be seen and this put of it is allowed.
    pub(super) fn asks_to_put(&self, key: &Key) {
        self.asks_for(key);
        if self.is_bound() {
            self.asks(self.verb_of_put(key), key);
        }
    }

    /// Forbids the change unless leases may be made.
    pub(crate) fn asks_to_make_lease(&self) {
        let is_met = self.visibility.makes_leases();
        self.note(is_met, || Demand::MakeLease);
        if !is_met {
            self.forbid(|| "sessions may not be made".to_owned());
        }
    }

    /// Forbids the change unless a lease of this name may be used so.
    pub(crate) fn asks_for_lease(&self, id: LeaseId, right: LeaseRight) {
        let is_met = self.may(id, right);
        if self.notes(is_met)
            && let Some(lease) = self.any_lease(id)
        {
            self.note(is_met, || Demand::Lease(lease.owner, right));
        }
        if !is_met {
            self.forbid(|| format!("lease {id} belongs to another"));
        }
    }

    /// Notes that the decision refuses what its caller may not do in words of its own, which show nothing else.
    pub fn refuses_in_own_words(&mut self) {
        self.rights.in_own_words = true;
    }

    pub(crate) fn forbid(&self, why: impl FnOnce() -> String) {
        self.forbid_by(|| Denied::Forbidden(why()));
    }

    pub(crate) fn forbid_by(&self, denied: impl FnOnce() -> Denied) {
        self.rights.forbidden.get_or_init(denied);
    }

    /// Whether the change is forbidden by now.
    pub fn is_forbidden(&self) -> bool {
        self.rights.forbidden.get().is_some()
    }

    /// Why the change is forbidden, if it is and the decision does not say so.
    pub(crate) fn forbidden(&self) -> Option<&Denied> {
        let is_answered = self.rights.in_own_words;
        self.rights.forbidden.get().filter(|_| !is_answered)
    }

    /// What was asked for.
    pub(crate) fn take_demands(&mut self) -> Vec<Demand> {
        let demands = self.rights.demands.take();
        demands.map(RefCell::into_inner).unwrap_or_default()
    }

    /// Whether the caller's rights matter at all.
    pub(super) fn is_bound(&self) -> bool {
        self.rights.demands.is_some() || self.visibility.is_part()
    }
}
