//! `UnionSize`: how large the union of objects is, which has the limits of one policy.

use std::collections::HashSet;

use super::policy_object::PolicyPart;
use crate::guard::policy::Policy;
use crate::guard::policy::fields::MOST;
use crate::guard::policy::parse::MOST_SUBJECTS;
use crate::guard::policy::quota_table::MOST_VARIABLE;
use crate::guard::policy::template::Template;

/// How large the union of some objects is.
#[derive(Debug, Default)]
pub(super) struct UnionSize<'a> {
    /// Bytes, identities, roles, rules, quotas and subjects.
    counts: [usize; 6],
    prefixes: HashSet<&'a Template>,
}

/// What is counted, and the most of it.
const LIMITS: [(&str, usize); 6] = [
    ("bytes", Policy::MAX_BYTES),
    ("identities", MOST),
    ("roles", MOST),
    ("rules", MOST),
    ("quotas", MOST),
    ("subjects in all rules", MOST_SUBJECTS),
];

impl<'a> UnionSize<'a> {
    /// Counts one more object, or says of what there would be too much.
    pub(super) fn add(&mut self, part: &'a PolicyPart) -> Result<(), String> {
        let policy = &part.policy;
        let grants = policy.rules.iter().flat_map(|rule| &rule.grants);
        let own = [
            part.bytes,
            policy.recognizers.len(),
            policy.role_names.len(),
            policy.rules.len(),
            policy.quotas.len(),
            grants.map(|grant| grant.subjects.len()).sum(),
        ];
        let mut counts = self.counts;
        for ((count, own), (what, most)) in counts.iter_mut().zip(own).zip(LIMITS) {
            *count += own;
            if *count > most {
                return Err(format!("more than {most} {what} in all objects"));
            }
        }
        let prefixes = policy.quotas.iter().flat_map(|quota| &quota.beneath);
        let prefixes = prefixes.filter(|prefix| prefix.literal().is_none());
        let added: HashSet<_> = prefixes
            .filter(|prefix| !self.prefixes.contains(*prefix))
            .collect();
        if self.prefixes.len() + added.len() > MOST_VARIABLE {
            return Err(format!(
                "more than {MOST_VARIABLE} different prefixes with variables in all objects"
            ));
        }
        self.counts = counts;
        self.prefixes.extend(added);
        Ok(())
    }
}
