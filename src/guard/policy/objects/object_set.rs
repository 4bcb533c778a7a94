//! `PolicyObjectSet`: the objects of a policy, which of them can be used, and what of each is in force.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::policy_object::{PolicyObject, PolicyPart};
use super::refusal::{ObjectRefusal, RefusalReason};
use super::union;
use super::union_size::UnionSize;
use crate::guard::policy::Policy;

/// The most objects; more are refused, the last ones by name.
const MOST_OBJECTS: usize = 1_000;

/// The objects of a policy.
///
/// Which of them can be used follows from the objects alone. An object that cannot be used any more has its last good version
/// in force, as long as it is the same object.
#[derive(Debug, Default)]
pub struct PolicyObjectSet(BTreeMap<String, ObjectState>);

/// The names of rules, roles and quotas, and the object that has each.
type TakenNames<'a> = HashMap<(&'static str, &'a str), &'a str>;

/// One object of the set.
#[derive(Debug)]
struct ObjectState {
    newest: PolicyObject,
    /// Why its newest version cannot be used.
    refusal: Option<ObjectRefusal>,
    /// The newest version that could be used: what is in force.
    good: Option<Arc<PolicyPart>>,
}

/// What became of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectReport<'a> {
    /// Its name.
    pub name: &'a str,
    /// Which object of this name it is.
    pub uid: &'a str,
    /// Its newest version.
    pub generation: i64,
    /// Why that cannot be used, if so.
    pub refusal: Option<&'a ObjectRefusal>,
    /// The version that is in force, and how many rules it has.
    pub in_force: Option<(i64, usize)>,
    /// Whether a gateway may have had a version of it in force.
    pub may_have_been_good: bool,
}

impl PolicyObjectSet {
    /// Whether this version of an object is in it.
    pub fn has(&self, name: &str, uid: &str, generation: i64) -> bool {
        self.0.get(name).is_some_and(|state| {
            let PolicyObject {
                uid: own,
                generation: newest,
                ..
            } = &state.newest;
            own == uid && *newest == generation
        })
    }

    /// Puts in an object, or another version of it.
    pub fn put(&mut self, mut object: PolicyObject) {
        let before = self.0.remove(&object.name);
        let before = before.filter(|before| before.newest.uid == object.uid);
        if let Some(before) = &before {
            object.may_have_been_good = before.newest.may_have_been_good || before.good.is_some();
        }
        let state = ObjectState {
            refusal: None,
            good: before.and_then(|before| before.good),
            newest: object,
        };
        self.0.insert(state.newest.name.clone(), state);
    }

    /// Takes out an object: nothing of it is in force any more.
    pub fn remove(&mut self, name: &str) {
        self.0.remove(name);
    }

    /// Takes out all objects but these.
    pub fn retain(&mut self, names: &HashSet<&str>) {
        self.0.retain(|name, _| names.contains(name.as_str()));
    }

    /// Finds out which objects can be used.
    pub fn judge(&mut self) {
        let mut taken = TakenNames::new();
        let mut size = UnionSize::default();
        let mut refusals = Vec::new();
        for (number, state) in self.0.values().enumerate() {
            refusals.push(state.judged(number, &mut taken, &mut size).err());
        }
        for (state, refusal) in self.0.values_mut().zip(refusals) {
            if let (None, Ok(part)) = (&refusal, &state.newest.parsed) {
                state.good = Some(Arc::clone(part));
            }
            state.refusal = refusal;
        }
    }

    /// What is in force: every object as it is, or its last good version.
    pub fn union(&self) -> Policy {
        union::union(&self.parts())
    }

    /// What is valid in their union, but hardly meant so, with the object and the field that it is about.
    pub fn warnings(&self, union: &Policy) -> Vec<String> {
        union::warnings(union, &self.parts())
    }

    /// The parts that are in force.
    fn parts(&self) -> Vec<(&str, &PolicyPart)> {
        let parts = self.0.iter();
        let parts =
            parts.filter_map(|(name, state)| Some((name.as_str(), &**state.good.as_ref()?)));
        parts.collect()
    }

    /// What became of each object, in the order of their names.
    pub fn reports(&self) -> impl Iterator<Item = ObjectReport<'_>> {
        self.0.iter().map(|(name, state)| ObjectReport {
            name,
            uid: &state.newest.uid,
            generation: state.newest.generation,
            refusal: state.refusal.as_ref(),
            in_force: state.in_force(),
            may_have_been_good: state.good.is_some() || state.newest.may_have_been_good,
        })
    }

    /// The objects that cannot be used, and of which a version was in force that is not known here: it may have denied anything.
    pub fn with_unknown_good_version(&self) -> impl Iterator<Item = &str> {
        let unknown = self.0.iter().filter(|(_, state)| {
            state.refusal.is_some() && state.good.is_none() && state.newest.may_have_been_good
        });
        unknown.map(|(name, _)| name.as_str())
    }
}

impl ObjectState {
    fn judged<'a>(
        &'a self,
        number: usize,
        taken: &mut TakenNames<'a>,
        size: &mut UnionSize<'a>,
    ) -> Result<(), ObjectRefusal> {
        let refused = |reason, message| Err(ObjectRefusal { reason, message });
        let part = match &self.newest.parsed {
            Ok(part) => part,
            Err(message) => return refused(RefusalReason::Invalid, message.clone()),
        };
        if number >= MOST_OBJECTS {
            let message = format!("more than {MOST_OBJECTS} objects");
            return refused(RefusalReason::TooMuch, message);
        }
        // What is refused takes no names and no room.
        let has = |named| Some((named, *taken.get(&named)?));
        if let Some(((what, name), object)) = part.names().find_map(has) {
            let message = format!("{object} has a {what} '{name}' already");
            return refused(RefusalReason::NameTaken, message);
        }
        if let Err(message) = size.add(part) {
            return refused(RefusalReason::TooMuch, message);
        }
        let own = part.names().map(|named| (named, self.newest.name.as_str()));
        taken.extend(own);
        Ok(())
    }

    fn in_force(&self) -> Option<(i64, usize)> {
        let good = self.good.as_ref()?;
        Some((good.generation, good.policy.rule_count()))
    }
}
