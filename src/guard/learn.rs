//! `PolicyLearner`: the least policy that allows what an audit log records.
//!
//! A subject is a key that was named, or a subtree that was listed or watched, or a node of which many children were used in
//! the same way. What the identity's own proof filled in stands for a variable, so that one rule is about all of a kind.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde::Deserialize;

use super::policy::Policy;
use crate::model::Verb;

/// So many children of a node that are used in the same way stand for all that is beneath it.
const MANY: usize = 8;

/// Reads audit logs, and proposes a policy.
#[derive(Debug, Default)]
pub struct PolicyLearner {
    kinds: BTreeMap<String, LearnedKind>,
    lines: u64,
    unreadable: u64,
}

/// A policy that was learned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LearnedPolicy {
    /// Its rules, in TOML, without tables of identities: the log does not say how certificates name them.
    pub text: String,
    /// How many rules it has.
    pub rules: usize,
    /// Keys that no policy can name, as the log shows them. Nothing is allowed with them.
    pub unnamed: Vec<String>,
    /// How many lines of the log were read.
    pub lines: u64,
    /// How many lines are none of an audit log.
    pub unreadable: u64,
}

/// What identities of one kind did.
#[derive(Debug, Default)]
struct LearnedKind {
    uses: BTreeMap<Verb, BTreeSet<LearnedSubject>>,
    /// Keys that no policy can name, as the log shows them.
    unnamed: BTreeSet<String>,
    has_sessions: bool,
}

/// What something was done with: a path in segments, and whether all beneath it is meant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct LearnedSubject {
    segments: Vec<String>,
    is_tree: bool,
}

/// The fields of a line that matter.
#[derive(Debug, Deserialize)]
struct LearnedLine {
    event: String,
    face: Option<String>,
    identity: Option<String>,
    #[serde(default)]
    variables: BTreeMap<String, String>,
    verb: Option<String>,
    key: Option<String>,
    prefix: Option<String>,
    decision: Option<String>,
    session: Option<String>,
}

impl PolicyLearner {
    /// Takes in a line of an audit log.
    pub fn read_line(&mut self, line: &str) {
        if line.trim().is_empty() {
            return;
        }
        let Ok(line) = serde_json::from_str::<LearnedLine>(line) else {
            self.unreadable += 1;
            return;
        };
        self.lines += 1;
        let is_of_client = matches!(
            line.event.as_str(),
            "write" | "read" | "refusal" | "login" | "session-end"
        );
        // What was refused is no reason to allow it.
        let was_done = line.decision.as_deref() != Some("refused");
        let identity = line.identity.as_deref().unwrap_or_default();
        // Names of identities have neither.
        let is_named = !identity.is_empty() && !identity.contains(['(', ' ']);
        if !(is_of_client && was_done && is_named) {
            return;
        }
        let kind = self.kinds.entry(kind_of(identity, &line.variables));
        kind.or_default().learn(&line);
    }

    /// The policy.
    pub fn propose(&self) -> LearnedPolicy {
        let mut proposed = LearnedPolicy {
            lines: self.lines,
            unreadable: self.unreadable,
            ..LearnedPolicy::default()
        };
        for (kind, learned) in &self.kinds {
            learned.propose(kind, &mut proposed);
        }
        proposed
    }
}

/// An identity, with the variables that its name consists of.
fn kind_of(identity: &str, variables: &BTreeMap<String, String>) -> String {
    let segments = identity.split('/');
    let segments = segments.map(|segment| with_variables(segment, variables));
    segments.collect::<Vec<_>>().join("/")
}

/// A segment, or the variable whose value it is; with a port, if it has one.
fn with_variables(segment: &str, variables: &BTreeMap<String, String>) -> String {
    for (name, value) in variables {
        if segment == value {
            return format!("{{{name}}}");
        }
        let own = if value.contains(':') {
            format!("[{value}]:")
        } else {
            format!("{value}:")
        };
        let port = segment.strip_prefix(&own).unwrap_or_default();
        if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) {
            let address = if value.contains(':') {
                format!("[{{{name}}}]")
            } else {
                format!("{{{name}}}")
            };
            return format!("{address}:{{port}}");
        }
    }
    segment.to_owned()
}

