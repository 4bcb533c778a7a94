//! Which objects are in force: the union of all, the last good version of a bad one, nothing of a deleted one.

use serde_json::{Value, json};

use super::{PolicyObject, PolicyObjectSet, RefusalReason};
use crate::guard::policy::{Policy, Variables};
use crate::model::Verb;

/// A spec with a rule about anonymous clients.
fn rule(name: &str, verb: &str, beneath: &str) -> Value {
    json!({"rules": [{"name": name, "identities": ["anonymous"], verb: ["read"], "beneath": [beneath]}]})
}

fn bad() -> Value {
    json!({"rules": [{"name": "bad"}]})
}

/// Objects that change as they do in a cluster.
#[derive(Debug, Default)]
struct Cluster {
    set: PolicyObjectSet,
    versions: std::collections::HashMap<String, i64>,
}

impl Cluster {
    fn write(&mut self, name: &str, spec: &Value) {
        let generation = self.versions.entry(name.to_owned()).or_default();
        *generation += 1;
        let object = PolicyObject::new(name, ("uid", *generation), *generation > 1, spec);
        self.set.put(object);
        self.set.judge();
    }

    fn delete(&mut self, name: &str) {
        self.set.remove(name);
        self.set.judge();
    }

    fn policy(&self) -> Policy {
        self.set.union()
    }

    fn warnings(&self) -> Vec<String> {
        self.set.warnings(&self.policy())
    }

    fn may_read(&self, key: &str) -> bool {
        let policy = self.policy();
        let anonymous = policy.identity_named("anonymous", &Variables::default());
        let rights = policy.rights(&anonymous.unwrap());
        rights.decide(Verb::Read, key.as_bytes()).allowed
    }

    /// The objects that are refused.
    fn refused(&self) -> Vec<(&str, RefusalReason)> {
        let reports = self.set.reports();
        let refused = reports.filter_map(|report| Some((report.name, report.refusal?.reason)));
        refused.collect()
    }

    /// The version of an object that is in force.
    fn in_force(&self, name: &str) -> Option<i64> {
        let mut reports = self.set.reports();
        let report = reports.find(|report| report.name == name).unwrap();
        report.in_force.map(|(generation, _)| generation)
    }
}

#[test]
fn all_objects_together_are_in_force_and_a_denial_of_one_goes_before_all() {
    let mut cluster = Cluster::default();
    assert!(
        !cluster.may_read("a/b"),
        "nothing is allowed without a rule"
    );
    cluster.write("grants", &rule("grant", "allow", "a"));
    cluster.write("more", &rule("grant-more", "allow", "b"));
    assert!(cluster.may_read("a/b") && cluster.may_read("b/c"));
    cluster.write("denials", &rule("deny", "deny", "a/secret"));
    assert!(!cluster.may_read("a/secret/x") && cluster.may_read("a/b"));
    cluster.delete("denials");
    assert!(cluster.may_read("a/secret/x"));
    assert_eq!(cluster.policy().rule_count(), 2);
}

#[test]
fn identities_of_one_object_are_those_of_rules_in_another() {
    let mut cluster = Cluster::default();
    let identities = json!({"identities": [
        {"authority": "CN=nodes", "field": "cn", "name": "{name}", "principal": "host/{name}"}]});
    cluster.write("who", &identities);
    let rules = json!({"rules": [
        {"name": "r", "identities": ["host/{name}"], "allow": ["read"], "beneath": ["{name}"]}]});
    cluster.write("what", &rules);
    assert_eq!(cluster.warnings(), Vec::<String>::new());
    cluster.delete("who");
    let warnings = cluster.warnings();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(
        warnings[0].starts_with("what: spec.rules[0]: "),
        "{warnings:?}"
    );
}

#[test]
fn a_bad_edit_keeps_the_last_good_version_and_its_denial() {
    let mut cluster = Cluster::default();
    cluster.write("grants", &rule("grant", "allow", "a"));
    cluster.write("denials", &rule("deny", "deny", "a/secret"));
    cluster.write("denials", &bad());
    assert_eq!(cluster.refused(), [("denials", RefusalReason::Invalid)]);
    assert!(!cluster.may_read("a/secret/x"));
    assert_eq!(cluster.in_force("denials"), Some(1));
    cluster.write("denials", &rule("deny", "deny", "a/other"));
    assert!(cluster.may_read("a/secret/x") && !cluster.may_read("a/other/x"));
    cluster.write("denials", &bad());
    cluster.delete("denials");
    assert!(
        cluster.may_read("a/other/x"),
        "what is deleted has no last good version"
    );
}

#[test]
fn an_object_that_was_never_good_grants_and_denies_nothing() {
    let mut cluster = Cluster::default();
    cluster.write("grants", &rule("grant", "allow", "a"));
    cluster.write("bad", &bad());
    assert_eq!(cluster.in_force("bad"), None);
    assert!(cluster.may_read("a/b"));
    assert_eq!(cluster.set.with_unknown_good_version().count(), 0);
}

#[test]
fn another_object_of_the_name_has_not_the_last_good_version_of_the_first() {
    let mut cluster = Cluster::default();
    cluster.write("a", &rule("grant", "allow", "a"));
    cluster
        .set
        .put(PolicyObject::new("a", ("other", 1), false, &bad()));
    cluster.set.judge();
    assert!(!cluster.may_read("a/b"));
}

