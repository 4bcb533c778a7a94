//! Keys as the path of a URL.

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

/// The bytes that Go escapes in the path of a URL, among ASCII.
const ESCAPED: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// A base path and a key, encoded.
pub(in crate::bench) fn key_path(base: &str, key: &str) -> String {
    format!("{base}{}", utf8_percent_encode(key, ESCAPED))
}

#[cfg(test)]
mod tests {
    use super::key_path;

    #[test]
    fn a_key_that_needs_it_is_escaped() {
        assert_eq!(key_path("/v1/kv/", "a/b:1"), "/v1/kv/a/b:1");
        assert_eq!(
            key_path("/v1/kv/", "a b?#%é"),
            "/v1/kv/a%20b%3F%23%25%C3%A9"
        );
    }
}
