//! Check of the quotas of a policy: what is valid, but hardly meant so.

use super::error::PolicyPlace;
use super::pattern::IdentityPattern;
use super::quota::QuotaRule;
use super::variables::Variable;
use super::{Identity, Policy};

impl Policy {
    /// What is hardly meant so in its quotas, and where.
    pub(super) fn quota_warnings(&self) -> Vec<(PolicyPlace, String)> {
        let mut found = Vec::new();
        for quota in &self.quotas {
            for pattern in &quota.identities {
                let identities = self.samples(pattern);
                if identities.is_empty() {
                    found.push((quota.place, binds_nobody(quota, pattern)));
                }
                for identity in &identities {
                    let missing = missing_variables(quota, identity);
                    found.extend(missing.map(|missing| (quota.place, missing)));
                }
            }
        }
        found
    }
}

fn binds_nobody(quota: &QuotaRule, pattern: &IdentityPattern) -> String {
    let name = &quota.name;
    match pattern {
        IdentityPattern::Recognized => {
            format!("quota '{name}' binds nobody: there is no [[identity]]")
        }
        IdentityPattern::Anonymous | IdentityPattern::Named(_) => {
            let shown = pattern.text();
            format!("quota '{name}': no [[identity]] gives a principal '{shown}'")
        }
    }
}

/// Prefixes beneath which nothing is counted for somebody whom the quota is to bind.
fn missing_variables(quota: &QuotaRule, identity: &Identity) -> impl Iterator<Item = String> {
    let Identity {
        principal,
        variables,
        ..
    } = identity;
    quota.beneath.iter().filter_map(move |template| {
        let missing = |variable: &Variable| variables.get(*variable).is_none();
        let (name, missing) = (&quota.name, template.variables().find(missing)?.name());
        Some(format!(
            "quota '{name}': {{{missing}}} in a prefix is not filled in for {principal}"
        ))
    })
}
