//! Quoted text: `%q` of `fmt`.

use std::fmt::Write as _;

use super::print::is_print;

/// Puts text in quotes as Go does; unprintable characters are escaped.
pub(in crate::face) fn quote(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() + 2);
    out.push('"');
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            push_quoted(&mut out, c);
        }
        for byte in chunk.invalid() {
            let _written = write!(out, "\\x{byte:02x}");
        }
    }
    out.push('"');
    out
}

fn push_quoted(out: &mut String, c: char) {
    let code = u32::from(c);
    match c {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\x07' => out.push_str("\\a"),
        '\x08' => out.push_str("\\b"),
        '\x0c' => out.push_str("\\f"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\x0b' => out.push_str("\\v"),
        c if is_print(c) => out.push(c),
        c if c < ' ' || c == '\x7f' => {
            let _written = write!(out, "\\x{code:02x}");
        }
        _ if code < 0x1_0000 => {
            let _written = write!(out, "\\u{code:04x}");
        }
        _ => {
            let _written = write!(out, "\\U{code:08x}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn text_is_quoted_as_go_does() {
        assert_eq!(quote(b"a\"b\\c\n\x01\x7f"), r#""a\"b\\c\n\x01\x7f""#);
        assert_eq!(
            quote("\u{e9}\u{a0}\u{e0001}".as_bytes()),
            "\"\u{e9}\\u00a0\\U000e0001\""
        );
        assert_eq!(quote(b"\xff"), r#""\xff""#);
    }

    proptest! {
        #[test]
        fn quoted_text_is_printable(bytes: Vec<u8>) {
            prop_assert!(quote(&bytes).chars().all(is_print));
        }
    }
}
