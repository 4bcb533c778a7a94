//! Validation rules of the definition: the API server refuses edits by hand that would make an entry vanish.
//!
//! Every write of a gateway satisfies all rules, whatever the object was before. A gateway's write brings a new write id,
//! and an edit leaves the old one: a rule that must tell them apart compares the two.

use serde_json::{Value, json};

/// The number of this definition. A gateway asks the API server for the cluster's number, and warns if that is lower.
pub(crate) const NUMBER: u32 = 3;

/// A name that no object may have: the refusal of one states the definition's number.
pub(crate) const PROBE: &str = "kubekv.definition";

/// The text of that refusal before the number, and after it.
const AROUND_NUMBER: (&str, &str) = ("this is definition ", " of entries.kubekv.io");

/// The condition that a gateway wrote: the write id is new.
const HAS_NEW_WRITE_ID: &str =
    "(has(self.stamp) && (!has(oldSelf.stamp) || self.stamp != oldSelf.stamp))";

/// The definition's number in the API server's refusal of the probe.
pub(crate) fn number_in(message: &str) -> Option<u32> {
    let (_, rest) = message.split_once(AROUND_NUMBER.0)?;
    let (number, _) = rest.split_once(AROUND_NUMBER.1)?;
    number.parse().ok()
}

/// Adds the rules to the schema of every version.
pub(crate) fn add(definition: &mut Value) {
    let versions = definition.pointer_mut("/spec/versions");
    for version in versions.and_then(Value::as_array_mut).into_iter().flatten() {
        for (schema, rules) in [
            ("/schema/openAPIV3Schema", of_objects()),
            ("/schema/openAPIV3Schema/properties/spec", of_specs()),
            (
                "/schema/openAPIV3Schema/properties/spec/properties/attributes",
                of_attributes(),
            ),
        ] {
            if let Some(Value::Object(schema)) = version.pointer_mut(schema) {
                schema.insert("x-kubernetes-validations".to_owned(), rules);
            }
        }
    }
}

fn rule(rule: &str, message: &str) -> Value {
    json!({"rule": rule, "message": message})
}

/// The condition that a field has not changed; `absent` stands for a missing one.
fn unchanged(field: &str, absent: &str) -> String {
    format!(
        "(has(self.{field}) ? self.{field} : {absent}) == (has(oldSelf.{field}) ? oldSelf.{field} : {absent})"
    )
}

fn of_objects() -> Value {
    let number = format!("{}{NUMBER}{}", AROUND_NUMBER.0, AROUND_NUMBER.1);
    json!([
        rule(&format!("self.metadata.name != '{PROBE}'"), &number),
        // Only the gateway can check the digits. It ignores an object with wrong ones, and no entry is lost.
        rule(
            "self.metadata.name.matches('-[0-9a-f]{32}$')",
            "an entry's object has the name that `kubekv name KEY` prints",
        ),
    ])
}

fn of_specs() -> Value {
    let same_key = [
        unchanged("key", "''"),
        unchanged("keyBase64", "''"),
        unchanged("realm", "'user'"),
    ];
    let same_value = [unchanged("value", "''"), unchanged("valueBase64", "''")];
    let own = "(has(self.realm) && self.realm == 'system')";
    let in_fours = |field: &str| format!("(!has(self.{field}) || size(self.{field}) % 4 == 0)");
    let deleted = |of: &str| format!("(has({of}.deleted) && {of}.deleted)");
    json!([
        rule(
            "has(self.key) != has(self.keyBase64)",
            "exactly one of key and keyBase64 names the key",
        ),
        rule(
            "!(has(self.value) && has(self.valueBase64))",
            "value and valueBase64 exclude each other: remove the one that is there",
        ),
        rule(
            &format!("{} && {}", in_fours("keyBase64"), in_fours("valueBase64")),
            "base64 has groups of four letters, the last one filled up with =",
        ),
        // A gateway may write the key as text where the object has base64, or the other way round.
        rule(
            &format!("({}) || {HAS_NEW_WRITE_ID}", same_key.join(" && ")),
            "a key is not renamed: make an entry of the other key, and delete this one",
        ),
        rule(
            &format!(
                "!{} || {} || {HAS_NEW_WRITE_ID}",
                deleted("self"),
                deleted("oldSelf")
            ),
            "deleted is the gateway's: kubectl delete deletes the entry",
        ),
        // Records of members never have a write id: each gateway writes its own.
        rule(
            &format!(
                "!{own} || ({}) || !has(self.stamp) || {HAS_NEW_WRITE_ID}",
                same_value.join(" && ")
            ),
            "this is a record of the gateway's own, which only a gateway writes",
        ),
    ])
}

fn of_attributes() -> Value {
    json!([
        // Both are digits of the same length, and so compare as text.
        rule(
            "!has(self.flags) || size(self.flags) < 20 || self.flags <= '18446744073709551615'",
            "flags have 64 bits",
        ),
        rule(
            "has(self.deadlineMs) == has(self.ttlMs)",
            "deadlineMs and ttlMs go together: remove or set both",
        ),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_is_read_from_the_refusal() {
        let rules = of_objects();
        let message = rules[0]["message"].as_str().unwrap();
        let refusal = format!("<nil>: Invalid value: \"\": {message}");
        assert_eq!(number_in(&refusal), Some(NUMBER));
        assert_eq!(number_in("spec.key: Required value"), None);
    }
}
