//! Union of the parts of a policy: the policy that several objects are together.

use sha2::{Digest, Sha256};

use super::policy_object::PolicyPart;
use super::spec_text::in_words;
use crate::guard::policy::error::PolicyPlace;
use crate::guard::policy::{Policy, RulesByIdentity, parse};

/// The policy that the parts of these objects are together, in their order.
pub(super) fn union(parts: &[(&str, &PolicyPart)]) -> Policy {
    let mut policy = Policy::nothing();
    let mut digest = Sha256::new();
    let mut lines = 0;
    for (name, part) in parts {
        let own = &part.policy;
        digest.update(format!("{name}\0{}\n", own.fingerprint));
        let moved = |place: PolicyPlace| PolicyPlace {
            line: place.line + lines,
            ..place
        };
        let recognizers = own.recognizers.iter().cloned();
        policy.recognizers.extend(recognizers.map(|mut one| {
            one.place = moved(one.place);
            one
        }));
        policy
            .rules
            .extend(own.rules.iter().cloned().map(|mut one| {
                one.place = moved(one.place);
                one
            }));
        policy
            .quotas
            .extend(own.quotas.iter().cloned().map(|mut one| {
                one.place = moved(one.place);
                one
            }));
        let unused = own.unused_roles.iter();
        let unused = unused.map(|(name, place)| (name.clone(), moved(*place)));
        policy.unused_roles.extend(unused);
        policy.role_names.extend(own.role_names.iter().cloned());
        lines += part.lines.count();
    }
    policy.names = policy.rules.iter().map(|rule| rule.name.clone()).collect();
    policy.about = RulesByIdentity::of(policy.rules.iter().map(|rule| &rule.identities));
    let quotas = policy.quotas.iter().map(|quota| &quota.identities);
    policy.quotas_about = RulesByIdentity::of(quotas);
    policy.fingerprint = parse::hexadecimal(&digest.finalize());
    policy
}

/// What is valid in that policy, but hardly meant so, with the object and the field that it is about.
pub(super) fn warnings(policy: &Policy, parts: &[(&str, &PolicyPart)]) -> Vec<String> {
    let found = policy.warnings().into_iter().map(|warning| {
        let message = in_words(&warning.message);
        let mut place = warning.place;
        for (name, part) in parts {
            let lines = part.lines.count();
            if place.line <= lines {
                return format!("{name}: {}: {message}", part.lines.field(place));
            }
            place.line -= lines;
        }
        message
    });
    found.collect()
}
