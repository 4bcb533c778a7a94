//! Parser of a policy's text.

use std::collections::HashSet;
use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use super::error::PolicyError;
use super::fields::{Fields, PolicyText, line_starts, tables};
use super::identity_table::recognizer;
use super::quota_table::quotas;
use super::rule::Rule;
use super::rule_table::{OwnRoles, own_roles, rule};
use super::{Policy, RulesByIdentity};

/// The most subjects of all rules, those of their roles included.
pub(super) const MOST_SUBJECTS: usize = 200_000;

pub(super) fn parse(text: &str) -> Result<Policy, PolicyError> {
    let lines = line_starts(text);
    let source = PolicyText {
        text,
        lines: &lines,
    };
    let mut top = source.top(
        ("policy", Policy::MAX_BYTES),
        &["identity", "role", "rule", "quota"],
    )?;
    let recognizers = tables(&mut top, "identity")?.into_iter();
    let recognizers = recognizers.map(|(offset, table)| recognizer(source, offset, table));
    let recognizers = recognizers.collect::<Result<_, _>>()?;
    let mut roles = own_roles(&mut top)?;
    let rules = rules(&mut top, &mut roles)?;
    let quotas = quotas(&mut top)?;
    let mut role_names: Vec<_> = roles.keys().cloned().collect();
    role_names.sort_unstable();
    let unused = roles.into_values().filter(|role| !role.used);
    Ok(Policy {
        recognizers,
        unused_roles: unused.map(|role| (role.name, role.place)).collect(),
        names: rules.iter().map(|rule| rule.name.clone()).collect(),
        about: RulesByIdentity::of(rules.iter().map(|rule| &rule.identities)),
        quotas_about: RulesByIdentity::of(quotas.iter().map(|quota| &quota.identities)),
        quotas,
        rules,
        fingerprint: fingerprint(text),
        role_names,
    })
}

fn rules(top: &mut Fields<'_, '_>, roles: &mut OwnRoles) -> Result<Vec<Rule>, PolicyError> {
    let text = top.text;
    let mut rules = Vec::new();
    let mut names = HashSet::new();
    let mut subjects = 0;
    for (offset, table) in tables(top, "rule")? {
        let rule = rule(text, offset, table, roles)?;
        if !names.insert(rule.name.clone()) {
            return Err(text.error(offset, format!("there is a rule '{}' already", rule.name)));
        }
        subjects += rule
            .grants
            .iter()
            .map(|grant| grant.subjects.len())
            .sum::<usize>();
        if subjects > MOST_SUBJECTS {
            let what = format!("more than {MOST_SUBJECTS} subjects in all rules");
            return Err(text.error(offset, what));
        }
        rules.push(rule);
    }
    Ok(rules)
}

pub(in crate::guard) fn fingerprint(text: &str) -> String {
    hexadecimal(&Sha256::digest(text.as_bytes()))
}

/// Small hexadecimal digits.
pub(super) fn hexadecimal(digest: &[u8]) -> String {
    let mut text = String::new();
    for byte in digest {
        // Writing to a string does not fail.
        let _never = write!(text, "{byte:02x}");
    }
    text
}
