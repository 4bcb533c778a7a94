//! Reading JSON as Go does: only the first value counts, field names match in any case, `null` changes nothing.

use serde_json::{Map, Value};

use super::go::quote;

/// The first value in a body; what follows it is not looked at. Bytes that are not UTF-8 are replaced.
pub(super) fn first_value(body: &[u8]) -> Result<Value, String> {
    let text = String::from_utf8_lossy(body);
    let trimmed = text.trim_start_matches([' ', '\t', '\r', '\n']);
    let Some(first) = trimmed.chars().next() else {
        return Err("EOF".to_owned());
    };
    let mut values = serde_json::Deserializer::from_str(trimmed).into_iter();
    match values.next() {
        Some(Ok(value)) => Ok(value),
        Some(Err(error)) if error.is_eof() => Err("unexpected EOF".to_owned()),
        Some(Err(_)) if !"{[\"-0123456789tfn".contains(first) => Err(format!(
            "invalid character {} looking for beginning of value",
            quoted(first)
        )),
        Some(Err(error)) => Err(error.to_string()),
        None => Err("EOF".to_owned()),
    }
}

/// A character in single quotes, as Go shows the one that is wrong.
fn quoted(c: char) -> String {
    match c {
        '\'' => r"'\''".to_owned(),
        '"' => "'\"'".to_owned(),
        c => {
            let text = quote(c.to_string().as_bytes());
            format!("'{}'", text.trim_matches('"'))
        }
    }
}

/// That a value is not what its place wants, in Go's words.
pub(super) fn mismatch(value: &Value, place: &str, wanted: &str) -> String {
    let kind = match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) => "bool".to_owned(),
        // A number of the wrong sort is shown, a number where none belongs is not.
        Value::Number(number) if wanted.starts_with("uint") => format!("number {number}"),
        Value::Number(_) => "number".to_owned(),
        Value::String(_) => "string".to_owned(),
        Value::Array(_) => "array".to_owned(),
        Value::Object(_) => "object".to_owned(),
    };
    format!("json: cannot unmarshal {kind} into Go {place} of type {wanted}")
}

/// The fields of an object; none where it is `null`.
pub(super) fn object(
    value: Value,
    place: &str,
    wanted: &str,
) -> Result<Option<Map<String, Value>>, String> {
    if let Value::Object(fields) = value {
        return Ok(Some(fields));
    }
    none(&value, place, wanted)
}

/// The items of an array; none where it is `null`.
pub(super) fn array(value: Value, place: &str, wanted: &str) -> Result<Option<Vec<Value>>, String> {
    if let Value::Array(items) = value {
        return Ok(Some(items));
    }
    none(&value, place, wanted)
}

/// The text of a string; none where it is `null`.
pub(super) fn text(value: Value, place: &str, wanted: &str) -> Result<Option<String>, String> {
    if let Value::String(text) = value {
        return Ok(Some(text));
    }
    none(&value, place, wanted)
}

/// A number; none where it is `null`.
pub(super) fn number(value: &Value, place: &str) -> Result<Option<u64>, String> {
    match value.as_u64() {
        Some(number) => Ok(Some(number)),
        None => none(value, place, "uint64"),
    }
}

fn none<T>(value: &Value, place: &str, wanted: &str) -> Result<Option<T>, String> {
    if value.is_null() {
        Ok(None)
    } else {
        Err(mismatch(value, place, wanted))
    }
}

/// A field that the place does not have, in Go's words.
pub(super) fn unknown_field(name: &str) -> String {
    format!("json: unknown field {}", quote(name.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_the_first_value_counts() {
        assert_eq!(first_value(b" [1] x"), Ok(serde_json::json!([1])));
        assert_eq!(first_value(b"{}{}"), Ok(serde_json::json!({})));
    }

    #[test]
    fn what_is_no_json_is_refused_in_gos_words() {
        for (body, words) in [
            ("", "EOF"),
            ("  \n", "EOF"),
            ("[", "unexpected EOF"),
            ("{\"a\":", "unexpected EOF"),
            ("x", "invalid character 'x' looking for beginning of value"),
            (
                "'",
                r"invalid character '\'' looking for beginning of value",
            ),
        ] {
            assert_eq!(
                first_value(body.as_bytes()),
                Err(words.to_owned()),
                "{body}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _value = first_value(&bytes);
        }

        #[test]
        fn nothing_like_json_makes_it_panic(text in "[\\[\\]{}\",:0-9a-fnul\\\\ -]{0,40}") {
            let _value = first_value(text.as_bytes());
        }
    }
}
