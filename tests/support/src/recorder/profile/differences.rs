//! Differences between two profiles, a line each.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use super::{Profile, Repeated, StepProfile};

/// Compares a profile with the one that was expected; empty if they agree.
///
/// Of what depends on time, heartbeats, polls and lists of hosts are compared over all steps together, since a short step
/// may have none. Reactions of watches are compared in the steps in which a host writes nothing: one that starts or stops a
/// container sets or ends its own watch at the same time, and may or may not see the change. Lookups of local endpoints
/// are compared where both have them. Who makes the directory of the list of hosts is not compared: a daemon's watch of the
/// list and its first heartbeat race for it.
pub fn differences(expected: &Profile, found: &Profile) -> Vec<String> {
    let mut all = Vec::new();
    for (step, host) in places(&[expected, found]) {
        let place = format!("{step}, {host}");
        compare_step(
            &place,
            &expected.step(&step, &host),
            &found.step(&step, &host),
            &mut all,
        );
    }
    let (expected, found) = (recurring(expected), recurring(found));
    for ((host, kind), forms) in &expected {
        let others = found.get(&(host.clone(), *kind));
        let missing = forms
            .iter()
            .filter(|form| others.is_none_or(|others| !others.contains(*form)));
        all.extend(missing.map(|form| format!("{host}: {kind:?} {form}: missing")));
    }
    for ((host, kind), forms) in &found {
        let others = expected.get(&(host.clone(), *kind));
        let more = forms
            .iter()
            .filter(|form| others.is_none_or(|others| !others.contains(*form)));
        all.extend(more.map(|form| format!("{host}: {kind:?} {form}: not expected")));
    }
    all
}

/// All steps with their hosts, in the order of the first profile that has them.
fn places(profiles: &[&Profile]) -> Vec<(String, String)> {
    let mut places: Vec<(String, String)> = Vec::new();
    for (step, hosts) in profiles.iter().flat_map(|profile| &profile.steps) {
        for host in hosts.keys() {
            let place = (step.clone(), host.clone());
            if !places.contains(&place) {
                places.push(place);
            }
        }
    }
    places
}

fn compare_step(place: &str, expected: &StepProfile, found: &StepProfile, all: &mut Vec<String>) {
    compare(place, "", &expected.commands, &found.commands, all);
    compare(place, "writes of ", &expected.writes, &found.writes, all);
    compare(place, "value of ", &expected.values, &found.values, all);
    if expected.writes.is_empty() && found.writes.is_empty() {
        let forms = |profile: &StepProfile| -> BTreeMap<String, &str> {
            let forms = profile.repeated.get(&Repeated::Reaction).cloned();
            let forms = forms.unwrap_or_default().into_keys();
            forms.map(|form| (form, "some")).collect()
        };
        compare(place, "reaction ", &forms(expected), &forms(found), all);
    }
    let lookups = |profile: &StepProfile| profile.repeated.get(&Repeated::LocalEndpoint).cloned();
    if let (Some(expected), Some(found)) = (lookups(expected), lookups(found)) {
        compare(place, "", &expected, &found, all);
    }
}

/// Whether a form is of the directory of the list of hosts itself, not of what is in it.
fn is_of_hosts_directory(form: &str) -> bool {
    let after = form.split_once("docker/nodes").map(|(_, after)| after);
    after.is_some_and(|after| !after.starts_with('/'))
}

fn compare<V: PartialEq + Debug>(
    place: &str,
    what: &str,
    expected: &BTreeMap<String, V>,
    found: &BTreeMap<String, V>,
    all: &mut Vec<String>,
) {
    let forms: BTreeSet<&String> = expected.keys().chain(found.keys()).collect();
    for form in forms
        .into_iter()
        .filter(|form| !is_of_hosts_directory(form))
    {
        let line = match (expected.get(form), found.get(form)) {
            (Some(expected), Some(found)) if expected == found => continue,
            (Some(expected), Some(found)) => format!("{expected:?} expected, {found:?} found"),
            (Some(expected), None) => format!("{expected:?} expected, none found"),
            (None, Some(found)) => format!("none expected, {found:?} found"),
            (None, None) => continue,
        };
        all.push(format!("{place}: {what}{form}: {line}"));
    }
}

/// The forms of what recurs, over all steps.
fn recurring(profile: &Profile) -> BTreeMap<(String, Repeated), BTreeSet<String>> {
    let mut all: BTreeMap<_, BTreeSet<String>> = BTreeMap::new();
    for (_, hosts) in &profile.steps {
        for (host, step) in hosts {
            let kinds = step.repeated.iter();
            for (kind, forms) in kinds.filter(|(kind, _)| **kind != Repeated::LocalEndpoint) {
                let known = all.entry((host.clone(), *kind)).or_default();
                known.extend(forms.keys().cloned());
            }
        }
    }
    all
}
