//! URL paths of keys.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};

/// Every character but the unreserved ones and the slash.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'/');

/// The path of a key in Consul's KV API. One leading slash is dropped, as in Consul's own commands: no key of Consul begins
/// with one.
pub(super) fn key_path(key: &[u8]) -> String {
    let key = key.strip_prefix(b"/").unwrap_or(key);
    format!("/v1/kv/{}", percent_encode(key, ESCAPED))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_escaped_but_for_its_slashes() {
        assert_eq!(key_path(b"/a/b c/?#%\xff/"), "/v1/kv/a/b%20c/%3F%23%25%FF/");
    }
}
