//! `SpecText`: an object's spec, written as the text of a policy.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use crate::guard::policy::error::{PolicyError, PolicyPlace};
use crate::guard::policy::fields::unknown_word;

/// The lists of a spec, and the tables that they are in the text.
const TABLES: [(&str, &str); 4] = [
    ("identities", "identity"),
    ("roles", "role"),
    ("rules", "rule"),
    ("quotas", "quota"),
];

/// The list within a role, and the tables that it is in the text.
const GRANTS: (&str, &str) = ("grants", "grant");

/// What messages of the parser call tables, and what an object has in their place.
const WORDS: [(&str, &str); 5] = [
    ("[[role.grant]]", "grants"),
    ("[[identity]]", "identity"),
    ("[[role]]", "role"),
    ("[[rule]]", "rule"),
    ("[[quota]]", "quota"),
];

/// The text of a spec. Every field, and every item of a list, has a line of its own, so that a line of the text names one.
#[derive(Debug, Default)]
pub(super) struct SpecText {
    pub(super) text: String,
    lines: SpecLines,
}

/// Which field each line of the text is.
#[derive(Debug, Default)]
pub(super) struct SpecLines(Vec<String>);

impl SpecText {
    /// Writes a spec; fails where it has what no text of a policy could say.
    pub(super) fn of(spec: &Value) -> Result<Self, String> {
        let spec = spec.as_object().ok_or("spec: not an object")?;
        let known = TABLES.map(|(list, _)| list);
        if let Some(name) = spec.keys().find(|name| !known.contains(&name.as_str())) {
            return Err(unknown("spec", name, &known));
        }
        let mut own = Self::default();
        for (list, table) in TABLES {
            let Some(value) = spec.get(list) else {
                continue;
            };
            own.tables(table, &format!("spec.{list}"), value)?;
        }
        Ok(own)
    }

    /// The text, and which field each of its lines is.
    pub(super) fn into_parts(self) -> (String, SpecLines) {
        (self.text, self.lines)
    }

    fn tables(&mut self, header: &str, path: &str, value: &Value) -> Result<(), String> {
        let items = value.as_array();
        let items = items.ok_or_else(|| format!("{path}: not a list of objects"))?;
        for (number, item) in items.iter().enumerate() {
            let path = format!("{path}[{number}]");
            let fields = item.as_object();
            let fields = fields.ok_or_else(|| format!("{path}: not an object"))?;
            self.table(header, &path, fields)?;
        }
        Ok(())
    }

    fn table(
        &mut self,
        header: &str,
        path: &str,
        fields: &Map<String, Value>,
    ) -> Result<(), String> {
        self.line(&format!("[[{header}]]"), path);
        let is_role = header == "role";
        for (name, value) in fields {
            let (list, table) = GRANTS;
            if is_role && name == table {
                return Err(unknown(path, name, &[list]));
            }
            if !is_role || name != list {
                self.field(name, &format!("{path}.{name}"), value)?;
            }
        }
        // Tables within a table come after its fields.
        match fields.get(GRANTS.0).filter(|_| is_role) {
            Some(grants) => {
                let header = format!("{header}.{}", GRANTS.1);
                self.tables(&header, &format!("{path}.{}", GRANTS.0), grants)
            }
            None => Ok(()),
        }
    }

    fn field(&mut self, name: &str, path: &str, value: &Value) -> Result<(), String> {
        let name = quoted(name);
        let Value::Array(items) = value else {
            let value = scalar(value).ok_or_else(|| format!("{path}: null"))?;
            self.line(&format!("{name} = {value}"), path);
            return Ok(());
        };
        self.line(&format!("{name} = ["), path);
        for (number, item) in items.iter().enumerate() {
            let path = format!("{path}[{number}]");
            let item = scalar(item).ok_or_else(|| format!("{path}: null"))?;
            self.line(&format!("{item},"), &path);
        }
        self.line("]", path);
        Ok(())
    }

    fn line(&mut self, text: &str, path: &str) {
        self.text.push_str(text);
        self.text.push('\n');
        self.lines.0.push(path.to_owned());
    }
}

impl SpecLines {
    /// How many lines there are.
    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    /// The field at a place of the text.
    pub(super) fn field(&self, place: PolicyPlace) -> &str {
        let line = place.line.saturating_sub(1);
        self.0.get(line).map_or("spec", String::as_str)
    }

    /// What is wrong with the spec, by what is wrong with the text.
    pub(super) fn error(&self, error: &PolicyError) -> String {
        format!("{}: {}", self.field(error.place), in_words(&error.message))
    }
}

/// A message of the parser, in the words of objects.
pub(super) fn in_words(message: &str) -> String {
    let words = WORDS.iter();
    words.fold(message.to_owned(), |message, (table, word)| {
        message.replace(table, word)
    })
}

fn unknown(path: &str, name: &str, known: &[&str]) -> String {
    let shown: String = name.chars().take(40).collect();
    let shown = shown.escape_debug();
    format!("{path}.{shown}: no such field{}", unknown_word(name, known))
}

/// A value that is no list; `None` for null. What is no value of a policy's text becomes another one of a wrong type, which the
/// parser refuses.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::Bool(is) => Some(is.to_string()),
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) => Some(quoted(text)),
        Value::Array(_) => Some("[]".to_owned()),
        Value::Object(_) => Some("{}".to_owned()),
    }
}

