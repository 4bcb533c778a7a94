//! YAML of the custom resource definitions: what `kubekv crd` prints and `crds/` holds.

use kube::CustomResourceExt;
use serde_json::{Value, json};

use super::resource::Entry;
use super::rules;
use crate::store::StoreError;
use crate::store::kubernetes::policy_objects::definition::access_policy;

/// The definition of entries, as YAML.
///
/// # Errors
/// If it cannot be written as YAML.
pub fn definition() -> Result<String, StoreError> {
    let mut definition = serde_json::to_value(Entry::crd()).map_err(|error| failed(&error))?;
    signed_formats(&mut definition);
    rules::add(&mut definition);
    forbid_pruning(&mut definition);
    serde_saphyr::to_string(&definition).map_err(|error| failed(&error))
}

/// The definition of policies, as YAML.
///
/// # Errors
/// If it cannot be written as YAML.
pub fn policy_definition() -> Result<String, StoreError> {
    let mut definition = access_policy();
    forbid_pruning(&mut definition);
    serde_saphyr::to_string(&definition).map_err(|error| failed(&error))
}

fn failed(error: &dyn std::fmt::Display) -> StoreError {
    StoreError(format!("cannot write the definition as YAML: {error}"))
}

/// Annotates a definition so that deployment tools never prune it: every object of every namespace would be deleted with
/// it.
fn forbid_pruning(definition: &mut Value) {
    let annotations = json!({
        "argocd.argoproj.io/sync-options": "Prune=false,Delete=false",
        "helm.sh/resource-policy": "keep",
        "kustomize.toolkit.fluxcd.io/prune": "disabled",
    });
    if let Some(Value::Object(metadata)) = definition.get_mut("metadata") {
        metadata.insert("annotations".to_owned(), annotations);
    }
}

/// Replaces unsigned formats, which Kubernetes does not know and warns of at each `kubectl apply`. The minimum stays.
fn signed_formats(value: &mut Value) {
    if let Some(fields) = value.as_object_mut() {
        if fields
            .get("format")
            .is_some_and(|format| format == "uint64" || format == "uint32")
        {
            fields.insert("format".to_owned(), "int64".into());
        }
        fields.values_mut().for_each(signed_formats);
    } else if let Some(items) = value.as_array_mut() {
        items.iter_mut().for_each(signed_formats);
    }
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    /// Removes descriptions, and leaves what the API server validates by.
    fn remove_descriptions(value: &mut Value) {
        if let Some(fields) = value.as_object_mut() {
            if fields.get("description").is_some_and(Value::is_string) {
                fields.remove("description");
            }
            fields.values_mut().for_each(remove_descriptions);
        } else if let Some(items) = value.as_array_mut() {
            items.iter_mut().for_each(remove_descriptions);
        }
    }

    #[test]
    fn changed_schema_has_a_new_number() {
        let text = definition().unwrap();
        let mut schema: Value = serde_saphyr::from_str(&text).unwrap();
        remove_descriptions(&mut schema);
        let digest = Sha256::digest(schema["spec"].to_string());
        let prefix = u32::from_be_bytes(digest[..4].try_into().unwrap());
        // If the digest differs, raise rules::NUMBER, so that gateways notice a cluster that still has the older one.
        assert_eq!((rules::NUMBER, prefix), (3, 2_672_550_960));
    }
}
