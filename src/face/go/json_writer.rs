//! JSON writer: objects and arrays straight into bytes, with Go's escapes; indented as `MarshalIndent` does for `?pretty`.

use super::json_string::push_json_string;

/// An object while it is written; field names are not escaped.
#[derive(Debug)]
pub(in crate::face) struct JsonObject<'a> {
    out: &'a mut Vec<u8>,
    begun: bool,
}

impl<'a> JsonObject<'a> {
    /// Begins an object.
    pub(in crate::face) fn new(out: &'a mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, begun: false }
    }

    /// Begins a field; the caller appends its value to the returned bytes.
    pub(in crate::face) fn field(&mut self, name: &str) -> &mut Vec<u8> {
        if std::mem::replace(&mut self.begun, true) {
            self.out.push(b',');
        }
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
        self.out
    }

    /// A string; bytes that are not UTF-8 are replaced.
    pub(in crate::face) fn text(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        push_json_string(self.field(name), value.as_ref());
        self
    }

    /// A number or a boolean: a value whose `Display` is its JSON.
    pub(in crate::face) fn display(mut self, name: &str, value: impl std::fmt::Display) -> Self {
        push_display(self.field(name), value);
        self
    }

    /// A value that is JSON already.
    pub(in crate::face) fn json(mut self, name: &str, value: &[u8]) -> Self {
        self.field(name).extend_from_slice(value);
        self
    }

    /// A value written by a function.
    pub(in crate::face) fn with(mut self, name: &str, write: impl FnOnce(&mut Vec<u8>)) -> Self {
        write(self.field(name));
        self
    }

    /// Ends the object.
    pub(in crate::face) fn end(self) {
        self.out.push(b'}');
    }
}

/// Writes a number or a boolean.
pub(in crate::face) fn push_display(out: &mut Vec<u8>, value: impl std::fmt::Display) {
    use std::io::Write as _;
    // Writing to memory does not fail.
    let _written = write!(out, "{value}");
}

/// Writes an array, each item by `write`.
pub(in crate::face) fn push_array<T>(
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
pub(in crate::face) fn push_strings<T: AsRef<[u8]>>(
    out: &mut Vec<u8>,
    items: impl IntoIterator<Item = T>,
) {
    push_array(out, items, |out, item| {
        push_json_string(out, item.as_ref());
    });
}

/// Compact JSON over several lines, as `?pretty` asks: four spaces a level, a newline at the end.
pub(in crate::face) fn pretty(compact: &[u8]) -> Vec<u8> {
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
    fn json_is_indented_as_go_does() {
        let compact = br#"[{"a":[],"b":{},"c":[1,[2]],"d":"x\"],{:"}]"#;
        let expected = "[\n    {\n        \"a\": [],\n        \"b\": {},\n        \"c\": [\n            1,\n            [\n                2\n            ]\n        ],\n        \"d\": \"x\\\"],{:\"\n    }\n]\n";
        assert_eq!(String::from_utf8(pretty(compact)).unwrap(), expected);
        assert_eq!(pretty(b"[]"), b"[]\n");
        assert_eq!(pretty(b"true"), b"true\n");
    }

    #[test]
    fn objects_are_written_in_order() {
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
        fn pretty_json_parses_to_the_same_value(texts: Vec<String>, numbers: Vec<u64>) {
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
