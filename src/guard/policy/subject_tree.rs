//! `SubjectTree`: what one identity may do, by the segments of keys.
//!
//! Each node knows what holds for its own key and for what is beneath and named nowhere; and, in sum, for its whole subtree. So
//! a decision walks down the segments of a key, and a range is answered where its prefix ends.

use std::collections::BTreeMap;

use super::subject::{FilledSubject, Scope};
use super::verb_set::{VerbSet, index};
use crate::model::Verb;

/// The number of a rule in its policy.
pub(super) type RuleNumber = u16;

/// What a rule says about some keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RuleMark {
    pub(super) rule: RuleNumber,
    pub(super) verbs: VerbSet,
    pub(super) denies: bool,
}

/// What may be done with a key, and which rules say so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Grants {
    allowed: VerbSet,
    denied: VerbSet,
    /// The rule that denies or else allows, for each verb that one is about.
    rules: [Option<RuleNumber>; 9],
}

impl Grants {
    /// The verbs that are allowed: what is not denied, and can be read as well, because every answer shows what is there.
    pub(super) fn verbs(&self) -> VerbSet {
        let verbs = self.allowed.without(self.denied);
        if verbs.contains(Verb::Read) {
            verbs
        } else {
            VerbSet::default()
        }
    }

    pub(super) fn lacks_read(&self, verb: Verb) -> bool {
        let open = self.allowed.without(self.denied);
        open.contains(verb) && !open.contains(Verb::Read)
    }

    /// The rule that decides about a verb. Where only the right to read is missing, there is none.
    pub(super) fn rule(&self, verb: Verb) -> Option<RuleNumber> {
        let decided = self.denied.contains(verb) || self.verbs().contains(verb);
        let rule = self.rules.get(index(verb)).copied().flatten();
        rule.filter(|_| decided)
    }

    fn add(&mut self, mark: RuleMark) {
        for verb in mark.verbs.iter() {
            let set = if mark.denies {
                &mut self.denied
            } else {
                &mut self.allowed
            };
            let is_new = !set.contains(verb);
            set.insert(verb);
            // A denial goes before all; then what is said of the broadest subject; then the first rule of the file.
            let decides = is_new && (mark.denies || !self.denied.contains(verb));
            if let Some(rule) = self.rules.get_mut(index(verb)).filter(|_| decides) {
                *rule = Some(mark.rule);
            }
        }
    }

    fn with(&self, marks: &[RuleMark]) -> Self {
        let mut own = self.clone();
        for mark in marks {
            own.add(*mark);
        }
        own
    }
}

/// What some keys have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sum {
    /// What is allowed with one of them at least.
    pub(super) some: VerbSet,
    /// What is allowed with all of them.
    pub(super) every: VerbSet,
}

impl Sum {
    fn of(verbs: VerbSet) -> Self {
        Self {
            some: verbs,
            every: verbs,
        }
    }

    fn and(self, other: Self) -> Self {
        Self {
            some: self.some.union(other.some),
            every: self.every.intersection(other.every),
        }
    }
}

/// What holds for a node of the tree of keys.
#[derive(Clone, Debug, Default)]
struct Level {
    /// Of the node's key, with a slash at the end or without.
    own: Grants,
    /// Of what is beneath, but for the children here.
    beneath: Grants,
}

/// What one identity may do with each key.
#[derive(Clone, Debug)]
pub(super) struct SubjectTree {
    level: Level,
    /// In the order of their segments.
    children: Box<[(Box<str>, SubjectTree)]>,
    /// Those whose segment is this stem and any digits, in the order of their stems. No child here is meant.
    ports: Box<[(Box<str>, Level)]>,
    sum: Sum,
}

