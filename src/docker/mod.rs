//! Records that Docker's global network drivers keep in a cluster store.
//!
//! Decoded, encoded to the same bytes, and changed, as libnetwork of Docker 20.10 does it. No I/O.
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
mod cidr;
mod endpoint;
mod endpoint_count;
mod go_json;
mod keys;
mod network;
mod overlay;
mod vxlan;

pub use address_space::{AddressPool, AddressRange, AddressSpace, PoolKey, PoolRefused};
pub use bit_sequence::{BitSequence, BitSequenceRecord, BitTaken, MalformedSequence};
pub use cidr::{BadCidr, Cidr};
pub use endpoint::{EndpointInterface, EndpointRecord, JoinInfo, TransportPort};
pub use endpoint_count::EndpointCount;
pub use go_json::{NestedJson, decode, encode};
pub use keys::DockerKeys;
pub use network::{IpamConfig, IpamData, IpamInfo, NetworkRecord};
pub use overlay::{OverlayRecord, OverlaySubnet};
pub use vxlan::{VXLAN_IDS, VxlanIds};