/// The key that a line of the log shows so. `None` where it is not UTF-8, or has braces: in a policy they would name other keys, and
/// a client chooses what its keys are called.
fn key_of(shown: &str) -> Option<String> {
    let mut key = String::with_capacity(shown.len());
    let mut rest = shown.chars();
    while let Some(next) = rest.next() {
        match next {
            '{' | '}' => return None,
            '\\' if rest.next() != Some('\\') => return None,
            next => key.push(next),
        }
    }
    Some(key)
}

impl LearnedKind {
    fn learn(&mut self, line: &LearnedLine) {
        self.has_sessions |= line.session.is_some();
        let verb = line.verb.as_deref().and_then(|verb| verb.parse().ok());
        let Some(verb) = verb else { return };
        if verb == Verb::Session {
            self.has_sessions = true;
            return;
        }
        let named = line.key.as_ref().or(line.prefix.as_ref());
        let Some(named) = named else { return };
        let Some(key) = key_of(named) else {
            self.unnamed.insert(named.clone());
            return;
        };
        let path = key.strip_suffix('/').unwrap_or(&key);
        let segments = path.split('/');
        let segments = segments.map(|segment| with_variables(segment, &line.variables));
        let subject = LearnedSubject {
            segments: if path.is_empty() {
                Vec::new()
            } else {
                segments.collect()
            },
            is_tree: line.prefix.is_some() || matches!(verb, Verb::List | Verb::Watch),
        };
        // etcd shows what is beneath a node with it.
        if verb == Verb::Read && line.face.as_deref() == Some("etcd") {
            let subject = LearnedSubject {
                is_tree: true,
                ..subject.clone()
            };
            for verb in [Verb::List, Verb::Read] {
                self.uses.entry(verb).or_default().insert(subject.clone());
            }
        }
        for verb in [verb, Verb::Read] {
            // Without reading a key nothing else is allowed with it.
            self.uses.entry(verb).or_default().insert(subject.clone());
        }
    }

    fn propose(&self, kind: &str, proposed: &mut LearnedPolicy) {
        proposed.unnamed.extend(self.unnamed.iter().cloned());
        let mut by_subject: BTreeMap<LearnedSubject, BTreeSet<Verb>> = BTreeMap::new();
        for (verb, subjects) in &self.uses {
            for subject in grouped(subjects.clone()) {
                by_subject.entry(subject).or_default().insert(*verb);
            }
        }
        let mut by_verbs: BTreeMap<BTreeSet<Verb>, Vec<LearnedSubject>> = BTreeMap::new();
        for (subject, verbs) in by_subject {
            if subject.is_nameable() {
                by_verbs.entry(verbs).or_default().push(subject);
            } else {
                proposed.unnamed.push(subject.path());
            }
        }
        let mut sessions = self.has_sessions.then_some("sessions = \"own\"\n");
        for (verbs, subjects) in by_verbs {
            let verbs: Vec<String> = verbs.iter().map(ToString::to_string).collect();
            proposed.begin_rule(kind);
            let _written = writeln!(proposed.text, "allow = {}", list(&verbs));
            for (field, is_tree) in [("beneath", true), ("key", false)] {
                let of_kind = subjects.iter().filter(|one| one.is_tree == is_tree);
                let paths: Vec<String> = of_kind.map(LearnedSubject::path).collect();
                if !paths.is_empty() {
                    let _written = writeln!(proposed.text, "{field} = {}", list(&paths));
                }
            }
            proposed.text.push_str(sessions.take().unwrap_or_default());
        }
        if let Some(sessions) = sessions {
            proposed.begin_rule(kind);
            proposed.text.push_str(sessions);
        }
    }
}

impl LearnedPolicy {
    fn begin_rule(&mut self, kind: &str) {
        self.rules += 1;
        let (number, kind) = (self.rules, list(&[kind.to_owned()]));
        let empty = if self.text.is_empty() { "" } else { "\n" };
        let _written = write!(
            self.text,
            "{empty}[[rule]]\nname = \"learned-{number}\"\nidentities = {kind}\n"
        );
    }
}

