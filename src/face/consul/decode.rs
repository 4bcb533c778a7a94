//! JSON into what Consul wants, as Go does it: field names match in any case, `null` changes nothing, and the first
//! thing that does not fit is told.

use crate::face::go::{Json, parse_uint, quote};

/// That a value is not what its place wants, in Go's words.
pub(super) fn mismatch(value: &Json, place: &str, wanted: &str) -> String {
    let kind = match value {
        Json::Null => "null".to_owned(),
        Json::Bool => "bool".to_owned(),
        // A number of the wrong sort is shown, a number where none belongs is not.
        Json::Number(number) if wanted.starts_with("uint") || wanted.starts_with("float") => {
            format!("number {number}")
        }
        Json::Number(_) => "number".to_owned(),
        Json::Text(_) => "string".to_owned(),
        Json::Array(_) => "array".to_owned(),
        Json::Object(_) => "object".to_owned(),
    };
    format!("json: cannot unmarshal {kind} into Go {place} of type {wanted}")
}

/// The fields of an object; none where it is `null`.
pub(super) fn object(
    value: Json,
    place: &str,
    wanted: &str,
) -> Result<Option<Vec<(String, Json)>>, String> {
    if let Json::Object(fields) = value {
        return Ok(Some(fields));
    }
    none(&value, place, wanted)
}

/// The items of an array; none where it is `null`.
pub(super) fn array(value: Json, place: &str, wanted: &str) -> Result<Option<Vec<Json>>, String> {
    if let Json::Array(items) = value {
        return Ok(Some(items));
    }
    none(&value, place, wanted)
}

/// The text of a string; none where it is `null`.
pub(super) fn text(value: Json, place: &str, wanted: &str) -> Result<Option<String>, String> {
    if let Json::Text(text) = value {
        return Ok(Some(text));
    }
    none(&value, place, wanted)
}

/// A number; none where it is `null`.
pub(super) fn number(value: &Json, place: &str) -> Result<Option<u64>, String> {
    if let Json::Number(text) = value
        && let Ok(number) = parse_uint(text.as_bytes())
    {
        return Ok(Some(number));
    }
    none(value, place, "uint64")
}

fn none<T>(value: &Json, place: &str, wanted: &str) -> Result<Option<T>, String> {
    if *value == Json::Null {
        Ok(None)
    } else {
        Err(mismatch(value, place, wanted))
    }
}

/// A field that the place does not have, in Go's words.
pub(super) fn unknown_field(name: &str) -> String {
    format!("json: unknown field {}", quote(name.as_bytes()))
}
