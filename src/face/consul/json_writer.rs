//! JSON writer: appends to bytes, in the order and with the escapes of Go.

use crate::face::gojson;

/// An object that is being written; field names are not escaped.
#[derive(Debug)]
pub(super) struct JsonObject<'a> {
    out: &'a mut Vec<u8>,
    begun: bool,
}

impl<'a> JsonObject<'a> {
    /// Begins an object.
    pub(super) fn new(out: &'a mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, begun: false }
    }

    /// Begins a field: the caller appends its value to the bytes returned.
    pub(super) fn field(&mut self, name: &str) -> &mut Vec<u8> {
        if std::mem::replace(&mut self.begun, true) {
            self.out.push(b',');
        }
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
        self.out
    }

    /// Adds a string; bytes that are not UTF-8 are replaced.
    pub(super) fn text(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        gojson::push_string(self.field(name), value.as_ref());
        self
    }

    /// Adds a value whose JSON is its `Display`: a number or a boolean.
    pub(super) fn display(mut self, name: &str, value: impl std::fmt::Display) -> Self {
        push_display(self.field(name), value);
        self
    }

    /// Adds a value that is JSON already.
    pub(super) fn json(mut self, name: &str, value: &[u8]) -> Self {
        self.field(name).extend_from_slice(value);
        self
    }

    /// Adds a value that `write` appends.
    pub(super) fn with(mut self, name: &str, write: impl FnOnce(&mut Vec<u8>)) -> Self {
        write(self.field(name));
        self
    }

    /// Ends the object.
    pub(super) fn end(self) {
        self.out.push(b'}');
    }
}

/// Writes a number or a boolean.
pub(super) fn push_display(out: &mut Vec<u8>, value: impl std::fmt::Display) {
    use std::io::Write as _;
    // Writing to memory cannot fail.
    let _written = write!(out, "{value}");
}

/// Writes an array, each item with `write`.
pub(super) fn push_array<T>(
    out: &mut Vec<u8>,
    items: impl IntoIterator<Item = T>,
    mut write: impl FnMut(&mut Vec<u8>, T),
) {
    out.push(b'[');
    for (place, item) in items.into_iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        write(out, item);
    }
    out.push(b']');
}

/// Writes an array of strings.
pub(super) fn push_strings<T: AsRef<[u8]>>(out: &mut Vec<u8>, items: impl IntoIterator<Item = T>) {
    push_array(out, items, |out, item| {
        gojson::push_string(out, item.as_ref());
    });
}

/// Compact JSON indented over several lines, for `?pretty`: four spaces a level, a newline at the end.
pub(super) fn pretty(compact: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(compact.len() * 2);
    let mut depth: usize = 0;
    let mut bytes = compact.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        out.push(byte);
        match byte {
            b'"' => copy_string(&mut out, &mut bytes),
            b'{' | b'[' => {
                if let Some(close) = bytes.next_if(|next| matches!(next, b'}' | b']')) {
                    out.push(close);
                } else {
                    depth += 1;
                    new_line(&mut out, depth);
                }
            }
            b',' => new_line(&mut out, depth),
            b':' => out.push(b' '),
            _ => {}
        }
        if matches!(bytes.peek(), Some(b'}' | b']')) {
            depth = depth.saturating_sub(1);
            new_line(&mut out, depth);
        }
    }
    out.push(b'\n');
    out
}

/// Copies the rest of a string, its closing quote included.
fn copy_string(out: &mut Vec<u8>, bytes: &mut impl Iterator<Item = u8>) {
    let mut escaped = false;
    for byte in bytes {
        out.push(byte);
        if byte == b'"' && !escaped {
            return;
        }
        escaped = byte == b'\\' && !escaped;
    }
}

fn new_line(out: &mut Vec<u8>, depth: usize) {
    out.push(b'\n');
    for _ in 0..depth {
        out.extend_from_slice(b"    ");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn indentation_is_gos() {
        let compact = br#"[{"a":[],"b":{},"c":[1,[2]],"d":"x\"],{:"}]"#;
        let expected = "[\n    {\n        \"a\": [],\n        \"b\": {},\n        \"c\": [\n            1,\n            [\n                2\n            ]\n        ],\n        \"d\": \"x\\\"],{:\"\n    }\n]\n";
        assert_eq!(String::from_utf8(pretty(compact)).unwrap(), expected);
        assert_eq!(pretty(b"[]"), b"[]\n");
        assert_eq!(pretty(b"true"), b"true\n");
    }

    #[test]
    fn fields_keep_their_order() {
        let mut out = Vec::new();
        JsonObject::new(&mut out)
            .text("b", "<")
            .display("a", 7)
            .json("c", b"null")
            .end();
        assert_eq!(out, br#"{"b":"\u003c","a":7,"c":null}"#);
    }

    proptest! {
        #[test]
        fn indentation_keeps_the_value(texts: Vec<String>, numbers: Vec<u64>) {
            let mut compact = Vec::new();
            JsonObject::new(&mut compact)
                .with("texts", |out| push_strings(out, &texts))
                .with("numbers", |out| push_array(out, &numbers, push_display))
                .end();
            let pretty: serde_json::Value = serde_json::from_slice(&pretty(&compact)).unwrap();
            let expected = serde_json::json!({ "texts": texts, "numbers": numbers });
            prop_assert_eq!(pretty, expected);
        }
    }
}
