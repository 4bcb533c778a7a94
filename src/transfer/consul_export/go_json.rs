//! Go's `encoding/json`, as far as reading an export depends on it: field names in any case, repeated fields, and the kinds
//! of values.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Whether Go takes a name for that of a field, given in lower case: it ignores case, and folds two letters outside ASCII
/// to ASCII ones.
pub(super) fn folds_to(name: &str, field: &str) -> bool {
    let fold = |letter: char| match letter {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        other => other.to_ascii_lowercase(),
    };
    name.chars().map(fold).eq(field.chars())
}

/// A field's string; the error names the field.
pub(super) fn text(name: &str, value: &RawValue) -> Result<String, String> {
    serde_json::from_str(value.get()).map_err(|_| {
        format!(
            "its field \"{}\" is {}, not a text",
            name.escape_debug(),
            kind(value)
        )
    })
}

/// The kind of a JSON value, for errors, which must not hold values.
pub(super) fn kind(value: &RawValue) -> &'static str {
    match value.get().as_bytes().first() {
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b'"') => "a text",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        Some(_) | None => "a number",
    }
}

/// An object's fields, in their order, with repeated ones.
pub(super) struct DecodedObject<'a>(pub(super) Vec<(String, &'a RawValue)>);

impl<'a> Deserialize<'a> for DecodedObject<'a> {
    fn deserialize<D: Deserializer<'a>>(deserializer: D) -> Result<Self, D::Error> {
        struct FieldsVisitor;
        impl<'a> Visitor<'a> for FieldsVisitor {
            type Value = DecodedObject<'a>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(DecodedObject(fields))
            }
        }
        deserializer.deserialize_map(FieldsVisitor)
    }
}
