//! The definition's rules for edits by hand: the API server refuses those that would make an entry vanish.
//!
//! Every write of a gateway satisfies all of them, whatever the object was before. A gateway's write brings a write id of its
//! own, and an edit leaves the one that is there: where a rule must tell them apart, it goes by that.

use serde_json::{Value, json};

/// Counts the definitions. A gateway asks the API server which one it has, and says so where it is an older one.
pub(crate) const NUMBER: u32 = 2;

/// The name that an object cannot have: whoever would make one is told the definition's number.
pub(crate) const PROBE: &str = "kubekv.definition";

/// What comes before the number, and after it.
const TOLD: (&str, &str) = ("this is definition ", " of entries.kubekv.io");

/// A write of a gateway: its write id is not the one that was there.
const STAMPED: &str = "(has(self.stamp) && (!has(oldSelf.stamp) || self.stamp != oldSelf.stamp))";

/// The definition's number in what the API server says of the probe.
pub(crate) fn number_in(told: &str) -> Option<u32> {
    let (_, rest) = told.split_once(TOLD.0)?;
    let (number, _) = rest.split_once(TOLD.1)?;
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

/// A field is as it was before, with what stands for one that is not there.
fn unchanged(field: &str, absent: &str) -> String {
    format!(
        "(has(self.{field}) ? self.{field} : {absent}) == (has(oldSelf.{field}) ? oldSelf.{field} : {absent})"
    )
}

fn of_objects() -> Value {
    let number = format!("{}{NUMBER}{}", TOLD.0, TOLD.1);
    json!([
        rule(&format!("self.metadata.name != '{PROBE}'"), &number),
        // Only the gateway can say whether the digits are the key's: one that differs is left out, and nothing is lost.
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
        // A gateway writes the key in one of two ways, whichever the object has.
        rule(
            &format!("({}) || {STAMPED}", same_key.join(" && ")),
            "a key is not renamed: make an entry of the other key, and delete this one",
        ),
        rule(
            &format!(
                "!{} || {} || {STAMPED}",
                deleted("self"),
                deleted("oldSelf")
            ),
            "deleted is the gateway's: kubectl delete deletes the entry",
        ),
        // A gateway's record of itself never bears a write id.
        rule(
            &format!(
                "!{own} || ({}) || !has(self.stamp) || {STAMPED}",
                same_value.join(" && ")
            ),
            "this is a record of the gateway's own, which only a gateway writes",
        ),
    ])
}

fn of_attributes() -> Value {
    json!([
        // As long as the pattern allows, they are compared as text: they are digits alone.
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
    fn number_is_read_as_it_is_told() {
        let rules = of_objects();
        let message = rules[0]["message"].as_str().unwrap();
        let told = format!("<nil>: Invalid value: \"\": {message}");
        assert_eq!(number_in(&told), Some(NUMBER));
        assert_eq!(number_in("spec.key: Required value"), None);
    }
}
