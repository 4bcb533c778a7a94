//! The custom resource of a policy: `accesspolicies.kubekv.io/v1alpha1`, kind `AccessPolicy`, short name `kvp`.
//!
//! The API server refuses what no policy can be, where that is cheap to say. It keeps fields that are not listed here: dropped, a
//! misspelt `prefix` would grant more than its author meant, and kept, gateways refuse the object and name the field.

use serde_json::{Value, json};

/// The kind of the objects.
pub(crate) const KIND: &str = "AccessPolicy";

/// Their `apiVersion`.
pub(crate) const VERSION: &str = "kubekv.io/v1alpha1";

/// The most items of a list, for the cost of the rules; gateways have limits of their own.
const MOST: usize = 2_000;

/// The most grants of one role, for the same reason.
const MOST_GRANTS: usize = 400;

/// The definition.
pub(crate) fn access_policy() -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "accesspolicies.kubekv.io"},
        "spec": {
            "group": "kubekv.io",
            "names": {
                "categories": ["kubekv"],
                "kind": KIND,
                "plural": "accesspolicies",
                "shortNames": ["kvp"],
                "singular": "accesspolicy",
            },
            "scope": "Namespaced",
            "versions": [{
                "name": "v1alpha1",
                "served": true,
                "storage": true,
                "additionalPrinterColumns": columns(),
                "schema": {"openAPIV3Schema": {
                    "type": "object",
                    "description": "A part of the policy of the gateways of its namespace: who may do what with which keys.",
                    "required": ["spec"],
                    "properties": {"spec": spec(), "status": status()},
                }},
                "subresources": {"status": {}},
            }],
        },
    })
}

