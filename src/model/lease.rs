//! Leases: what keeps entries locked or alive. Consul's sessions today, ZooKeeper's and etcd v3's leases later.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use super::{Key, Principal, Realm, is_default};

const RECORDS: &str = "lease/";

/// The name of a lease: 128 bits, which hold a Consul session's UUID and the 64-bit ids of the other protocols.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeaseId(pub u128);

impl LeaseId {
    /// A new random one.
    pub fn random() -> Self {
        Self(Uuid::new_v4().as_u128())
    }

    /// The key of the lease's record.
    pub fn record_key(self) -> Key {
        Key::system(format!("{RECORDS}{self}"))
    }

    /// What every lease record's key begins with.
    pub fn records() -> Key {
        Key::system(RECORDS)
    }

    /// Whether this is the key of a lease's record.
    pub fn is_record(key: &Key) -> bool {
        key.realm() == Realm::System && key.as_bytes().starts_with(RECORDS.as_bytes())
    }
}

impl fmt::Display for LeaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Uuid::from_u128(self.0).hyphenated(), f)
    }
}

impl fmt::Debug for LeaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is not a lease id: 32 hexadecimal digits with hyphens as in a UUID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a lease id")]
pub struct ParseLeaseId;

impl FromStr for LeaseId {
    type Err = ParseLeaseId;

    /// Reads only the spelling that [`fmt::Display`] writes, in either case: Consul compares session ids as text.
    fn from_str(text: &str) -> Result<Self, ParseLeaseId> {
        let uuid = Uuid::try_parse(text).map_err(|_| ParseLeaseId)?;
        let id = Self(uuid.as_u128());
        if id.to_string().eq_ignore_ascii_case(text) {
            Ok(id)
        } else {
            Err(ParseLeaseId)
        }
    }
}

impl Serialize for LeaseId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for LeaseId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// What happens to the entries a lease locks when it ends (Consul's `Behavior`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LeaseEnd {
    /// They stay, unlocked.
    #[default]
    Release,
    /// They are deleted.
    Delete,
}

/// The protocol whose clients know a lease: no other protocol shows, renews or ends it, or locks with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LeaseProtocol {
    /// A session of Consul.
    #[default]
    Consul,
    /// A session of ZooKeeper.
    ZooKeeper,
    /// A lease of a protocol that a newer version speaks.
    #[serde(other)]
    Newer,
}

/// A lease as its record holds it.
///
/// When it ends is not in here: a term begins again when a gateway begins to serve, and after each renewal, so that an
/// outage never cuts one short.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// Its name.
    pub id: LeaseId,
    /// How long it lives without renewal, in milliseconds; `None` lives until it is ended.
    pub term_ms: Option<u64>,
    /// What becomes of the entries it locks.
    pub on_end: LeaseEnd,
    /// How long after its end nobody may lock the entries it held (Consul's lock-delay), in milliseconds.
    pub lock_delay_ms: u64,
    /// What its protocol wants to show of it again, such as a session's name and node; means nothing here.
    pub labels: BTreeMap<String, String>,
    /// Who made it. Anybody may use a lease of the anonymous principal, which records of older versions belong to, too.
    ///
    /// A gateway of an older version ignores the field. It never writes the record again, so the owner is not lost.
    #[serde(default, skip_serializing_if = "Principal::is_anonymous")]
    pub owner: Principal,
    /// Whose it is. An older version takes any lease for a session without a node, which it does not show, but ends by name.
    #[serde(default, skip_serializing_if = "is_default")]
    pub protocol: LeaseProtocol,
}

impl Lease {
    /// The lease of a record; `None` where the record is none of a lease.
    pub fn read(record: &[u8]) -> Option<Self> {
        serde_json::from_slice(record).ok()
    }

    /// How long it lives without renewal.
    pub fn term(&self) -> Option<Duration> {
        self.term_ms.map(Duration::from_millis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_hyphenated_spelling_of_an_id_is_parsed() {
        let id = LeaseId::random();
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(id.to_string().to_uppercase().parse(), Ok(id));
        let simple = id.to_string().replace('-', "");
        assert_eq!(simple.parse::<LeaseId>(), Err(ParseLeaseId));
        assert_eq!("".parse::<LeaseId>(), Err(ParseLeaseId));
    }

    #[test]
    fn a_record_without_owner_is_anonymous_and_encoded_unchanged() {
        let id = LeaseId(7);
        let old = format!(
            r#"{{"id":"{id}","term_ms":null,"on_end":"release","lock_delay_ms":0,"labels":{{}}}}"#
        );
        let mut lease = Lease::read(old.as_bytes()).unwrap();
        assert_eq!(lease.owner, Principal::Anonymous);
        assert_eq!(serde_json::to_string(&lease).unwrap(), old);
        assert_eq!(lease.protocol, LeaseProtocol::Consul);
        lease.owner = Principal::named("host-1");
        lease.protocol = LeaseProtocol::ZooKeeper;
        let new = serde_json::to_vec(&lease).unwrap();
        assert_eq!(Lease::read(&new), Some(lease));
        let unclosed = old.strip_suffix('}').unwrap();
        let newer = format!(r#"{unclosed},"protocol":"etcd3"}}"#);
        assert_eq!(
            Lease::read(newer.as_bytes()).unwrap().protocol,
            LeaseProtocol::Newer
        );
    }
}
