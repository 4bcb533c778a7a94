//! The definition of the custom resource, as a cluster is given it.

use kube::CustomResourceExt;
use serde_json::{Value, json};

use super::resource::Entry;
use super::rules;
use crate::store::StoreError;

/// The definition a cluster needs, as YAML: what `kubekv crd` prints and `crds/` holds.
///
/// # Errors
/// Where it cannot be written as YAML.
pub fn definition() -> Result<String, StoreError> {
    let failed = |error: &dyn std::fmt::Display| {
        StoreError(format!("cannot write the definition as YAML: {error}"))
    };
    let mut definition = serde_json::to_value(Entry::crd()).map_err(|error| failed(&error))?;
    plain_formats(&mut definition);
    rules::add(&mut definition);
    keep(&mut definition);
    serde_saphyr::to_string(&definition).map_err(|error| failed(&error))
}

/// Every entry of every namespace ends with the definition: tools that remove what is not listed any more leave it alone.
fn keep(definition: &mut Value) {
    let annotations = json!({
        "argocd.argoproj.io/sync-options": "Prune=false,Delete=false",
        "helm.sh/resource-policy": "keep",
        "kustomize.toolkit.fluxcd.io/prune": "disabled",
    });
    if let Some(Value::Object(metadata)) = definition.get_mut("metadata") {
        metadata.insert("annotations".to_owned(), annotations);
    }
}

/// Kubernetes knows no unsigned formats, and says so at each `kubectl apply`. The minimum stays.
fn plain_formats(value: &mut Value) {
    if let Some(fields) = value.as_object_mut() {
        if fields
            .get("format")
            .is_some_and(|format| format == "uint64" || format == "uint32")
        {
            fields.insert("format".to_owned(), "int64".into());
        }
        fields.values_mut().for_each(plain_formats);
    } else if let Some(items) = value.as_array_mut() {
        items.iter_mut().for_each(plain_formats);
    }
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    /// Leaves what the API server goes by.
    fn without_words(value: &mut Value) {
        if let Some(fields) = value.as_object_mut() {
            if fields.get("description").is_some_and(Value::is_string) {
                fields.remove("description");
            }
            fields.values_mut().for_each(without_words);
        } else if let Some(items) = value.as_array_mut() {
            items.iter_mut().for_each(without_words);
        }
    }

    #[test]
    fn definition_of_another_schema_has_another_number() {
        let text = definition().unwrap();
        let mut schema: Value = serde_saphyr::from_str(&text).unwrap();
        without_words(&mut schema);
        let digest = Sha256::digest(schema["spec"].to_string());
        let begin = u32::from_be_bytes(digest[..4].try_into().unwrap());
        // Another digest: raise rules::NUMBER, so that gateways notice where the cluster still has the older one.
        assert_eq!((rules::NUMBER, begin), (2, 1_741_932_655));
    }
}