/// A string of TOML in one line.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => {
                // Writing to a string does not fail.
                let _never = write!(quoted, "\\U{:08X}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::guard::policy::Policy;

    fn parsed(spec: &Value) -> Result<Policy, String> {
        let (text, lines) = SpecText::of(spec)?.into_parts();
        Policy::parse(&text).map_err(|error| lines.error(&error))
    }

    #[test]
    fn an_error_names_the_field() {
        let rule =
            json!({"name": "r", "identities": ["anonymous"], "allow": ["read"], "beneath": ["a"]});
        let with = |field: &str, value: Value| {
            let mut rule = rule.clone();
            rule[field] = value;
            parsed(&json!({"rules": [rule]})).unwrap_err()
        };
        let spec = json!({"rules": [rule]});
        assert_eq!(parsed(&spec).unwrap().rule_count(), 1);
        for (error, words) in [
            (with("beneath", json!(["a", "b//c"])), "spec.rules[0].beneath[1]: beneath 'b//c': "),
            (with("allow", json!(["raed"])), "spec.rules[0].allow[0]: allow 'raed': no such verb; is it read?"),
            (with("beneath", json!("a")), "spec.rules[0].beneath: beneath: not an array"),
            (with("beneath", json!([])), "spec.rules[0].beneath: beneath: an empty array"),
            (with("beneath", json!([["a"]])), "spec.rules[0].beneath[0]: beneath: not a string"),
            (with("beneath", json!([{"a": 1}])), "spec.rules[0].beneath[0]: beneath: not a string"),
            (with("beneath", json!([null])), "spec.rules[0].beneath[0]: null"),
            (with("deny", json!(null)), "spec.rules[0].deny: null"),
            (with("deny", json!(["read"])), "either allow or deny"),
            (with("denny", json!(["read"])), "spec.rules[0].denny: denny: no such field; is it deny?"),
            (with("name", json!(7)), "spec.rules[0].name: name: not a string"),
            (with("name", json!("a\u{7}\"\n")), "spec.rules[0].name: name 'a"),
            (parsed(&json!({"rule": []})).unwrap_err(), "spec.rule: no such field; is it rules?"),
            (parsed(&json!({"rules": {}})).unwrap_err(), "spec.rules: not a list of objects"),
            (parsed(&json!({"rules": [1]})).unwrap_err(), "spec.rules[0]: not an object"),
            (parsed(&json!([])).unwrap_err(), "spec: not an object"),
            (
                parsed(&json!({"roles": [{"name": "a"}]})).unwrap_err(),
                "spec.roles[0]: the role 'a' grants nothing: add grants",
            ),
            (
                parsed(&json!({"roles": [{"name": "a", "grant": []}]})).unwrap_err(),
                "spec.roles[0].grant: no such field; is it grants?",
            ),
            (
                parsed(&json!({"roles": [{"grants": [{"allow": ["read"], "beneath": ["/"]}], "name": "a"}]}))
                    .unwrap_err(),
                "spec.roles[0].grants[0].beneath[0]: ",
            ),
            (
                parsed(&json!({"quotas": [{"name": "q", "beneath": ["a"], "keys": 1.5}]})).unwrap_err(),
                "spec.quotas[0].keys: keys: not a whole number",
            ),
            (
                parsed(&json!({"quotas": [{"name": "q", "beneath": ["a"], "keys": u64::MAX}]})).unwrap_err(),
                "spec.quotas[0].keys: ",
            ),
        ] {
            assert!(error.contains(words), "{error}: {words}");
        }
    }

    #[test]
    fn a_spec_says_what_the_same_file_says() {
        let spec = json!({
            "identities": [{"authority": "CN=a \"b\\c\"", "field": "cn", "name": "{name}", "principal": "user/{name}"}],
            "roles": [{"name": "own", "sessions": "own", "grants": [
                {"allow": ["all"], "beneath": ["{name}"]}, {"deny": ["delete"], "key": ["{name}/x"]}]}],
            "rules": [{"name": "r", "identities": ["user/{name}"], "role": "own", "prefix": "apps"}],
            "quotas": [{"name": "q", "beneath": ["apps"], "keys": 10, "bytes": "1MiB"}],
        });
        let file = r#"
[[identity]]
authority = "CN=a \"b\\c\""
field = "cn"
name = "{name}"
principal = "user/{name}"
[[role]]
name = "own"
sessions = "own"
[[role.grant]]
allow = ["all"]
beneath = ["{name}"]
[[role.grant]]
deny = ["delete"]
key = ["{name}/x"]
[[rule]]
name = "r"
identities = ["user/{name}"]
role = "own"
prefix = "apps"
[[quota]]
name = "q"
beneath = ["apps"]
keys = 10
bytes = "1MiB"
"#;
        // Places differ, and so does the text.
        let shown = |policy: &Policy| {
            let mut parts = format!(
                "{:?} {:?} {:?}",
                policy.recognizers, policy.rules, policy.quotas
            );
            while let Some((before, after)) = parts.split_once("PolicyPlace {") {
                let (_, after) = after.split_once('}').unwrap();
                parts = format!("{before}place{after}");
            }
            parts
        };
        assert_eq!(
            shown(&parsed(&spec).unwrap()),
            shown(&Policy::parse(file).unwrap())
        );
    }
}
