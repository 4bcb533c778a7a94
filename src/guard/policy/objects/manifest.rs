//! `PolicyManifest`: objects of a policy, in a file before a cluster has them, or read from one.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::Value;

use super::object_set::PolicyObjectSet;
use super::policy_object::PolicyObject;
use crate::guard::policy::Policy;

/// The kind of the objects.
const KIND: &str = "AccessPolicy";

/// The beginning of their `apiVersion`.
const GROUP: &str = "kubekv.io/";

/// The objects of a policy. Of a manifest, in YAML or JSON, objects of other kinds are left out.
#[derive(Debug)]
pub struct PolicyManifest {
    objects: PolicyObjectSet,
    count: usize,
}

/// What is read of any object.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ManifestObject {
    api_version: String,
    kind: String,
    metadata: ManifestMetadata,
    spec: Value,
    items: Vec<Self>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ManifestMetadata {
    name: String,
    namespace: Option<String>,
}

impl PolicyManifest {
    /// Reads the objects of a manifest.
    ///
    /// # Errors
    ///
    /// Where it is no YAML, or has no such object, or some of several namespaces, or two of one name: each namespace has a policy
    /// of its own.
    pub fn parse(text: &str) -> Result<Self, String> {
        // An empty document is none.
        let documents = serde_saphyr::from_multiple::<Option<ManifestObject>>(text);
        let documents = documents.map_err(|error| error.to_string().replace('\n', " "))?;
        let mut found = Vec::new();
        for document in documents.into_iter().flatten() {
            collect(document, &mut found);
        }
        let namespaces = found.iter().map(|object| &object.metadata.namespace);
        let namespaces: BTreeSet<_> = namespaces.collect();
        if namespaces.len() > 1 {
            let what = "the objects are of several namespaces, and each has a policy of its own: check them apart";
            return Err(what.to_owned());
        }
        if found.is_empty() {
            return Err(format!("there is no {KIND} of {GROUP} in it"));
        }
        let named = found.iter();
        let named = named.map(|object| (object.metadata.name.as_str(), &object.spec));
        Self::of_objects(named)
    }

    /// The objects of a namespace, by their names and specs. There may be none.
    ///
    /// # Errors
    ///
    /// Where one has no name, or two have one.
    pub fn of_objects<'a>(
        named: impl IntoIterator<Item = (&'a str, &'a Value)>,
    ) -> Result<Self, String> {
        let mut objects = PolicyObjectSet::default();
        let mut count = 0;
        for (name, spec) in named {
            if name.is_empty() {
                return Err(format!("an {KIND} without metadata.name"));
            }
            if objects.has(name, "", 0) {
                return Err(format!("two {KIND} objects are called {name}"));
            }
            objects.put(PolicyObject::new(name, ("", 0), false, spec));
            count += 1;
        }
        objects.judge();
        Ok(Self { objects, count })
    }

    /// How many objects there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The objects that cannot be used, each with the reason.
    pub fn refusals(&self) -> Vec<String> {
        let reports = self.objects.reports();
        let refused = reports.filter_map(|report| Some((report.name, report.refusal?)));
        refused
            .map(|(name, refusal)| format!("{name}: {refusal}"))
            .collect()
    }

    /// The policy that the others are together.
    pub fn union(&self) -> Policy {
        self.objects.union()
    }

    /// What is valid in that policy, but hardly meant so, with the object and the field that it is about.
    pub fn warnings(&self, union: &Policy) -> Vec<String> {
        self.objects.warnings(union)
    }
}

/// Collects the objects of the kind, those within lists too.
fn collect(object: ManifestObject, found: &mut Vec<ManifestObject>) {
    if object.kind == KIND && object.api_version.starts_with(GROUP) {
        found.push(object);
    } else if object.kind.ends_with("List") {
        for item in object.items {
            collect(item, found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str =
        "apiVersion: kubekv.io/v1alpha1\nkind: AccessPolicy\nmetadata: {name: NAME}\n";

    fn object(name: &str, spec: &str) -> String {
        format!("{}spec: {spec}\n", HEAD.replace("NAME", name))
    }

    fn rule(name: &str) -> String {
        format!(
            "{{rules: [{{name: {name}, identities: [anonymous], allow: [read], beneath: [a]}}]}}"
        )
    }

    #[test]
    fn objects_of_a_manifest_are_one_policy() {
        let other = "kind: ConfigMap\napiVersion: v1\nmetadata: {name: x}\nspec: 7\n";
        let text = [
            object("a", &rule("r1")),
            other.to_owned(),
            object("b", &rule("r2")),
        ];
        let manifest = PolicyManifest::parse(&text.join("---\n")).unwrap();
        assert_eq!(manifest.count(), 2);
        assert_eq!(manifest.refusals(), Vec::<String>::new());
        let union = manifest.union();
        assert_eq!(union.rule_count(), 2);
        let list = serde_json::json!({"kind": "List", "apiVersion": "v1", "items": [
            {"apiVersion": "kubekv.io/v1alpha1", "kind": "AccessPolicy", "metadata": {"name": "a"}, "spec": {"rules": []}}]});
        let manifest = PolicyManifest::parse(&list.to_string()).unwrap();
        assert_eq!(manifest.count(), 1);
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        let clash = format!(
            "{}---\n{}",
            object("b", &rule("r")),
            object("a", &rule("r"))
        );
        let manifest = PolicyManifest::parse(&clash).unwrap();
        assert_eq!(manifest.refusals(), ["b: a has a rule 'r' already"]);
        assert_eq!(manifest.union().rule_count(), 1);
        let elsewhere = object("b", &rule("s")).replace("{name: b}", "{name: b, namespace: n}");
        for (text, words) in [
            (String::new(), "no AccessPolicy"),
            ("a: [".to_owned(), ""),
            (
                object("a", &rule("r"))
                    .replace("v1alpha1", "v1")
                    .replace("kubekv.io", "other.io"),
                "no AccessPolicy",
            ),
            (object("''", &rule("r")), "without metadata.name"),
            (
                format!("{0}---\n{0}", object("a", &rule("r"))),
                "two AccessPolicy objects are called a",
            ),
            (
                format!("{}---\n{elsewhere}", object("a", &rule("r"))),
                "several namespaces",
            ),
        ] {
            let error = PolicyManifest::parse(&text).unwrap_err();
            assert!(error.contains(words), "{error}: {words}");
        }
    }
}