fn columns() -> Value {
    let accepted = |field: &str| format!(".status.conditions[?(@.type==\"Accepted\")].{field}");
    json!([
        {"name": "Accepted", "type": "string", "jsonPath": accepted("status")},
        {"name": "Rules", "type": "integer", "jsonPath": ".status.rules"},
        {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
        {"name": "Message", "type": "string", "jsonPath": accepted("message"), "priority": 1},
    ])
}

fn spec() -> Value {
    json!({
        "type": "object",
        "description": "Lists as in the file of a policy: docs/policy.md of kubekv says what each field means.",
        "x-kubernetes-preserve-unknown-fields": true,
        "properties": {
            "identities": list("How proofs of clients name somebody.", &identity()),
            "roles": named_list("What rules of this object can grant by name.", &role()),
            "rules": named_list("Who may do what with which keys.", &rule()),
            "quotas": named_list("How much may be beneath a prefix.", &quota()),
        },
    })
}

fn identity() -> Value {
    object(
        &["authority", "principal"],
        &json!({
            "authority": text("Who vouches for it, such as the subject or fingerprint of a certificate authority."),
            "field": text("The field of the proof that names somebody."),
            "name": text("The form of the field's value."),
            "principal": text("The name of the identity."),
            "ip": text("Where {ip} comes from, if not from the name."),
        }),
        &[],
    )
}

fn role() -> Value {
    let grant = object(
        &[],
        &json!({"allow": verbs(), "deny": verbs(), "beneath": subjects(), "key": subjects()}),
        &[
            EITHER_ALLOW_OR_DENY,
            (
                "has(self.allow) || has(self.deny)",
                "allow or deny is missing",
            ),
            SUBJECTS_GO_WITH_VERBS,
        ],
    );
    let mut grants = list(
        "Verbs on subjects, beneath the prefix that each rule gives.",
        &grant,
    );
    if let Some(fields) = grants.as_object_mut() {
        fields.insert("maxItems".to_owned(), json!(MOST_GRANTS));
    }
    object(
        &["name"],
        &json!({
            "name": name(),
            "sessions": sessions(),
            "grants": grants,
        }),
        &[],
    )
}

fn rule() -> Value {
    object(
        &["name", "identities"],
        &json!({
            "name": name(),
            "identities": texts("Whom it is about."),
            "allow": verbs(),
            "deny": verbs(),
            "beneath": subjects(),
            "key": subjects(),
            "role": text("What it grants, instead of verbs and subjects."),
            "prefix": text("With a role: a path that goes before all its subjects."),
            "sessions": sessions(),
        }),
        &[
            EITHER_ALLOW_OR_DENY,
            SUBJECTS_GO_WITH_VERBS,
            (
                "!has(self.role) || !(has(self.allow) || has(self.deny))",
                "either a role, or verbs and subjects: write a rule for each",
            ),
            (
                "!has(self.prefix) || has(self.role)",
                "a prefix goes with a role only",
            ),
            (
                "has(self.role) || has(self.allow) || has(self.deny) || has(self.sessions)",
                "the rule says nothing: role, allow, deny or sessions is missing",
            ),
        ],
    )
}

fn quota() -> Value {
    object(
        &["name", "beneath"],
        &json!({
            "name": name(),
            "identities": texts("Whom it binds; without it, everybody."),
            "beneath": subjects(),
            "keys": {"type": "integer", "format": "int64", "minimum": 0, "description": "How many keys there may be."},
            "bytes": {
                "x-kubernetes-int-or-string": true,
                "description": "How many bytes there may be: a number, or one with KiB, MiB, GiB or TiB.",
            },
        }),
        &[(
            "has(self.keys) || has(self.bytes)",
            "the quota limits nothing: keys or bytes is missing",
        )],
    )
}

fn status() -> Value {
    let generation = json!({"type": "integer", "format": "int64", "minimum": 0});
    let condition = json!({
        "type": "object",
        "required": ["type", "status", "reason", "message", "lastTransitionTime"],
        "properties": {
            "type": {"type": "string", "maxLength": 316},
            "status": {"type": "string", "enum": ["True", "False", "Unknown"]},
            "reason": {"type": "string", "maxLength": 1024},
            "message": {"type": "string", "maxLength": 32768},
            "observedGeneration": generation,
            "lastTransitionTime": {"type": "string", "format": "date-time"},
        },
    });
    json!({
        "type": "object",
        "description": "What the gateways say of it; they alone write it.",
        "properties": {
            "conditions": {
                "type": "array",
                "maxItems": 8,
                "items": condition,
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["type"],
                "description": "Accepted: whether the newest version can be used, and why not.",
            },
            "acceptedGeneration": {
                "type": "integer", "format": "int64", "minimum": 0,
                "description": "The newest version that could be used, which stays in force while a later one cannot; 0 if none ever could.",
            },
            "rules": {
                "type": "integer", "format": "int64", "minimum": 0,
                "description": "How many rules that version has.",
            },
        },
    })
}

/// A condition of an object, and what it is refused with.
type SchemaRule = (&'static str, &'static str);

const EITHER_ALLOW_OR_DENY: SchemaRule = (
    "!(has(self.allow) && has(self.deny))",
    "either allow or deny: write a rule for each",
);

const SUBJECTS_GO_WITH_VERBS: SchemaRule = (
    "(has(self.allow) || has(self.deny)) == (has(self.beneath) || has(self.key))",
    "allow or deny goes with beneath or key: beneath [\"\"] is everything",
);

fn object(required: &[&str], properties: &Value, rules: &[SchemaRule]) -> Value {
    let mut object = json!({
        "type": "object",
        "properties": properties,
        "x-kubernetes-preserve-unknown-fields": true,
    });
    if let Some(fields) = object.as_object_mut() {
        if !required.is_empty() {
            fields.insert("required".to_owned(), json!(required));
        }
        if !rules.is_empty() {
            let rules = rules.iter();
            let rules = rules.map(|(rule, message)| json!({"rule": rule, "message": message}));
            fields.insert("x-kubernetes-validations".to_owned(), rules.collect());
        }
    }
    object
}

fn list(description: &str, items: &Value) -> Value {
    json!({"type": "array", "maxItems": MOST, "items": items, "description": description})
}

/// A list whose items have different names, and can be applied one by one.
fn named_list(description: &str, items: &Value) -> Value {
    let mut list = list(description, items);
    if let Some(fields) = list.as_object_mut() {
        fields.insert("x-kubernetes-list-type".to_owned(), json!("map"));
        fields.insert("x-kubernetes-list-map-keys".to_owned(), json!(["name"]));
    }
    list
}

fn text(description: &str) -> Value {
    json!({"type": "string", "minLength": 1, "maxLength": 2048, "description": description})
}

fn texts(description: &str) -> Value {
    json!({
        "type": "array", "minItems": 1, "maxItems": MOST, "description": description,
        "items": {"type": "string", "minLength": 1, "maxLength": 512},
    })
}

fn name() -> Value {
    json!({"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$", "maxLength": 64, "description": "Its name."})
}

fn sessions() -> Value {
    json!({"type": "string", "enum": ["own", "all", "none"], "description": "Which sessions."})
}

fn verbs() -> Value {
    let verbs = [
        "all", "read", "list", "watch", "create", "write", "cas", "delete", "lock",
    ];
    json!({
        "type": "array", "minItems": 1, "maxItems": 16, "description": "Verbs.",
        "items": {"type": "string", "enum": verbs},
    })
}

fn subjects() -> Value {
    json!({
        "type": "array", "minItems": 1, "maxItems": MOST, "description": "Paths.",
        "items": {"type": "string", "maxLength": 1100},
    })
}