impl LearnedSubject {
    fn path(&self) -> String {
        self.segments.join("/")
    }

    /// Whether a policy can name it.
    fn is_nameable(&self) -> bool {
        let path = list(&[self.path()]);
        let text = format!(
            "[[rule]]\nname = \"one\"\nidentities = [\"*\"]\nallow = [\"read\"]\nbeneath = {path}\n"
        );
        Policy::parse(&text).is_ok()
    }
}

/// Subjects, many neighbours of which are one tree.
fn grouped(mut subjects: BTreeSet<LearnedSubject>) -> BTreeSet<LearnedSubject> {
    let deepest = subjects.iter().map(|one| one.segments.len()).max();
    for depth in (2..=deepest.unwrap_or_default()).rev() {
        let mut parents: BTreeMap<Vec<String>, BTreeSet<&String>> = BTreeMap::new();
        for subject in subjects.iter().filter(|one| one.segments.len() == depth) {
            if let Some((name, parent)) = subject.segments.split_last() {
                parents.entry(parent.to_vec()).or_default().insert(name);
            }
        }
        let crowded = parents
            .into_iter()
            .filter(|(_, children)| children.len() >= MANY);
        let trees: Vec<_> = crowded
            .map(|(segments, _)| LearnedSubject {
                segments,
                is_tree: true,
            })
            .collect();
        subjects.extend(trees);
        subjects = without_covered(&subjects);
    }
    without_covered(&subjects)
}

/// The subjects that are not within another one.
fn without_covered(subjects: &BTreeSet<LearnedSubject>) -> BTreeSet<LearnedSubject> {
    let trees: BTreeSet<&[String]> = subjects
        .iter()
        .filter(|one| one.is_tree)
        .map(|one| one.segments.as_slice())
        .collect();
    let is_covered = |one: &LearnedSubject| {
        (0..=one.segments.len()).any(|length| {
            let above = one.segments.get(..length).unwrap_or_default();
            let is_itself = one.is_tree && length == one.segments.len();
            !is_itself && trees.contains(above)
        })
    };
    let kept = subjects.iter().filter(|one| !is_covered(one));
    kept.cloned().collect()
}

