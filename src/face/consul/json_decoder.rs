//! JSON decoder with Go's rules: field names match in any case, `null` changes nothing, and the error is that of the
//! first value of a wrong type.

use crate::face::go::{Json, parse_uint, quote};

/// The error of a value whose type its place does not take, in Go's words.
pub(super) fn mismatch(value: &Json, place: &str, wanted: &str) -> String {
    let kind = match value {
        Json::Null => "null".to_owned(),
        Json::Bool => "bool".to_owned(),
        // Go shows a number of the wrong kind, but not a number where none belongs.
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

/// The name of a field as Go compares it: in any case, where the Kelvin sign is a `k`, and the long s an `s`.
pub(super) fn field_name(name: &str) -> String {
    name.to_lowercase().replace('\u{17f}', "s")
}

/// The fields of an object; `None` where it is `null`.
pub(super) fn object(
    value: Json,
    place: &str,
    wanted: &str,
) -> Result<Option<Vec<(String, Json)>>, String> {
    if let Json::Object(fields) = value {
        return Ok(Some(fields));
    }
    null_or_mismatch(&value, place, wanted)
}

/// The items of an array; `None` where it is `null`.
pub(super) fn array(value: Json, place: &str, wanted: &str) -> Result<Option<Vec<Json>>, String> {
    if let Json::Array(items) = value {
        return Ok(Some(items));
    }
    null_or_mismatch(&value, place, wanted)
}

/// The text of a string; `None` where it is `null`.
pub(super) fn text(value: Json, place: &str, wanted: &str) -> Result<Option<String>, String> {
    if let Json::Text(text) = value {
        return Ok(Some(text));
    }
    null_or_mismatch(&value, place, wanted)
}

/// A number; `None` where it is `null`.
pub(super) fn number(value: &Json, place: &str) -> Result<Option<u64>, String> {
    if let Json::Number(text) = value
        && let Ok(number) = parse_uint(text.as_bytes())
    {
        return Ok(Some(number));
    }
    null_or_mismatch(value, place, "uint64")
}

fn null_or_mismatch<T>(value: &Json, place: &str, wanted: &str) -> Result<Option<T>, String> {
    if *value == Json::Null {
        Ok(None)
    } else {
        Err(mismatch(value, place, wanted))
    }
}

/// The error of a field that the place does not have, in Go's words.
pub(super) fn unknown_field(name: &str) -> String {
    format!("json: unknown field {}", quote(name.as_bytes()))
}
