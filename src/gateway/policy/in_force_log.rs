//! The log lines of a policy that comes into force.

use crate::guard::PolicyMode;
use crate::guard::policy::Policy;

/// Tells that a policy comes into force, and what in it is hardly meant so.
pub(super) fn log_in_force(policy: &Policy, warnings: &[String], mode: PolicyMode) {
    for warning in warnings {
        tracing::warn!("policy: {warning}");
    }
    let (rules, sha256) = (policy.rule_count(), policy.fingerprint());
    let mode = mode.as_str();
    tracing::info!(rules, sha256, mode, "policy: in force");
}