/// A list of texts in TOML, whose texts are written as in JSON.
fn list(texts: &[String]) -> String {
    let texts = texts.iter().map(|text| {
        let text = serde_json::to_string(text).unwrap_or_default();
        // The one control character that JSON leaves as it is.
        text.replace('\u{7f}', "\\u007f")
    });
    format!("[{}]", texts.collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use proptest::prelude::*;

    use super::*;
    use crate::guard::policy::{Identity, Variables};
    use crate::model::Principal;

    fn line(number: u8, verb: &str, key: &str) -> String {
        let variables = serde_json::json!({ "ip": format!("10.0.0.{number}") });
        serde_json::json!({
            "time": "2026-01-01T00:00:00.000Z", "id": "x-1", "event": "write",
            "identity": format!("node/10.0.0.{number}"), "variables": variables,
            "verb": verb, "key": key, "decision": "allowed",
        })
        .to_string()
    }

    fn learned(lines: &[String]) -> LearnedPolicy {
        let mut learner = PolicyLearner::default();
        for line in lines {
            learner.read_line(line);
        }
        learner.propose()
    }

    fn node(number: u8) -> Identity {
        let ip: IpAddr = format!("10.0.0.{number}").parse().unwrap();
        Identity {
            principal: Principal::named(&format!("node/{ip}")),
            variables: Variables::default().with_ip(ip),
            proof: String::new(),
            refused: None,
        }
    }

    fn allows(policy: &LearnedPolicy, number: u8, verb: &str, key: &str) -> bool {
        let policy =
            Policy::parse(&policy.text).unwrap_or_else(|error| panic!("{error}: {policy:?}"));
        let rights = policy.rights(&node(number));
        rights.decide(verb.parse().unwrap(), key.as_bytes()).allowed
    }

    #[test]
    fn own_names_become_variables_and_crowds_of_children_a_tree() {
        let mut lines = vec![
            line(1, "create", "docker/nodes/10.0.0.1:2376"),
            line(2, "create", "docker/nodes/10.0.0.2:2376"),
            line(1, "list", "docker/nodes/"),
            line(1, "delete", "one/alone"),
        ];
        lines.extend((0..MANY).map(|number| line(1, "cas", &format!("net/k{number}"))));
        let policy = learned(&lines);
        assert!(policy.text.contains(r#"["node/{ip}"]"#), "{}", policy.text);
        assert!(policy.text.contains("{ip}:{port}"), "{}", policy.text);
        for (number, verb, key, allowed) in [
            (3, "create", "docker/nodes/10.0.0.3:2376", true),
            (3, "create", "docker/nodes/10.0.0.1:2376", false),
            (3, "read", "docker/nodes/10.0.0.1:2376", true),
            (1, "cas", "net/other", true),
            (1, "create", "net/other", false),
            (1, "delete", "one/alone", true),
            (1, "delete", "one/other", false),
            (1, "read", "one", false),
        ] {
            assert_eq!(
                allows(&policy, number, verb, key),
                allowed,
                "{verb} {key}: {}",
                policy.text
            );
        }
    }

    #[test]
    fn what_was_refused_and_what_is_no_line_is_no_reason() {
        let refused = line(1, "read", "secret").replace("allowed", "refused");
        let would = line(1, "read", "wanted").replace("allowed", "would-refuse");
        let own = line(1, "read", "own").replace("node/10.0.0.1", "(gateway)");
        let policy = learned(&[refused, would, own, "no json".to_owned()]);
        assert_eq!((policy.lines, policy.unreadable), (3, 1));
        assert!(allows(&policy, 1, "read", "wanted"));
        for key in ["secret", "own"] {
            assert!(!policy.text.contains(key), "{}", policy.text);
        }
    }

    #[test]
    fn keys_that_no_policy_can_name_are_told() {
        let policy = learned(&[
            line(1, "create", "a//b"),
            line(1, "create", "a/*"),
            line(1, "create", "b"),
            line(1, "create", r"not utf-8/\xff"),
        ]);
        assert_eq!(policy.unnamed, [r"not utf-8/\xff", "a//b", "a/*"]);
        assert!(allows(&policy, 1, "create", "b"));
        assert!(!allows(&policy, 1, "create", "a/c"));
    }

    #[test]
    fn braces_in_a_key_are_no_variables() {
        let all = ["a/{ip}", "{name}", "a/{ip}:{port}", "a/x{ip}", "a/{"];
        let policy = learned(&all.map(|key| line(1, "create", key)));
        assert_eq!((policy.rules, policy.unnamed.len()), (0, all.len()));
        // The client's own address may still become one.
        let policy = learned(&[line(1, "create", "a/{ip}"), line(1, "create", "b/10.0.0.1")]);
        assert!(policy.text.contains(r#"["b/{ip}"]"#), "{}", policy.text);
        assert!(!allows(&policy, 1, "create", "a/10.0.0.1"));
    }

    #[test]
    fn a_backslash_of_a_key_is_one_in_the_policy() {
        // The log shows two for one.
        let policy = learned(&[line(1, "create", r"a\\b")]);
        assert!(allows(&policy, 1, "create", r"a\b"), "{}", policy.text);
        assert!(!allows(&policy, 1, "create", r"a\\b"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn every_line_of_the_log_is_allowed_and_no_other_tree(
            used in prop::collection::vec((1_u8..4, 0_usize..7, "[a-c]{1,2}(/[a-c]{1,2}){0,3}"), 1..60),
        ) {
            let verbs = ["read", "list", "create", "write", "cas", "delete", "lock"];
            let lines: Vec<String> = used
                .iter()
                .map(|(number, verb, key)| line(*number, verbs[*verb], key))
                .collect();
            let policy = learned(&lines);
            for (number, verb, key) in &used {
                prop_assert!(allows(&policy, *number, verbs[*verb], key), "{} {key}: {}", verbs[*verb], policy.text);
                prop_assert!(allows(&policy, *number, "read", key));
            }
            prop_assert!(!allows(&policy, 1, "read", "zz"));
            prop_assert!(!allows(&policy, 1, "read", "d/a"));
        }
    }
}