#[test]
fn a_bad_object_that_may_have_been_good_before_is_unknown() {
    let mut set = PolicyObjectSet::default();
    set.put(PolicyObject::new("a", ("uid", 7), true, &bad()));
    set.put(PolicyObject::new("b", ("uid", 1), false, &bad()));
    set.put(PolicyObject::new(
        "c",
        ("uid", 7),
        true,
        &rule("r", "allow", "a"),
    ));
    set.judge();
    assert_eq!(set.with_unknown_good_version().collect::<Vec<_>>(), ["a"]);
}

#[test]
fn whether_an_object_was_ever_good_is_known_from_its_first_version_on() {
    let mut set = PolicyObjectSet::default();
    let mut put = |generation, may_have_been_good, spec: &Value| {
        set.put(PolicyObject::new(
            "a",
            ("uid", generation),
            may_have_been_good,
            spec,
        ));
        set.judge();
        let mut reports = set.reports();
        reports.next().unwrap().may_have_been_good
    };
    assert!(!put(1, false, &bad()));
    assert!(!put(2, true, &bad()), "its first version was seen");
    assert!(put(3, true, &rule("r", "allow", "a")));
    assert!(put(4, false, &bad()));
}

#[test]
fn of_two_objects_with_one_name_the_later_named_is_refused() {
    let mut cluster = Cluster::default();
    cluster.write("b", &rule("same", "deny", "a/secret"));
    assert_eq!(cluster.refused(), []);
    // The denial of the object that comes later stays, although another one has its name now.
    cluster.write("a", &rule("same", "allow", "a"));
    assert_eq!(cluster.refused(), [("b", RefusalReason::NameTaken)]);
    assert!(cluster.may_read("a/b") && !cluster.may_read("a/secret/x"));
    // A refused object takes no names.
    cluster.write("c", &rule("same", "allow", "c"));
    assert_eq!(cluster.in_force("c"), None);
    cluster.delete("a");
    assert_eq!(cluster.refused(), [("c", RefusalReason::NameTaken)]);
    cluster.delete("b");
    assert_eq!(cluster.refused(), []);
    assert!(cluster.may_read("c/d"));
}

#[test]
fn names_of_roles_and_quotas_are_unique_too() {
    let role = json!({"roles": [{"name": "n", "sessions": "own"}]});
    let quota = json!({"quotas": [{"name": "n", "beneath": ["a"], "keys": 1}]});
    for (spec, what) in [(role, "role"), (quota, "quota")] {
        let mut cluster = Cluster::default();
        cluster.write("a", &spec);
        cluster.write("b", &spec);
        cluster.write("c", &rule("n", "allow", "a"));
        assert_eq!(
            cluster.refused(),
            [("b", RefusalReason::NameTaken)],
            "{what}"
        );
        let mut reports = cluster.set.reports();
        let refusal = reports.find_map(|report| report.refusal).unwrap();
        assert_eq!(refusal.message, format!("a has a {what} 'n' already"));
    }
}

#[test]
fn a_role_is_of_its_own_object() {
    let mut cluster = Cluster::default();
    let role = json!({"roles": [{"name": "mine", "sessions": "own"}]});
    cluster.write("a", &role);
    let rules = json!({"rules": [{"name": "r", "identities": ["*"], "role": "mine"}]});
    cluster.write("b", &rules);
    assert_eq!(cluster.refused(), [("b", RefusalReason::Invalid)]);
}

#[test]
fn all_objects_together_have_the_limits_of_one_policy() {
    let mut cluster = Cluster::default();
    // Each is less than half of what there may be.
    let large = "x".repeat(1000);
    let keys: Vec<_> = (0..450).map(|number| format!("{large}/{number}")).collect();
    let spec = |name: &str| json!({"rules": [{"name": name, "identities": ["anonymous"], "allow": ["read"], "beneath": keys}]});
    cluster.write("a", &spec("a"));
    cluster.write("b", &spec("b"));
    assert_eq!(cluster.refused(), []);
    cluster.write("c", &spec("c"));
    assert_eq!(cluster.refused(), [("c", RefusalReason::TooMuch)]);
    // What does not fit takes neither room nor names.
    cluster.write("d", &rule("c", "allow", "d"));
    assert_eq!(cluster.refused(), [("c", RefusalReason::TooMuch)]);
    let quotas = |from: usize| {
        let beneath: Vec<_> = (from..from + 40)
            .map(|one| format!("{{name}}/{one}"))
            .collect();
        json!({"quotas": [{"name": from.to_string(), "identities": ["*"], "beneath": beneath, "keys": 1}]})
    };
    let mut cluster = Cluster::default();
    cluster.write("a", &quotas(0));
    cluster.write("b", &quotas(20));
    cluster.write("c", &quotas(40));
    assert_eq!(cluster.refused(), [("c", RefusalReason::TooMuch)]);
}

#[test]
fn the_fingerprint_is_of_all_that_is_in_force() {
    let mut cluster = Cluster::default();
    let mut seen = std::collections::HashSet::new();
    seen.insert(cluster.policy().fingerprint().to_owned());
    cluster.write("a", &rule("r", "allow", "a"));
    let one = cluster.policy().fingerprint().to_owned();
    assert!(seen.insert(one.clone()));
    cluster.write("a", &bad());
    assert_eq!(cluster.policy().fingerprint(), one, "it has not changed");
    cluster.write("b", &rule("s", "allow", "a"));
    assert!(seen.insert(cluster.policy().fingerprint().to_owned()));
    cluster.delete("a");
    assert!(seen.insert(cluster.policy().fingerprint().to_owned()));
}
