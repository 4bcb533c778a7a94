//! `PolicyRefusalLog`: log lines about what the policy refuses, few enough that no client can flood the log.

use super::client_rights::Refusal;
use super::line_budget::LineBudget;
use super::policy::{Identity, RuleName};
use super::policy_mode::PolicyMode;
use crate::model::Caller;
use crate::space::OverQuota;

/// Writes log lines about refusals.
#[derive(Debug, Default)]
pub(super) struct PolicyRefusalLog(LineBudget);

impl PolicyRefusalLog {
    /// Writes one, or counts it as left out.
    pub(super) fn write(
        &self,
        mode: PolicyMode,
        caller: &Caller,
        identity: &Identity,
        refusal: &Refusal<'_>,
    ) {
        let Caller::Client { face, peer, .. } = caller else {
            return;
        };
        let Some(left_out) = self.0.permit() else {
            return;
        };
        let Refusal {
            verb,
            key,
            at,
            rule,
            ..
        } = refusal;
        let key = key.map(ToString::to_string);
        let at = at.as_ref().map(ToString::to_string);
        let rule = rule.map_or("none allows it", RuleName::as_str);
        let what = match mode {
            PolicyMode::Warn => "the policy would refuse this",
            PolicyMode::Enforce => "refused by the policy",
        };
        let not_recognized = identity.refused.as_deref();
        tracing::warn!(
            face = face.as_str(),
            %peer,
            identity = %identity.principal,
            not_recognized,
            %verb,
            key,
            at,
            rule,
            left_out,
            "{what}"
        );
    }

    /// The same about what a quota refuses.
    pub(super) fn write_over_quota(
        &self,
        mode: PolicyMode,
        caller: &Caller,
        identity: &Identity,
        denied: &OverQuota,
    ) {
        let Caller::Client { face, peer, .. } = caller else {
            return;
        };
        let Some(left_out) = self.0.permit() else {
            return;
        };
        let what = match mode {
            PolicyMode::Warn => "a quota of the policy would refuse this",
            PolicyMode::Enforce => "refused by a quota of the policy",
        };
        tracing::warn!(
            face = face.as_str(),
            %peer,
            identity = %identity.principal,
            key = %denied.key,
            quota = denied.quota,
            resource = denied.resource.name(),
            left_out,
            "{what}"
        );
    }
}