/// The part of a tree that a range of keys is about.
enum Part<'a> {
    /// The same everywhere.
    Even(&'a Grants),
    /// A node and everything beneath.
    Whole(&'a SubjectTree),
    /// The same, where nothing beneath is named.
    Port(&'a Level),
    /// What is beneath a node in segments that begin so; the text is not empty.
    Begins(&'a SubjectTree, &'a [u8]),
}

impl SubjectTree {
    /// What may be done with a key.
    pub(super) fn grants(&self, key: &[u8]) -> &Grants {
        let path = key.strip_suffix(b"/").unwrap_or(key);
        if path.is_empty() {
            return &self.level.own;
        }
        let mut node = self;
        let mut rest = path;
        loop {
            // Whatever is beneath is named nowhere, however long it is.
            if node.children.is_empty() && node.ports.is_empty() {
                return &node.level.beneath;
            }
            let (segment, after) = split(rest);
            if let Some(child) = node.child(segment) {
                let Some(after) = after else {
                    return &child.level.own;
                };
                (node, rest) = (child, after);
            } else if let Some(level) = node.port(segment) {
                return if after.is_some() {
                    &level.beneath
                } else {
                    &level.own
                };
            } else {
                return &node.level.beneath;
            }
        }
    }

    /// What all keys have in common that begin so.
    pub(super) fn sum(&self, prefix: &[u8]) -> Sum {
        match self.part(prefix) {
            Part::Even(grants) => Sum::of(grants.verbs()),
            Part::Whole(node) => node.sum,
            Part::Port(level) => level.sum(),
            Part::Begins(node, begin) => node.sum_of_begin(begin),
        }
    }

    /// With which keys this may not be done, of those that begin so: the first of them, or what those have in common, and the
    /// rule that denies it, if one does. `None` where it may be done with all.
    pub(super) fn shortfall(
        &self,
        verb: Verb,
        prefix: &[u8],
    ) -> Option<(Vec<u8>, Option<RuleNumber>)> {
        let mut path = prefix.to_vec();
        let lacks = |grants: &&Grants| !grants.verbs().contains(verb);
        let lacking = match self.part(prefix) {
            Part::Even(grants) => Some(grants).filter(lacks),
            Part::Port(level) => level.lacking(verb),
            Part::Whole(node) => {
                let own = node.level.lacking(verb);
                own.or_else(|| node.lacking_beneath(verb, b"", &mut path))
            }
            Part::Begins(node, begin) => Some(&node.level.beneath).filter(lacks).or_else(|| {
                path.truncate(prefix.len() - begin.len());
                node.lacking_beneath(verb, begin, &mut path)
            }),
        };
        // Of a segment that ends in any digits only what is before those is known.
        if !path.starts_with(prefix) {
            path = prefix.to_vec();
        }
        lacking.map(|grants| (path, grants.rule(verb)))
    }

    /// What does not allow this, of what is beneath in segments that begin so. To `path` is added where that is.
    fn lacking_beneath(&self, verb: Verb, begin: &[u8], path: &mut Vec<u8>) -> Option<&Grants> {
        for (stem, level) in self.ports_of(begin) {
            if let Some(grants) = level.lacking(verb) {
                path.extend_from_slice(stem.as_bytes());
                return Some(grants);
            }
        }
        let mut children = self.children_of(begin);
        let (name, child) = children.find(|(_, child)| !child.sum.every.contains(verb))?;
        path.extend_from_slice(name.as_bytes());
        let lacks = |grants: &&Grants| !grants.verbs().contains(verb);
        let own = Some(&child.level.own).filter(lacks);
        own.or_else(|| {
            path.push(b'/');
            let beneath = Some(&child.level.beneath).filter(lacks);
            beneath.or_else(|| child.lacking_beneath(verb, b"", path))
        })
    }

    /// Writes which keys are allowed of those that begin so. Two trees write the same if, and only if, they allow the same.
    pub(super) fn write_class(&self, verb: Verb, prefix: &[u8], out: &mut Vec<u8>) {
        let bit = |grants: &Grants| u8::from(grants.verbs().contains(verb));
        match self.part(prefix) {
            Part::Whole(node) => node.write_node(verb, out),
            Part::Begins(node, begin) => node.write_children(verb, begin, out),
            Part::Port(level) => out.extend([bit(&level.own), bit(&level.beneath), b'.']),
            // As a node would write it that says nothing of its own.
            Part::Even(grants) if prefix.is_empty() || prefix.ends_with(b"/") => {
                out.extend([bit(grants), bit(grants), b'.']);
            }
            Part::Even(grants) => out.extend([bit(grants), b'.']),
        }
    }

    fn part<'a>(&'a self, prefix: &'a [u8]) -> Part<'a> {
        let mut node = self;
        let mut rest = prefix;
        loop {
            let (segment, after) = split(rest);
            let Some(after) = after else {
                let whole = segment.is_empty();
                return if whole {
                    Part::Whole(node)
                } else {
                    Part::Begins(node, segment)
                };
            };
            if let Some(child) = node.child(segment) {
                (node, rest) = (child, after);
            } else if let Some(level) = node.port(segment) {
                let whole = after.is_empty();
                return if whole {
                    Part::Port(level)
                } else {
                    Part::Even(&level.beneath)
                };
            } else {
                return Part::Even(&node.level.beneath);
            }
        }
    }

    fn child(&self, segment: &[u8]) -> Option<&Self> {
        let found = self
            .children
            .binary_search_by(|(name, _)| name.as_bytes().cmp(segment));
        let (_, child) = self.children.get(found.ok()?)?;
        Some(child)
    }

    fn port(&self, segment: &[u8]) -> Option<&Level> {
        if self.ports.is_empty() {
            return None;
        }
        let stem = stem(segment)?;
        let found = self
            .ports
            .binary_search_by(|(name, _)| name.as_bytes().cmp(stem));
        let (_, level) = self.ports.get(found.ok()?)?;
        Some(level)
    }

    fn children_of(&self, begin: &[u8]) -> impl Iterator<Item = &(Box<str>, Self)> {
        let from = self
            .children
            .partition_point(|(name, _)| name.as_bytes() < begin);
        let from = self.children.get(from..).unwrap_or_default();
        from.iter()
            .take_while(move |(name, _)| name.as_bytes().starts_with(begin))
    }

    /// The ports for which some segment begins so.
    fn ports_of(&self, begin: &[u8]) -> impl Iterator<Item = &(Box<str>, Level)> {
        self.ports.iter().filter(move |(stem, _)| {
            let stem = stem.as_bytes();
            let digits = begin.strip_prefix(stem);
            stem.starts_with(begin)
                || digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_digit))
        })
    }

    /// There is always a segment that begins so and that is named nowhere: it has no slash, and can be of any length.
    fn sum_of_begin(&self, begin: &[u8]) -> Sum {
        let mut sum = Sum::of(self.level.beneath.verbs());
        for (_, child) in self.children_of(begin) {
            sum = sum.and(child.sum);
        }
        for (_, level) in self.ports_of(begin) {
            sum = sum.and(level.sum());
        }
        sum
    }

    fn write_node(&self, verb: Verb, out: &mut Vec<u8>) {
        out.push(u8::from(self.level.own.verbs().contains(verb)));
        self.write_children(verb, b"", out);
    }

    fn write_children(&self, verb: Verb, begin: &[u8], out: &mut Vec<u8>) {
        out.push(u8::from(self.level.beneath.verbs().contains(verb)));
        for (name, level) in self.ports_of(begin) {
            if !level.is_even(verb, &self.level.beneath) {
                out.push(b'p');
                write_name(name, out);
                out.extend(
                    [&level.own, &level.beneath]
                        .map(|grants| u8::from(grants.verbs().contains(verb))),
                );
            }
        }
        for (name, child) in self.children_of(begin) {
            let port = self.port(name.as_bytes());
            let without = port.map_or([&self.level.beneath; 2], |level| {
                [&level.own, &level.beneath]
            });
            if !child.is_like(verb, without) {
                out.push(b'c');
                write_name(name, out);
                child.write_node(verb, out);
            }
        }
        out.push(b'.');
    }

    /// Whether the node and all beneath is as if it was not here: its own key as the first says, the rest as the second.
    fn is_like(&self, verb: Verb, [own, beneath]: [&Grants; 2]) -> bool {
        let allows = |grants: &Grants| grants.verbs().contains(verb);
        let below = allows(beneath);
        allows(&self.level.own) == allows(own)
            && allows(&self.level.beneath) == below
            && self
                .ports
                .iter()
                .all(|(_, level)| level.is_even(verb, beneath))
            && self
                .children
                .iter()
                .all(|(_, child)| child.is_like(verb, [beneath, beneath]))
    }
}

