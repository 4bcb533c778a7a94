//! Where under the prefix things are.
//!
//! ```text
//! PREFIX/KEY                     the value of a client's entry, raw
//! PREFIX/.kubekv/attributes/REST what is remembered beside the value at PREFIX/REST
//! PREFIX/.kubekv/lead            the lead's record
//! PREFIX/.kubekv/term            the fence: written when the lead is taken, and compared by every write
//! PREFIX/.kubekv/commit          the name of a write that puts no value, and why it was made
//! PREFIX/.kubekv/own/KEY         the gateway's own records: sessions, lock delays
//! PREFIX/.kubekv/in-order/NAME   an entry that is named by its revision and does not have its name yet
//! PREFIX/.kubekv/key/KEY         a client's entry whose key begins with ".kubekv/" itself
//! ```

use crate::model::{Key, Realm};

/// What is not clients' under the prefix.
const OWN: &[u8] = b".kubekv/";

const ATTRIBUTES: &[u8] = b".kubekv/attributes/";
const LEAD: &[u8] = b".kubekv/lead";
const TERM: &[u8] = b".kubekv/term";
const COMMIT: &[u8] = b".kubekv/commit";
const RECORDS: &[u8] = b".kubekv/own/";
const IN_ORDER: &[u8] = b".kubekv/in-order/";
const ESCAPED: &[u8] = b".kubekv/key/";

/// A prefix that ends in a slash.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    prefix: Vec<u8>,
}

/// What a key of etcd stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    /// The value of an entry.
    Value(Key),
    /// Its attributes.
    Attributes(Key),
    /// The value of an entry that is to be named by its revision.
    InOrder(String),
    /// Its attributes.
    InOrderAttributes(String),
    Lead,
    Term,
    Commit,
}

impl Layout {
    /// Everything is under this and a slash.
    pub(crate) fn new(prefix: &str) -> Self {
        let mut prefix = prefix.trim_end_matches('/').as_bytes().to_vec();
        prefix.push(b'/');
        Self { prefix }
    }

    /// The first key of all there is, and the first that is not there any more.
    pub(crate) fn range(&self) -> (Vec<u8>, Vec<u8>) {
        let mut end = self.prefix.clone();
        end.pop();
        end.push(b'/' + 1);
        (self.prefix.clone(), end)
    }

    fn under(&self, parts: &[&[u8]]) -> Vec<u8> {
        let mut key = self.prefix.clone();
        for part in parts {
            key.extend_from_slice(part);
        }
        key
    }

    fn inner(key: &Key) -> (&[u8], &[u8]) {
        let bytes = key.as_bytes();
        match key.realm() {
            Realm::System => (RECORDS, bytes),
            Realm::User if bytes.starts_with(OWN) => (ESCAPED, bytes),
            Realm::User => (b"", bytes),
        }
    }

    /// Keys with the same number are in etcd in the order they have here, with nothing of the gateways' between.
    pub(crate) fn zone(key: &Key) -> u8 {
        match key.realm() {
            Realm::System => 0,
            Realm::User if key.as_bytes().starts_with(OWN) => 1,
            Realm::User if key.as_bytes() < OWN => 2,
            Realm::User => 3,
        }
    }

    pub(crate) fn value(&self, key: &Key) -> Vec<u8> {
        let (zone, bytes) = Self::inner(key);
        self.under(&[zone, bytes])
    }

    pub(crate) fn attributes(&self, key: &Key) -> Vec<u8> {
        let (zone, bytes) = Self::inner(key);
        self.under(&[ATTRIBUTES, zone, bytes])
    }

    pub(crate) fn in_order(&self, name: &str) -> Vec<u8> {
        self.under(&[IN_ORDER, name.as_bytes()])
    }

    pub(crate) fn in_order_attributes(&self, name: &str) -> Vec<u8> {
        self.under(&[ATTRIBUTES, IN_ORDER, name.as_bytes()])
    }

    pub(crate) fn lead(&self) -> Vec<u8> {
        self.under(&[LEAD])
    }

