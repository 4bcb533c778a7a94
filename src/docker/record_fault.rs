//! `RecordFault`: why a record harms the daemons that read it.

use std::fmt;

/// Why a record harms the daemons that read it, by what libnetwork does with it.
///
/// Files and functions named here are those of libnetwork at the version of Docker 20.10.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordFault {
    /// No JSON. `datastore.List` fails at it: no daemon sees any network, endpoint or count any more.
    NotJson,
    /// JSON of another type than the record's. Of `null`, all fields are missing, and the first type assertion panics.
    NotARecord,
    /// A field that is missing or of another type. `UnmarshalJSON` of networks, endpoints, pools and bit sequences asserts types
    /// without asking (`netMap["name"].(string)`): every daemon panics at its start, and at each list (moby#28606, moby#40634).
    Field(&'static str),
    /// A field whose decoding fails. The record, and the list it is in, cannot be read.
    Undecodable(&'static str),
    /// A `null` in a list of pointers: `network.CopyTo`, `overlay.network.SetValue` and `ipam.updateBitMasks` follow it and panic.
    NullElement(&'static str),
    /// An address or a network that libnetwork cannot parse: the interface is read as far as that, or a nil pointer is followed
    /// later (`subnetIP.Contains`, `pool.IP`).
    BadAddress(&'static str),
    /// The record of another key: daemons would read one record for the other.
    OtherId,
    /// The name of a network that every host has by itself. `docker network create` refuses it; of two networks of that name no
    /// container joins either, and a daemon that starts cannot make its own anew.
    PredefinedName,
    /// Less than a header and one run: `bitseq.FromByteArray` slices beyond its end and panics.
    ShortSequence,
    /// Runs of no block: `bitseq.getFirstAvailable` loops for ever.
    EmptyRun,
    /// Runs that are not as long as the sequence says: bits outside of it are allotted, or none is.
    WrongLength,
    /// A pool's name that `SubnetKey.FromString` does not understand: it stands for the pool of no name, which is its own parent,
    /// and `incRefCount` loops for ever.
    BadPoolName,
    /// A pool that is a part of itself: `incRefCount` loops for ever.
    PoolCycle,
    /// A part of a pool that is not there: `RequestAddress` follows a nil pointer.
    PoolOrphan,
    /// A VXLAN id that no packet can have.
    VxlanId,
    /// Not `host:port`: `discovery.CreateEntries` fails at it, and every daemon loses sight of all nodes.
    NotANode,
    /// Another address than the key's: daemons would join another node's gossip.
    OtherNode,
    /// Nothing, or a directory, where a record belongs: it can be neither read nor made.
    Empty,
    /// A value where a directory belongs: no record can be made beneath it.
    NotADirectory,
    /// Beneath a record or a directory's name, where daemons that list by prefix would take it for a record.
    Misplaced,
    /// A network without an endpoint count: `getEpCnt` returns nil, and whoever starts a container in it or removes it panics.
    Uncounted,
}

impl RecordFault {
    /// Its name, as in metrics.
    pub fn name(&self) -> &'static str {
        match self {
            Self::NotJson => "not_json",
            Self::NotARecord => "not_a_record",
            Self::Field(_) => "field",
            Self::Undecodable(_) => "undecodable",
            Self::NullElement(_) => "null_element",
            Self::BadAddress(_) => "bad_address",
            Self::OtherId => "other_id",
            Self::PredefinedName => "predefined_name",
            Self::ShortSequence => "short_sequence",
            Self::EmptyRun => "empty_run",
            Self::WrongLength => "wrong_length",
            Self::BadPoolName => "bad_pool_name",
            Self::PoolCycle => "pool_cycle",
            Self::PoolOrphan => "pool_orphan",
            Self::VxlanId => "vxlan_id",
            Self::NotANode => "not_a_node",
            Self::OtherNode => "other_node",
            Self::Empty => "empty",
            Self::NotADirectory => "not_a_directory",
            Self::Misplaced => "misplaced",
            Self::Uncounted => "uncounted",
        }
    }
}

impl fmt::Display for RecordFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotJson => f.write_str("no JSON: daemons would see no record of its list"),
            Self::NotARecord => f.write_str("no record of this kind: daemons would panic"),
            Self::Field(name) => write!(
                f,
                "{name} is missing or of a wrong type: daemons would panic"
            ),
            Self::Undecodable(name) => write!(f, "{name} cannot be decoded"),
            Self::NullElement(name) => write!(f, "null in {name}: daemons would panic"),
            Self::BadAddress(name) => write!(f, "{name} is no address that libnetwork can parse"),
            Self::OtherId => f.write_str("its id is not the key's"),
            Self::PredefinedName => {
                f.write_str("its name is that of a network that every host has by itself")
            }
            Self::ShortSequence => f.write_str("too short for a bit sequence: daemons would panic"),
            Self::EmptyRun => f.write_str("a run of no block: daemons would loop for ever"),
            Self::WrongLength => f.write_str("its runs are not as long as its number of bits"),
            Self::BadPoolName => {
                f.write_str("a pool has a malformed name: daemons would loop for ever")
            }
            Self::PoolCycle => {
                f.write_str("a pool is a part of itself: daemons would loop for ever")
            }
            Self::PoolOrphan => {
                f.write_str("a pool is a part of one that is not there: daemons would panic")
            }
            Self::VxlanId => f.write_str("a VXLAN id is out of range"),
            Self::NotANode => f.write_str("no host:port: daemons would see no node"),
            Self::OtherNode => f.write_str("its address is not the key's"),
            Self::Empty => f.write_str("nothing where a record belongs"),
            Self::NotADirectory => f.write_str("a value where a directory belongs"),
            Self::Misplaced => f.write_str("beneath a record, where daemons would take it for one"),
            Self::Uncounted => {
                f.write_str("its network has no endpoint count: daemons would panic")
            }
        }
    }
}