impl Level {
    fn sum(&self) -> Sum {
        Sum::of(self.own.verbs()).and(Sum::of(self.beneath.verbs()))
    }

    /// What does not allow this.
    fn lacking(&self, verb: Verb) -> Option<&Grants> {
        let mut both = [&self.own, &self.beneath].into_iter();
        both.find(|grants| !grants.verbs().contains(verb))
    }

    fn is_even(&self, verb: Verb, beneath: &Grants) -> bool {
        let allows = |grants: &Grants| grants.verbs().contains(verb);
        allows(&self.own) == allows(beneath) && allows(&self.beneath) == allows(beneath)
    }
}

fn write_name(name: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(name.as_bytes());
    // No name has a slash.
    out.push(b'/');
}

/// The first segment, and what is behind its slash.
fn split(rest: &[u8]) -> (&[u8], Option<&[u8]>) {
    let slash = rest.iter().position(|byte| *byte == b'/');
    let parts = slash.and_then(|at| rest.split_at_checked(at));
    match parts.and_then(|(segment, after)| Some((segment, after.split_first()?))) {
        Some((segment, (_slash, after))) => (segment, Some(after)),
        None => (rest, None),
    }
}

/// What is before the digits that end a segment, if that ends with a colon.
fn stem(segment: &[u8]) -> Option<&[u8]> {
    let colon = segment.iter().rposition(|byte| *byte == b':')?;
    let (stem, digits) = segment.split_at_checked(colon + 1)?;
    let is_port = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    is_port.then_some(stem)
}

