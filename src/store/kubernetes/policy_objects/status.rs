//! `PolicyStatus`: what gateways say of an object, for people and for gateways that start later.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The type of the condition.
const ACCEPTED: &str = "Accepted";

/// The status of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "RawStatus")]
pub(crate) struct PolicyStatus {
    /// Whether its newest version can be used.
    pub(crate) accepted: Option<AcceptedCondition>,
    /// When that changed, as it is written.
    changed: Option<String>,
    /// The newest version that could be used; 0 where none ever could, and nothing where that is not known.
    pub(crate) accepted_generation: Option<i64>,
    /// How many rules that has.
    pub(crate) rules: Option<i64>,
}

/// The condition `Accepted`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AcceptedCondition {
    pub(crate) is_accepted: bool,
    pub(crate) reason: String,
    pub(crate) message: String,
    /// The version that it is about.
    pub(crate) generation: i64,
}

/// The status as the API server has it.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawStatus {
    conditions: Vec<RawCondition>,
    #[serde(skip_serializing_if = "Option::is_none")]
    accepted_generation: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rules: Option<i64>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawCondition {
    #[serde(rename = "type")]
    kind: String,
    status: String,
    reason: String,
    message: String,
    observed_generation: i64,
    last_transition_time: String,
}

impl PolicyStatus {
    /// The status that says this; the newest version that could be used, and its number of rules, are those of `good`, or as they
    /// were.
    pub(crate) fn saying(&self, condition: AcceptedCondition, good: Option<(i64, i64)>) -> Self {
        let rules = self.rules.unwrap_or(0);
        let before = self
            .accepted_generation
            .map(|generation| (generation, rules));
        // It never falls: gateways that start take an object without one for one that never was in force.
        let good = before.max(good);
        Self {
            accepted: Some(condition),
            changed: self.changed.clone(),
            accepted_generation: good.map(|(generation, _)| generation),
            rules: good.map(|(_, rules)| rules),
        }
    }

    /// Whether another one says the same, whenever that changed.
    pub(crate) fn says_the_same(&self, other: &Self) -> bool {
        let said = |status: &Self| {
            (
                status.accepted.clone(),
                status.accepted_generation,
                status.rules,
            )
        };
        said(self) == said(other)
    }

    /// The same as JSON, in the place of another one, at this time in RFC 3339.
    pub(crate) fn in_place_of(&self, before: &Self, now: &str) -> Value {
        let is_accepted = |status: &Self| {
            status
                .accepted
                .as_ref()
                .map(|condition| condition.is_accepted)
        };
        let changed = before.changed.as_deref();
        let changed = changed.filter(|_| is_accepted(before) == is_accepted(self));
        let conditions = self.accepted.iter().map(|condition| RawCondition {
            kind: ACCEPTED.to_owned(),
            status: if condition.is_accepted {
                "True"
            } else {
                "False"
            }
            .to_owned(),
            reason: condition.reason.clone(),
            message: condition.message.clone(),
            observed_generation: condition.generation,
            last_transition_time: changed.unwrap_or(now).to_owned(),
        });
        json!(RawStatus {
            conditions: conditions.collect(),
            accepted_generation: self.accepted_generation,
            rules: self.rules,
        })
    }
}

impl From<RawStatus> for PolicyStatus {
    fn from(raw: RawStatus) -> Self {
        let mut conditions = raw.conditions.into_iter();
        let condition = conditions.find(|condition| condition.kind == ACCEPTED);
        let (accepted, changed) = condition
            .map(|condition| {
                let accepted = AcceptedCondition {
                    is_accepted: condition.status == "True",
                    reason: condition.reason,
                    message: condition.message,
                    generation: condition.observed_generation,
                };
                (accepted, condition.last_transition_time)
            })
            .unzip();
        Self {
            accepted,
            changed,
            accepted_generation: raw.accepted_generation,
            rules: raw.rules,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn condition(is_accepted: bool, generation: i64) -> AcceptedCondition {
        AcceptedCondition {
            is_accepted,
            reason: "r".to_owned(),
            message: "m".to_owned(),
            generation,
        }
    }

    fn read(value: &Value) -> PolicyStatus {
        serde_json::from_value(value.clone()).unwrap()
    }

    #[test]
    fn what_is_written_is_read_again_and_its_time_is_that_of_the_change() {
        let none = PolicyStatus::default();
        let good = none.saying(condition(true, 1), Some((1, 3)));
        let written = good.in_place_of(&none, "2026-01-01T00:00:00Z");
        let first = read(&written);
        assert_eq!(
            (first.accepted.clone(), first.rules),
            (good.accepted.clone(), Some(3))
        );
        let same = first.saying(condition(true, 1), Some((1, 3)));
        assert_eq!(same, first, "nothing is to be written");
        let still = first.saying(condition(true, 2), Some((2, 4)));
        let written = still.in_place_of(&first, "2026-02-02T00:00:00Z");
        assert_eq!(
            written["conditions"][0]["lastTransitionTime"],
            "2026-01-01T00:00:00Z"
        );
        let refused = first.saying(condition(false, 2), None);
        let written = refused.in_place_of(&first, "2026-02-02T00:00:00Z");
        assert_eq!(
            written["conditions"][0]["lastTransitionTime"],
            "2026-02-02T00:00:00Z"
        );
        assert_eq!(
            (&written["acceptedGeneration"], &written["rules"]),
            (&json!(1), &json!(3))
        );
    }

    #[test]
    fn the_accepted_version_never_falls() {
        let status = PolicyStatus::default().saying(condition(true, 5), Some((5, 1)));
        let other = status.saying(condition(false, 6), Some((4, 9)));
        assert_eq!((other.accepted_generation, other.rules), (Some(5), Some(1)));
        assert_eq!(read(&json!({})), PolicyStatus::default());
    }
}
