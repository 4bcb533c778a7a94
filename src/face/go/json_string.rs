//! JSON strings as `encoding/json` writes them, because some clients compare bytes.
//!
//! Go escapes `<`, `>`, `&`, U+2028 and U+2029 in strings (`SetEscapeHTML`, on by default), writes `\n`, `\r`, `\t`
//! short and other control characters as `\u00XX`, and replaces bytes that are not UTF-8 by U+FFFD.

/// Appends a JSON string of these bytes, quotes included.
pub(in crate::face) fn push_json_string(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    let mut rest = bytes;
    loop {
        // Nearly all of a value is copied as it is.
        let plain = rest.iter().take_while(|byte| is_plain(**byte)).count();
        let (copied, tail) = rest.split_at(plain);
        out.extend_from_slice(copied);
        let Some(first) = tail.first() else { break };
        // A character that is no ASCII has no ASCII byte.
        let others = tail.iter().take_while(|byte| !byte.is_ascii()).count();
        let (other, after) = tail.split_at(if first.is_ascii() { 1 } else { others });
        push_other(out, other);
        rest = after;
    }
    out.push(b'"');
}

/// Whether a byte is a character that stands for itself in a string.
const fn is_plain(byte: u8) -> bool {
    byte.is_ascii() && byte >= b' ' && !matches!(byte, b'"' | b'\\' | b'<' | b'>' | b'&')
}

/// Appends bytes that may need an escape.
fn push_other(out: &mut Vec<u8>, bytes: &[u8]) {
    for chunk in bytes.utf8_chunks() {
        push_escaped(out, chunk.valid());
        // Go writes one replacement for each bad byte, not one for each bad sequence.
        for _ in chunk.invalid() {
            out.extend_from_slice(b"\\ufffd");
        }
    }
}

/// The most bytes that the JSON string of these bytes takes, quotes included.
pub(in crate::face) fn max_json_string(bytes: &[u8]) -> usize {
    // The longest escapes have six bytes; a byte that is no ASCII may need one.
    let others = bytes.iter().filter(|byte| !is_plain(**byte));
    bytes.len() + 5 * others.count() + 2
}

fn push_escaped(out: &mut Vec<u8>, text: &str) {
    let mut rest = text;
    while let Some(at) = rest.find(special) {
        let (plain, tail) = rest.split_at(at);
        out.extend_from_slice(plain.as_bytes());
        let mut chars = tail.chars();
        if let Some(found) = chars.next() {
            push_special(out, found);
        }
        rest = chars.as_str();
    }
    out.extend_from_slice(rest.as_bytes());
}

fn special(c: char) -> bool {
    c < ' ' || matches!(c, '"' | '\\' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}')
}

fn push_special(out: &mut Vec<u8>, c: char) {
    match c {
        '"' => out.extend_from_slice(b"\\\""),
        '\\' => out.extend_from_slice(b"\\\\"),
        '\n' => out.extend_from_slice(b"\\n"),
        '\r' => out.extend_from_slice(b"\\r"),
        '\t' => out.extend_from_slice(b"\\t"),
        other => out.extend_from_slice(format!("\\u{:04x}", u32::from(other)).as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use proptest::prelude::*;

    use super::*;

    fn string(bytes: &[u8]) -> String {
        let mut out = Vec::new();
        push_json_string(&mut out, bytes);
        String::from_utf8(out).unwrap()
    }

    /// The same, a character after the other.
    fn by_characters(bytes: &[u8]) -> String {
        let mut out = String::from('"');
        for chunk in bytes.utf8_chunks() {
            for c in chunk.valid().chars() {
                match c {
                    '"' => out.push_str("\\\""),
                    '\\' => out.push_str("\\\\"),
                    '\n' => out.push_str("\\n"),
                    '\r' => out.push_str("\\r"),
                    '\t' => out.push_str("\\t"),
                    c if special(c) => write!(out, "\\u{:04x}", u32::from(c)).unwrap(),
                    c => out.push(c),
                }
            }
            out.push_str(&"\\ufffd".repeat(chunk.invalid().len()));
        }
        out.push('"');
        out
    }

    proptest! {
        #[test]
        fn strings_are_those_of_their_characters(
            bytes: Vec<u8>,
            text in "[a-z<>&\"\\\\\u{0}-\u{20}\u{2027}-\u{202a}\u{e9}\u{1f600}]{0,40}",
            cut in 0..60_usize,
        ) {
            let cut = &text.as_bytes()[..text.len().min(cut)];
            let both = [cut, &bytes[..]].concat();
            for bytes in [&bytes[..], text.as_bytes(), cut, &both] {
                prop_assert_eq!(string(bytes), by_characters(bytes));
            }
        }

        #[test]
        fn no_string_is_longer_than_was_said(bytes: Vec<u8>, text in "[a-z<>&\"\\\\\u{0}-\u{20}\u{2027}-\u{202a}]{0,20}") {
            for bytes in [&bytes[..], text.as_bytes()] {
                prop_assert!(string(bytes).len() <= max_json_string(bytes));
            }
            let plain = "a/b-c".repeat(3);
            prop_assert_eq!(string(plain.as_bytes()).len(), max_json_string(plain.as_bytes()));
        }
    }

    #[test]
    fn strings_are_escaped_as_go_does() {
        assert_eq!(
            string(b"a<b>&\"\\\n\x01"),
            r#""a\u003cb\u003e\u0026\"\\\n\u0001""#
        );
        assert_eq!(string("\u{2028}é".as_bytes()), "\"\\u2028é\"");
        assert_eq!(string(b"a\xff\xfeb"), r#""a\ufffd\ufffdb""#);
    }
}
