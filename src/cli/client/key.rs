//! How a key is written into a path.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};

/// All but the characters a path may hold as they are, and the slash.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'/');

/// The path of a key in Consul's key/value API. As in Consul's own commands one leading slash is dropped: no key of
/// Consul's begins with one.
pub(super) fn path(key: &[u8]) -> String {
    let key = key.strip_prefix(b"/").unwrap_or(key);
    format!("/v1/kv/{}", percent_encode(key, ESCAPED))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_escaped_but_for_its_slashes() {
        assert_eq!(path(b"/a/b c/?#%\xff/"), "/v1/kv/a/b%20c/%3F%23%25%FF/");
    }
}