/// Builds a tree from the subjects of rules.
#[derive(Debug, Default)]
pub(super) struct SubjectTreeBuilder {
    marks: Marks,
    children: BTreeMap<String, Self>,
    ports: BTreeMap<String, Marks>,
}

#[derive(Debug, Default)]
struct Marks {
    key: Vec<RuleMark>,
    beneath: Vec<RuleMark>,
}

impl SubjectTreeBuilder {
    pub(super) fn add(&mut self, subject: &FilledSubject, mark: RuleMark) {
        let mut segments: Vec<&str> = subject
            .path
            .split('/')
            .filter(|segment| !segment.is_empty())
            .collect();
        let port = segments.pop_if(|_| subject.any_port);
        let mut node = self;
        for segment in segments {
            node = node.children.entry(segment.to_owned()).or_default();
        }
        let marks = match port {
            Some(stem) => node.ports.entry(stem.to_owned()).or_default(),
            None => &mut node.marks,
        };
        match subject.scope {
            Scope::Key => marks.key.push(mark),
            Scope::Beneath => marks.beneath.push(mark),
        }
    }

    pub(super) fn build(self) -> SubjectTree {
        self.build_below(&Grants::default())
    }

    fn build_below(mut self, above: &Grants) -> SubjectTree {
        for (name, child) in &mut self.children {
            let stem = stem(name.as_bytes()).and_then(|stem| std::str::from_utf8(stem).ok());
            if let Some(port) = stem.and_then(|stem| self.ports.get(stem)) {
                child.marks.key.extend_from_slice(&port.key);
                child.marks.beneath.extend_from_slice(&port.beneath);
            }
        }
        let level = self.marks.level(above);
        let child = |(name, child): (String, Self)| {
            (name.into_boxed_str(), child.build_below(&level.beneath))
        };
        let children: Box<[_]> = self.children.into_iter().map(child).collect();
        let port =
            |(stem, marks): (String, Marks)| (stem.into_boxed_str(), marks.level(&level.beneath));
        let ports: Box<[_]> = self.ports.into_iter().map(port).collect();
        let sum = children.iter().map(|(_, child)| child.sum);
        let sum = sum
            .chain(ports.iter().map(|(_, level)| level.sum()))
            .fold(level.sum(), Sum::and);
        SubjectTree {
            level,
            children,
            ports,
            sum,
        }
    }
}

impl Marks {
    fn level(mut self, above: &Grants) -> Level {
        self.beneath.sort_by_key(|mark| mark.rule);
        let beneath = above.with(&self.beneath);
        self.key.append(&mut self.beneath);
        self.key.sort_by_key(|mark| mark.rule);
        Level {
            own: above.with(&self.key),
            beneath,
        }
    }
}
