//! URL paths of keys.

use kubekv::transfer::escape_key;

/// The path of a key in Consul's KV API. One leading slash is dropped, as in Consul's own commands: no key of Consul begins
/// with one.
pub(super) fn key_path(key: &[u8]) -> String {
    let key = key.strip_prefix(b"/").unwrap_or(key);
    format!("/v1/kv/{}", escape_key(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_escaped_but_for_its_slashes() {
        assert_eq!(key_path(b"/a/b c/?#%\xff/"), "/v1/kv/a/b%20c/%3F%23%25%FF/");
    }
}
