//! Endpoint records: `endpoint.UnmarshalJSON`, and that of its interface.

use super::fields::{cidr, flag, map, optional_flag, optional_text, text};
use super::{Checked, CheckedRecord};
use crate::docker::go_value::{GoValue, unknown_fields};
use crate::docker::record_fault::RecordFault;

/// What libnetwork knows of an endpoint.
const FIELDS: [&str; 17] = [
    "name",
    "id",
    "ep_iface",
    "joinInfo",
    "exposed_ports",
    "generic",
    "sandbox",
    "locator",
    "anonymous",
    "disableResolution",
    "myAliases",
    "svcName",
    "svcID",
    "virtualIP",
    "ingressPorts",
    "svcAliases",
    "loadBalancer",
];

/// Options that are lists of structures.
const PORT_MAP: &str = "com.docker.network.portmap";
const EXPOSED_PORTS: &str = "com.docker.network.endpoint.exposedports";

/// What of an endpoint its changes are judged by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedEndpoint {
    /// The IP address of the host that has the container; empty where the daemon advertises none.
    pub locator: String,
    /// Its addresses, each with the id of the pool that it is from.
    pub addresses: Vec<(String, String)>,
}

pub(super) fn check(id: &str, bytes: &[u8]) -> Result<Checked, RecordFault> {
    let record = map(bytes)?;
    text(&record, "name")?;
    if text(&record, "id")? != id {
        return Err(RecordFault::OtherId);
    }
    let addresses = interface(&record)?;
    check_join_info(&record)?;
    check_options(&record)?;
    for name in ["anonymous", "disableResolution", "loadBalancer"] {
        optional_flag(&record, name)?;
    }
    for name in ["svcName", "svcID", "virtualIP"] {
        optional_text(&record, name)?;
    }
    let locator = optional_text(&record, "locator")?.unwrap_or_default();
    let endpoint = CheckedEndpoint {
        locator: locator.to_owned(),
        addresses,
    };
    Ok(Checked {
        record: CheckedRecord::Endpoint(endpoint),
        unknown: unknown_fields(&record, &FIELDS),
    })
}

/// The interface, which every endpoint has: service discovery follows the pointer.
fn interface(record: &GoValue) -> Result<Vec<(String, String)>, RecordFault> {
    const NAME: &str = "ep_iface";
    let interface = record.get(NAME).ok_or(RecordFault::Field(NAME))?;
    if interface.as_map().is_none() {
        return Err(RecordFault::Field(NAME));
    }
    if let Some(mac) = optional_text(interface, "mac")?
        && !is_mac(mac)
    {
        return Err(RecordFault::BadAddress("mac"));
    }
    let mut addresses = Vec::new();
    for (field, pool) in [("addr", "v4PoolID"), ("addrv6", "v6PoolID")] {
        let pool = text(interface, pool)?;
        if let Some(address) = optional_text(interface, field)? {
            cidr(address, field)?;
            addresses.push((pool.to_owned(), address.to_owned()));
        }
    }
    if let Some(link) = interface.get("llAddrs") {
        let link = link.as_list().ok_or(RecordFault::Field("llAddrs"))?;
        for address in link {
            let address = address.as_text().ok_or(RecordFault::Field("llAddrs"))?;
            cidr(address, "llAddrs")?;
        }
    }
    text(interface, "srcName")?;
    text(interface, "dstPrefix")?;
    Ok(addresses)
}

/// What the sandbox got when it joined; nothing before.
fn check_join_info(record: &GoValue) -> Result<(), RecordFault> {
    let Some(join) = record.get("joinInfo").filter(|join| !join.is_null()) else {
        return Ok(());
    };
    if join.as_map().is_none() {
        return Err(RecordFault::Field("joinInfo"));
    }
    optional_text(join, "gw")?;
    optional_text(join, "gw6")?;
    flag(join, "disableGatewayService")?;
    Ok(())
}

fn check_options(record: &GoValue) -> Result<(), RecordFault> {
    let Some(generic) = record.get("generic") else {
        return Ok(());
    };
    if generic.as_map().is_none() {
        return Err(RecordFault::Field("generic"));
    }
    for name in [PORT_MAP, EXPOSED_PORTS] {
        let Some(list) = generic.get(name) else {
            continue;
        };
        let list = list.as_list().ok_or(RecordFault::Field(name))?;
        if list.iter().any(|port| port.as_map().is_none()) {
            return Err(RecordFault::Field(name));
        }
    }
    Ok(())
}

/// Whether Go takes it for a hardware address: 6, 8 or 20 bytes in one of three notations.
fn is_mac(text: &str) -> bool {
    let of = |separator: char, digits: usize| {
        let parts: Vec<&str> = text.split(separator).collect();
        let bytes = parts.len() * digits / 2;
        let is_part = |part: &&str| {
            part.len() == digits && part.bytes().all(|digit| digit.is_ascii_hexdigit())
        };
        matches!(bytes, 6 | 8 | 20) && parts.iter().all(is_part)
    };
    of(':', 2) || of('-', 2) || of('.', 4)
}
