//! `AuditLine`: one line of the audit log, a JSON object.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::Write as _;

use crate::model::time;

/// The number of a request, unique among all gateways but for chance.
pub(super) type RequestNumber<'a> = (&'a str, u64);

/// A line while it is made. Never give it a value or a secret.
#[derive(Debug)]
pub(super) struct AuditLine(Vec<u8>);

impl AuditLine {
    /// A line about what happens now, by its kind.
    pub(super) fn new(event: &str, (gateway, number): RequestNumber<'_>) -> Self {
        let at = jiff::Timestamp::from_millisecond(time::unix_ms()).unwrap_or_default();
        let mut line = Vec::with_capacity(384);
        // Writing to a vector does not fail.
        let _written = write!(
            line,
            r#"{{"time":"{at:.3}","id":"{gateway}-{number}","event":"{event}""#
        );
        Self(line)
    }

    /// Adds parts that are JSON already, each with its comma before it.
    pub(super) fn parts(mut self, json: &str) -> Self {
        self.0.extend_from_slice(json.as_bytes());
        self
    }

    /// Adds a text.
    pub(super) fn text(mut self, name: &str, text: &str) -> Self {
        let _written = write!(self.0, r#","{name}":"#);
        let _encoded = serde_json::to_writer(&mut self.0, text);
        self
    }

    /// Adds a text where there is one.
    pub(super) fn some_text(self, name: &str, text: Option<&str>) -> Self {
        match text {
            Some(text) => self.text(name, text),
            None => self,
        }
    }

    /// Adds a number where there is one.
    pub(super) fn some_number(mut self, name: &str, number: Option<u64>) -> Self {
        if let Some(number) = number {
            let _written = write!(self.0, r#","{name}":{number}"#);
        }
        self
    }

    /// The line with its end.
    pub(super) fn end(mut self) -> Vec<u8> {
        self.0.extend_from_slice(b"}\n");
        self.0
    }
}

/// A text as one part of a line, with its comma before it.
pub(super) fn part(name: &str, text: &str) -> String {
    let mut part = format!(r#","{name}":"#);
    part.push_str(&serde_json::to_string(text).unwrap_or_default());
    part
}

/// A key as it stands in a line: bytes that are not UTF-8 as `\xHH`, and for that a backslash as `\\`. JSON escapes once more.
pub(super) fn key_text(key: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(key) {
        Ok(text) if !text.contains('\\') => Cow::Borrowed(text),
        Ok(_) | Err(_) => {
            let mut text = String::with_capacity(key.len() + 16);
            for chunk in key.utf8_chunks() {
                text.push_str(&chunk.valid().replace('\\', r"\\"));
                for byte in chunk.invalid() {
                    let _written = write!(text, r"\x{byte:02x}");
                }
            }
            Cow::Owned(text)
        }
    }
}

/// The line that says that others were lost.
pub(super) fn lost(lines: u64) -> Vec<u8> {
    AuditLine::new("lost", ("", 0))
        .some_number("lines", Some(lines))
        .end()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn parsed(line: AuditLine) -> Value {
        let line = line.end();
        let text = std::str::from_utf8(&line).unwrap();
        assert!(text.ends_with("}\n") && text.lines().count() == 1, "{text}");
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_line_is_one_json_object_whatever_is_in_it() {
        let hard = "a\"b\\c\nd\u{0}e\u{2028}";
        let line = AuditLine::new("write", ("5f", 7))
            .parts(&part("identity", hard))
            .text("key", hard)
            .some_text("rule", None)
            .some_number("index", Some(u64::MAX));
        let found = parsed(line);
        assert_eq!(
            (&found["key"], &found["identity"]),
            (&hard.into(), &hard.into())
        );
        assert_eq!(found["id"], "5f-7");
        assert_eq!(found["index"], u64::MAX);
        assert!(found.get("rule").is_none());
        let time = found["time"].as_str().unwrap();
        let same: jiff::Timestamp = time.parse().unwrap();
        assert_eq!((format!("{same:.3}"), time.len()), (time.to_owned(), 24));
    }

    #[test]
    fn no_two_keys_have_the_same_text() {
        for (key, text) in [
            (&b"a/b"[..], "a/b"),
            (b"a\\xff", r"a\\xff"),
            (b"a\xff", r"a\xff"),
            ("ä\n".as_bytes(), "ä\n"),
            (b"\xc3\\", r"\xc3\\"),
        ] {
            assert_eq!(key_text(key), text);
        }
    }
}
