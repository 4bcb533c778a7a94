//! `AuditLine`: one line of the audit log, a JSON object.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::Write as _;

use crate::model::time;

/// The number of a request, unique among all gateways but for chance.
pub(super) type RequestNumber<'a> = (&'a str, u64);

/// Lines of the audit log, one behind the other, and the time of the last one: what is made in the same millisecond shares its
/// text.
#[derive(Debug, Default)]
pub(super) struct LineBuffer {
    bytes: Vec<u8>,
    lines: u64,
    made_ms: i64,
    made: String,
}

impl LineBuffer {
    /// Its whole lines.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How many lines those are.
    pub(super) fn lines(&self) -> u64 {
        self.lines
    }

    /// How many bytes all lines have.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Removes what was added behind so many bytes and so many lines.
    pub(super) fn cut(&mut self, (bytes, lines): (usize, u64)) {
        self.bytes.truncate(bytes);
        self.lines = lines;
    }

    /// Takes all lines out; the next ones go to the memory of `emptied`.
    pub(super) fn take(&mut self, mut emptied: Vec<u8>) -> (Vec<u8>, u64) {
        emptied.clear();
        let bytes = std::mem::replace(&mut self.bytes, emptied);
        (bytes, std::mem::take(&mut self.lines))
    }

    /// Adds a line as it is.
    #[cfg(test)]
    pub(super) fn add(&mut self, line: &[u8]) {
        self.bytes.extend_from_slice(line);
        self.lines += 1;
    }

    /// Adds a line about what happens now, by its kind.
    pub(super) fn line(
        &mut self,
        event: &str,
        (gateway, number): RequestNumber<'_>,
    ) -> AuditLine<'_> {
        let now = time::unix_ms();
        if self.made_ms != now || self.made.is_empty() {
            let at = jiff::Timestamp::from_millisecond(now).unwrap_or_default();
            self.made.clear();
            // Writing to memory does not fail.
            let _written = write!(self.made, "{at:.3}");
            self.made_ms = now;
        }
        let line = AuditLine(&mut self.bytes);
        self.lines += 1;
        line.raw(r#"{"time":""#)
            .raw(&self.made)
            .raw(r#"","id":""#)
            .raw(gateway)
            .raw("-")
            .digits(number)
            .raw(r#"","event":""#)
            .raw(event)
            .raw("\"")
    }
}

/// A line while it is made. Never give it a value or a secret.
#[derive(Debug)]
pub(super) struct AuditLine<'a>(&'a mut Vec<u8>);

impl AuditLine<'_> {
    fn raw(self, text: &str) -> Self {
        self.0.extend_from_slice(text.as_bytes());
        self
    }

    fn digits(self, number: u64) -> Self {
        let _written = serde_json::to_writer(&mut *self.0, &number);
        self
    }

    fn name(self, name: &str) -> Self {
        self.raw(",\"").raw(name).raw("\":")
    }

    /// Adds parts that are JSON already, each with its comma before it.
    pub(super) fn parts(self, json: &str) -> Self {
        self.raw(json)
    }

    /// Adds a text.
    pub(super) fn text(self, name: &str, text: &str) -> Self {
        let line = self.name(name);
        json_text(line.0, text);
        line
    }

    /// Adds a text where there is one.
    pub(super) fn some_text(self, name: &str, text: Option<&str>) -> Self {
        match text {
            Some(text) => self.text(name, text),
            None => self,
        }
    }

    /// Adds a text that something shows of itself in letters, digits and signs that JSON leaves as they are.
    pub(super) fn shown(self, name: &str, shown: impl std::fmt::Display) -> Self {
        let line = self.name(name).raw("\"");
        let _written = write!(line.0, "{shown}");
        line.raw("\"")
    }

    /// Adds a number where there is one.
    pub(super) fn some_number(self, name: &str, number: Option<u64>) -> Self {
        match number {
            Some(number) => self.name(name).digits(number),
            None => self,
        }
    }

    /// Ends it.
    pub(super) fn end(self) {
        let _ended = self.raw("}\n");
    }
}

/// A text as one part of a line, with its comma before it.
pub(super) fn part(name: &str, text: &str) -> String {
    let mut part = format!(r#","{name}":"#);
    part.push_str(&serde_json::to_string(text).unwrap_or_default());
    part
}

fn json_text(out: &mut Vec<u8>, text: &str) {
    if is_plain(text.as_bytes()) {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    } else {
        let _encoded = serde_json::to_writer(out, text);
    }
}

/// Whether JSON has these bytes as they are, if they are UTF-8.
fn is_plain(text: &[u8]) -> bool {
    // Without an early end: many bytes are looked at at once.
    let is_special = |byte: u8| byte < 0x20 || byte == b'"' || byte == b'\\';
    let special = text
        .iter()
        .fold(0_u8, |found, byte| found | u8::from(is_special(*byte)));
    special == 0
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

/// The most bytes that a key takes in a line.
pub(super) fn key_bytes(key: &[u8]) -> usize {
    if key.is_ascii() && is_plain(key) {
        key.len()
    } else {
        // A control character takes `\u0000`, which is the longest.
        key.len().saturating_mul(6)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn parsed(buffer: &LineBuffer) -> Value {
        let text = std::str::from_utf8(buffer.bytes()).unwrap();
        assert!(text.ends_with("}\n") && text.lines().count() == 1, "{text}");
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_line_is_one_json_object_whatever_is_in_it() {
        let hard = "a\"b\\c\nd\u{0}e\u{2028}";
        let mut buffer = LineBuffer::default();
        let line = buffer.line("write", ("5f", 7));
        line.parts(&part("identity", hard))
            .text("key", hard)
            .text("plain", "ä/1")
            .shown("address", "[::1]:80")
            .some_text("rule", None)
            .some_number("index", Some(u64::MAX))
            .end();
        let found = parsed(&buffer);
        assert_eq!(
            (&found["key"], &found["identity"]),
            (&hard.into(), &hard.into())
        );
        assert_eq!(
            (&found["plain"], &found["address"]),
            (&"ä/1".into(), &"[::1]:80".into())
        );
        assert_eq!(found["id"], "5f-7");
        assert_eq!(found["index"], u64::MAX);
        assert!(found.get("rule").is_none());
        let time = found["time"].as_str().unwrap();
        let same: jiff::Timestamp = time.parse().unwrap();
        assert_eq!((format!("{same:.3}"), time.len()), (time.to_owned(), 24));
        assert_eq!(buffer.lines(), 1);
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

    #[test]
    fn no_key_takes_more_bytes_of_a_line_than_are_promised_to_it() {
        for key in [
            &b"plain/key"[..],
            &[0; 7],
            &[0xff; 7],
            b"\\\\\"\\",
            "ä\u{2028}".as_bytes(),
        ] {
            let mut out = Vec::new();
            json_text(&mut out, &key_text(key));
            let promised = key_bytes(key) + 2;
            assert!(out.len() <= promised, "{}", key.escape_ascii());
        }
        assert_eq!(key_bytes(b"plain/key"), 9);
    }
}
