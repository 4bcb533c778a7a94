//! Entry of a store as libkv gives it to its callers.

/// An entry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KvPair {
    /// The key, as the protocol writes it.
    pub key: String,
    /// The value.
    pub value: Vec<u8>,
    /// The index that a compare-and-swap compares with.
    pub index: u64,
}

impl KvPair {
    /// The last segment of the key: an id.
    pub fn id(&self) -> &str {
        let key = self.key.trim_end_matches('/');
        key.rsplit('/').next().unwrap_or(key)
    }
}
