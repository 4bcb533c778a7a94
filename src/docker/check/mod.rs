//! Checks of records: whether they harm the daemons that read them.
//!
//! What is taken here libnetwork of Docker 17.03 to 20.10 decodes without a panic and without an error, to the same facts; so
//! says the referee, `tests/referee/libnetwork`. What no daemon writes may be refused even where one would read it.

mod bits;
mod endpoint;
mod fields;
mod network;
mod node;
mod overlay;
mod pools;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub use endpoint::CheckedEndpoint;
pub use network::CheckedNetwork;
pub(super) use node::node_host;
pub use overlay::CheckedOverlay;
pub use pools::CheckedPool;

use super::BitSequence;
use super::go_value::unknown_fields;
use super::record_fault::RecordFault;
use super::record_place::{RecordKind, RecordPlace};

/// A record that harms nobody.
#[derive(Clone, Debug, PartialEq)]
pub struct Checked {
    /// What its changes are judged by.
    pub record: CheckedRecord,
    /// The first names of fields that libnetwork does not know; `None` where it knows all.
    pub unknown: Option<String>,
}

/// What of a record its changes are judged by.
#[derive(Clone, Debug, PartialEq)]
pub enum CheckedRecord {
    /// A node.
    Node,
    /// A network.
    Network(CheckedNetwork),
    /// An endpoint.
    Endpoint(CheckedEndpoint),
    /// The number of a network's endpoints.
    Count(u64),
    /// The overlay driver's record of a network.
    Overlay(CheckedOverlay),
    /// Pools, by id.
    Pools(BTreeMap<String, CheckedPool>),
    /// Addresses of a pool, or ids.
    Bits(BitSequence),
    /// A directory.
    Directory,
    /// Of a kind that is not known here.
    Unknown,
}

impl RecordPlace<'_> {
    /// Whether a value in this place harms the daemons that read it, or what it says.
    pub fn check(&self, value: &[u8]) -> Result<Checked, RecordFault> {
        let plain = |record| Checked {
            record,
            unknown: None,
        };
        match &self.kind {
            // Lists leave out what is empty.
            RecordKind::Directory | RecordKind::Beneath if value.is_empty() => {
                Ok(plain(CheckedRecord::Directory))
            }
            RecordKind::Directory => Err(RecordFault::NotADirectory),
            RecordKind::Beneath => Err(RecordFault::Misplaced),
            RecordKind::Unknown => Ok(Checked {
                record: CheckedRecord::Unknown,
                unknown: Some("a key of a kind that Docker 20.10 does not have".to_owned()),
            }),
            RecordKind::Node(address) => {
                node::check(address, value).map(|()| plain(CheckedRecord::Node))
            }
            _ if value.is_empty() => Err(RecordFault::Empty),
            RecordKind::Network(id) => network::check(id, value),
            RecordKind::Endpoint(_, id) => endpoint::check(id, value),
            RecordKind::EndpointCount(_) => count(value),
            RecordKind::Overlay(_) => overlay::check(value),
            RecordKind::Pools(_) => pools::check(value),
            RecordKind::Addresses(id) | RecordKind::Ids(id) => bits::check(id, value),
        }
    }
}

/// Endpoint counts: a structure, decoded by `endpointCnt.SetValue`. One that fails makes all counts unknown.
fn count(value: &[u8]) -> Result<Checked, RecordFault> {
    if let Some(count) = count_as_written(value) {
        return Ok(Checked {
            record: CheckedRecord::Count(count),
            unknown: None,
        });
    }
    let record = fields::map(value)?;
    Ok(Checked {
        record: CheckedRecord::Count(fields::integer(&record, "Count")?),
        unknown: unknown_fields(&record, &["Count"]),
    })
}

/// The count of a record as daemons write it, without a decoder: it is looked at several times for each container. `None` of every
/// other text, good or not.
fn count_as_written(value: &[u8]) -> Option<u64> {
    let digits = value.strip_prefix(br#"{"Count":"#)?.strip_suffix(b"}")?;
    let is_number = digits.iter().all(u8::is_ascii_digit);
    // JSON has no zeros before a number.
    let is_written = is_number && (digits == b"0" || !digits.starts_with(b"0"));
    let digits = std::str::from_utf8(digits).ok()?;
    digits.parse().ok().filter(|_| is_written)
}
