//! Records that Docker's global network drivers keep in a cluster store.
//!
//! Decoded, encoded to the same bytes, and changed, as libnetwork of Docker 20.10 does it; and judged: whether a record of
//! anybody harms the daemons that read it ([`RecordPlace::check`]), and whether libnetwork makes such a change
//! ([`RecordChange::judge`]). No I/O.
//!
//! | key, below `docker/network/v1.0/` | record |
//! |---|---|
//! | `network/<id>` | [`NetworkRecord`] |
//! | `endpoint/<network>/<id>` | [`EndpointRecord`] |
//! | `endpoint_count/<network>` | [`EndpointCount`] |
//! | `overlay/network/<id>` | [`OverlayRecord`] |
//! | `ipam/default/config/GlobalDefault` | [`AddressSpace`], one record for all pools |
//! | `ipam/default/data/GlobalDefault/<pool>` | [`BitSequenceRecord`] of the pool's addresses |
//! | `idm/vxlan-id` | [`BitSequenceRecord`] of the VXLAN ids |
//!
//! `docker/nodes/<address>` has a node's address as its value.

mod address_space;
mod bit_sequence;
mod check;
mod cidr;
mod endpoint;
mod endpoint_count;
mod go_json;
mod go_value;
mod keys;
mod network;
mod overlay;
mod record_fault;
mod record_place;
mod transition;
mod vxlan;

pub use address_space::{AddressPool, AddressRange, AddressSpace, PoolKey, PoolRefused};
pub use bit_sequence::{BitChanges, BitSequence, BitSequenceRecord, BitTaken, MalformedSequence};
pub use check::{
    Checked, CheckedEndpoint, CheckedNetwork, CheckedOverlay, CheckedPool, CheckedRecord,
};
pub use cidr::{BadCidr, Cidr};
pub use endpoint::{EndpointInterface, EndpointRecord, JoinInfo, TransportPort};
pub use endpoint_count::EndpointCount;
pub use go_json::{NestedJson, decode, encode};
pub use keys::DockerKeys;
pub use network::{IpamConfig, IpamData, IpamInfo, NetworkRecord};
pub use overlay::{OverlayRecord, OverlaySubnet};
pub use record_fault::RecordFault;
pub use record_place::{RecordKind, RecordPlace};
pub use transition::{IllegalChange, RecordChange, RecordLookup, RecordRefusal};
pub use vxlan::{VXLAN_IDS, VxlanIds};
