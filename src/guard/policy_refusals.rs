//! `PolicyRefusalLog`: log lines about what the policy refuses, few enough that no client can flood the log.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::client_rights::Refusal;
use super::policy::{Identity, RuleName};
use super::policy_mode::PolicyMode;
use crate::model::Caller;
use crate::space::OverQuota;

/// Lines in each period; the metrics count what is left out.
const LINES: u32 = 20;
const PERIOD: Duration = Duration::from_secs(1);

/// Writes log lines about refusals.
#[derive(Debug, Default)]
pub(super) struct PolicyRefusalLog(Mutex<Written>);

#[derive(Debug, Default)]
struct Written {
    since: Option<Instant>,
    lines: u32,
    left_out: u64,
}

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
        let Some(left_out) = self.permit() else {
            return;
        };
        let Refusal {
            verb, key, rule, ..
        } = refusal;
        let key = key.map(ToString::to_string);
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
        let Some(left_out) = self.permit() else {
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

    /// How many lines were left out before one that may be written now.
    fn permit(&self) -> Option<u64> {
        let mut written = self.0.lock();
        let now = Instant::now();
        if written.since.is_none_or(|since| now - since >= PERIOD) {
            written.since = Some(now);
            written.lines = 0;
        }
        if written.lines == LINES {
            written.left_out += 1;
            return None;
        }
        written.lines += 1;
        Some(std::mem::take(&mut written.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_more_than_twenty_lines_a_second_is_counted() {
        let log = PolicyRefusalLog::default();
        let written = (0..10_000).filter(|_| log.permit().is_some()).count();
        // Whoever is so slow that a second passes gets the next lines.
        assert!((20..=200).contains(&written), "{written}");
    }
}
