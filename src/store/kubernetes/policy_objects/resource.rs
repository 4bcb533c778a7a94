//! `PolicyResource`: an object of the kind `AccessPolicy`, as the API server has it.

use serde::Deserialize;
use serde_json::Value;

use super::status::PolicyStatus;

/// An object, with what says which version of it this is.
#[derive(Debug, Deserialize)]
pub(crate) struct PolicyResource {
    pub(crate) metadata: PolicyMetadata,
    #[serde(default)]
    pub(crate) spec: Value,
    /// What gateways said of it.
    #[serde(default)]
    pub(crate) status: PolicyStatus,
}

/// The metadata that matters here.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PolicyMetadata {
    pub(crate) name: String,
    pub(crate) uid: String,
    /// Counts the changes of the spec.
    #[serde(default)]
    pub(crate) generation: i64,
    pub(crate) resource_version: String,
}

impl PolicyResource {
    /// Whether a version of it may have been in force at a gateway. Its status says so; where it does not, no gateway has seen it
    /// yet that knew, and an object that was changed may have been good before.
    pub(crate) fn may_have_been_good(&self) -> bool {
        match self.status.accepted_generation {
            Some(generation) => generation > 0,
            None => self.metadata.generation > 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(generation: i64, status: &Value) -> PolicyResource {
        let metadata =
            json!({"name": "a", "uid": "u", "generation": generation, "resourceVersion": "7"});
        serde_json::from_value(json!({"metadata": metadata, "spec": {}, "status": status})).unwrap()
    }

    #[test]
    fn an_object_may_have_been_good_unless_its_status_says_that_it_never_was() {
        let condition = |status: &str| json!([{"type": "Accepted", "status": status, "reason": "r", "message": "m", "observedGeneration": 1}]);
        // Written by a gateway that did not know.
        let refused = json!({"conditions": condition("False")});
        let never = json!({"conditions": condition("False"), "acceptedGeneration": 0});
        let before = json!({"conditions": condition("False"), "acceptedGeneration": 1});
        assert!(!object(1, &json!({})).may_have_been_good(), "it is new");
        assert!(object(2, &json!({})).may_have_been_good());
        assert!(object(2, &refused).may_have_been_good());
        assert!(!object(2, &never).may_have_been_good());
        assert!(object(1, &before).may_have_been_good());
        assert!(object(2, &before).may_have_been_good());
    }
}