    pub(crate) fn term(&self) -> Vec<u8> {
        self.under(&[TERM])
    }

    pub(crate) fn commit(&self) -> Vec<u8> {
        self.under(&[COMMIT])
    }

    /// The key that stands for something.
    pub(crate) fn key(&self, name: &Name) -> Vec<u8> {
        match name {
            Name::Value(key) => self.value(key),
            Name::Attributes(key) => self.attributes(key),
            Name::InOrder(name) => self.in_order(name),
            Name::InOrderAttributes(name) => self.in_order_attributes(name),
            Name::Lead => self.lead(),
            Name::Term => self.term(),
            Name::Commit => self.commit(),
        }
    }

    /// What a key of etcd stands for; `None` where no gateway would have made it.
    pub(crate) fn name(&self, key: &[u8]) -> Option<Name> {
        let rest = key.strip_prefix(self.prefix.as_slice())?;
        if !rest.starts_with(OWN) {
            return Some(Name::Value(Key::user(rest)));
        }
        match rest {
            LEAD => Some(Name::Lead),
            TERM => Some(Name::Term),
            COMMIT => Some(Name::Commit),
            _ => {
                let Some(of) = rest.strip_prefix(ATTRIBUTES) else {
                    return reserved(rest);
                };
                if !of.starts_with(OWN) {
                    return Some(Name::Attributes(Key::user(of)));
                }
                match reserved(of)? {
                    Name::Value(key) => Some(Name::Attributes(key)),
                    Name::InOrder(name) => Some(Name::InOrderAttributes(name)),
                    Name::Attributes(_)
                    | Name::InOrderAttributes(_)
                    | Name::Lead
                    | Name::Term
                    | Name::Commit => None,
                }
            }
        }
    }
}

/// What begins with [`OWN`] and is neither the gateways' common records nor attributes.
fn reserved(rest: &[u8]) -> Option<Name> {
    if let Some(bytes) = rest.strip_prefix(RECORDS) {
        return Some(Name::Value(Key::system(bytes)));
    }
    if let Some(name) = rest.strip_prefix(IN_ORDER) {
        let name = std::str::from_utf8(name).ok()?;
        return Some(Name::InOrder(name.to_owned()));
    }
    let bytes = rest.strip_prefix(ESCAPED)?;
    bytes
        .starts_with(OWN)
        .then(|| Name::Value(Key::user(bytes)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_prefix_ends_in_one_slash() {
        for prefix in ["a/b", "a/b/", "a/b//"] {
            let layout = Layout::new(prefix);
            assert_eq!(layout.range(), (b"a/b/".to_vec(), b"a/b0".to_vec()));
            assert_eq!(layout.value(&Key::user("k")), b"a/b/k");
        }
    }

    #[test]
    fn what_no_gateway_makes_has_no_name() {
        let layout = Layout::new("p");
        for key in [
            &b"p"[..],
            b"q/k",
            b"p/.kubekv/",
            b"p/.kubekv/key/k",
            b"p/.kubekv/other",
            b"p/.kubekv/attributes/.kubekv/lead",
            b"p/.kubekv/attributes/.kubekv/attributes/k",
        ] {
            assert_eq!(layout.name(key), None, "{}", key.escape_ascii());
        }
    }

    proptest! {
        #[test]
        fn no_two_things_have_one_key(bytes in "(\\.kubekv/)?(key/|own/|attributes/|in-order/)?(\\.kubekv/)?[a/]{0,4}") {
            let layout = Layout::new("p");
            for key in [Key::user(&bytes), Key::system(&bytes)] {
                prop_assert_eq!(layout.name(&layout.value(&key)), Some(Name::Value(key.clone())));
                prop_assert_eq!(layout.name(&layout.attributes(&key)), Some(Name::Attributes(key)));
            }
            let name = layout.name(&layout.in_order(&bytes));
            prop_assert_eq!(name, Some(Name::InOrder(bytes.clone())));
            let name = layout.name(&layout.in_order_attributes(&bytes));
            prop_assert_eq!(name, Some(Name::InOrderAttributes(bytes)));
        }
    }
}
