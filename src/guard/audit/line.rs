//! `AuditLine`: one line of the audit log, a JSON object.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::Write as _;
use std::net::SocketAddr;

use crate::model::time;

/// The name of a part of a line, with all that JSON has between the part before and the text of this one.
#[derive(Clone, Copy, Debug)]
pub(super) struct PartName(&'static str);

impl PartName {
    pub(super) const ADDRESS: Self = Self(r#","address":""#);
    pub(super) const DECISION: Self = Self(r#","decision":""#);
    pub(super) const FACE: Self = Self(r#","face":""#);
    pub(super) const HOW: Self = Self(r#","how":""#);
    pub(super) const IDENTITY: Self = Self(r#","identity":""#);
    pub(super) const INDEX: Self = Self(r#","index":""#);
    pub(super) const KEY: Self = Self(r#","key":""#);
    pub(super) const LEFT_OUT: Self = Self(r#","left_out":""#);
    pub(super) const LINES: Self = Self(r#","lines":""#);
    pub(super) const OUTCOME: Self = Self(r#","outcome":""#);
    pub(super) const OWNER: Self = Self(r#","owner":""#);
    pub(super) const PREFIX: Self = Self(r#","prefix":""#);
    pub(super) const PROOF: Self = Self(r#","proof":""#);
    pub(super) const RULE: Self = Self(r#","rule":""#);
    pub(super) const SESSION: Self = Self(r#","session":""#);
    pub(super) const SHA256: Self = Self(r#","sha256":""#);
    pub(super) const VERB: Self = Self(r#","verb":""#);
    pub(super) const WHY: Self = Self(r#","why":""#);

    /// What stands before anything else than a text.
    fn before_value(self) -> &'static str {
        self.0.strip_suffix('"').unwrap_or_default()
    }
}

/// Lines of the audit log, one behind the other, and what the last one begins with: what is made in the same millisecond shares
/// it.
#[derive(Debug, Default)]
pub(super) struct LineBuffer {
    bytes: Vec<u8>,
    lines: u64,
    /// Begins the number of each request.
    gateway: String,
    begun_ms: i64,
    begin: String,
}

impl LineBuffer {
    /// A buffer of lines about requests, whose numbers begin so: no two gateways have the same but by chance.
    pub(super) fn new(gateway: &str) -> Self {
        Self {
            gateway: gateway.to_owned(),
            ..Self::default()
        }
    }

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

    /// Adds a line about what happens now, by its kind and the number of the request.
    pub(super) fn line(&mut self, event: &'static str, number: u64) -> AuditLine<'_> {
        let now = time::unix_ms();
        if self.begun_ms != now || self.begin.is_empty() {
            let at = jiff::Timestamp::from_millisecond(now).unwrap_or_default();
            self.begin.clear();
            // Writing to memory does not fail.
            let _written = write!(self.begin, r#"{{"time":"{at:.3}","id":"{}-"#, self.gateway);
            self.begun_ms = now;
        }
        let line = AuditLine(&mut self.bytes);
        self.lines += 1;
        line.raw(&self.begin)
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

    fn digits(self, number: impl itoa::Integer) -> Self {
        let mut digits = itoa::Buffer::new();
        self.raw(digits.format(number))
    }

    /// Adds parts that are JSON already, each with its comma before it.
    pub(super) fn parts(self, json: &str) -> Self {
        self.raw(json)
    }

    /// Adds a text.
    pub(super) fn text(self, name: PartName, text: &str) -> Self {
        if is_plain(text.as_bytes()) {
            return self.raw(name.0).raw(text).raw("\"");
        }
        let line = self.raw(name.before_value());
        let _encoded = serde_json::to_writer(&mut *line.0, text);
        line
    }

    /// Adds a text where there is one.
    pub(super) fn some_text(self, name: PartName, text: Option<&str>) -> Self {
        match text {
            Some(text) => self.text(name, text),
            None => self,
        }
    }

    /// Adds a word that JSON has as it is.
    pub(super) fn word(self, name: PartName, word: &'static str) -> Self {
        self.raw(name.0).raw(word).raw("\"")
    }

    /// Adds a key that JSON has as it is: see [`is_plain_key`].
    pub(super) fn plain_key(self, name: PartName, key: &[u8]) -> Self {
        let line = self.raw(name.0);
        line.0.extend_from_slice(key);
        line.raw("\"")
    }

    /// Adds an address.
    pub(super) fn address(self, name: PartName, address: SocketAddr) -> Self {
        let line = self.raw(name.0);
        let line = match address {
            // As it shows itself, which takes much longer.
            SocketAddr::V4(address) => {
                let [a, b, c, d] = address.ip().octets();
                let line = line.digits(a).raw(".").digits(b).raw(".").digits(c);
                line.raw(".").digits(d).raw(":").digits(address.port())
            }
            SocketAddr::V6(address) => {
                let _written = write!(line.0, "{address}");
                line
            }
        };
        line.raw("\"")
    }

    /// Adds a number where there is one.
    pub(super) fn some_number(self, name: PartName, number: Option<u64>) -> Self {
        match number {
            Some(number) => self.raw(name.before_value()).digits(number),
            None => self,
        }
    }

    /// Ends it.
    pub(super) fn end(self) {
        let _ended = self.raw("}\n");
    }
}

/// A text as one part of a line, with its comma before it.
pub(super) fn part(name: PartName, text: &str) -> String {
    let mut part = Vec::new();
    let _line = AuditLine(&mut part).text(name, text);
    // Nothing else was written than texts.
    String::from_utf8(part).unwrap_or_default()
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

/// Whether a line has the bytes of a key as they are.
pub(super) fn is_plain_key(key: &[u8]) -> bool {
    key.is_ascii() && is_plain(key)
}

/// The most bytes that a key takes in a line.
pub(super) fn key_bytes(key: &[u8]) -> usize {
    if is_plain_key(key) {
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
        let mut buffer = LineBuffer::new("5f");
        let line = buffer.line("write", 7);
        line.parts(&part(PartName::IDENTITY, hard))
            .text(PartName::KEY, hard)
            .text(PartName::WHY, "ä/1")
            .word(PartName::VERB, "cas")
            .plain_key(PartName::PREFIX, b"a b/")
            .some_text(PartName::RULE, None)
            .some_number(PartName::INDEX, Some(u64::MAX))
            .end();
        let found = parsed(&buffer);
        assert_eq!(
            (&found["key"], &found["identity"]),
            (&hard.into(), &hard.into())
        );
        assert_eq!(
            (&found["why"], &found["verb"], &found["prefix"]),
            (&"ä/1".into(), &"cas".into(), &"a b/".into())
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
    fn addresses_are_written_as_they_show_themselves() {
        for address in [
            "0.0.0.0:0",
            "10.99.100.255:65535",
            "[::1]:80",
            "[fd00::1%3]:2379",
            "[::ffff:10.0.0.1]:1",
        ] {
            let address: SocketAddr = address.parse().unwrap();
            let mut buffer = LineBuffer::default();
            buffer
                .line("read", 1)
                .address(PartName::ADDRESS, address)
                .end();
            assert_eq!(parsed(&buffer)["address"], address.to_string());
        }
    }

    #[test]
    fn a_plain_key_is_what_a_line_has_anyhow() {
        for byte in 0..=u8::MAX {
            let key = [b'a', byte];
            let out = part(PartName::KEY, &key_text(&key));
            let is_as_it_is = out.as_bytes() == [br#","key":"a"#, &[byte, b'"'][..]].concat();
            assert_eq!(is_plain_key(&key), is_as_it_is, "{byte}");
        }
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
            let out = part(PartName::KEY, &key_text(key));
            let promised = key_bytes(key) + r#","key":"""#.len();
            assert!(out.len() <= promised, "{}", key.escape_ascii());
        }
        assert_eq!(key_bytes(b"plain/key"), 9);
    }
}
