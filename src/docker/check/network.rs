//! Network records: `network.UnmarshalJSON`.

use super::fields::{
    asserted_texts, cidr, field_text, flag, map, optional_flag, optional_text, text, texts,
};
use super::{Checked, CheckedRecord};
use crate::docker::go_value::{GoValue, unknown_fields};
use crate::docker::record_fault::RecordFault;

/// What libnetwork knows of a network.
const FIELDS: [&str; 24] = [
    "name",
    "id",
    "created",
    "networkType",
    "scope",
    "labels",
    "ipamType",
    "ipamOptions",
    "addrSpace",
    "enableIPv6",
    "generic",
    "persist",
    "postIPv6",
    "ipamV4Config",
    "ipamV4Info",
    "ipamV6Config",
    "ipamV6Info",
    "internal",
    "attachable",
    "inDelete",
    "ingress",
    "configOnly",
    "configFrom",
    "loadBalancerIP",
];

/// What every host calls networks of its own: `runconfig.IsPreDefinedNetwork`, and the bridge that overlay networks go out by.
const PREDEFINED: [&str; 5] = ["bridge", "host", "none", "default", "docker_gwbridge"];

/// The option that holds the driver's own.
const DRIVER_OPTIONS: &str = "com.docker.network.generic";

/// What of a network its changes are judged by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedNetwork {
    /// The name.
    pub name: String,
    /// Whether a daemon is removing it.
    pub in_delete: bool,
    /// Whether it has an endpoint of its own, for its load balancer.
    pub has_balancer: bool,
    /// The ids of its pools, and its gateways.
    pub pools: Vec<(String, String)>,
}

pub(super) fn check(id: &str, bytes: &[u8]) -> Result<Checked, RecordFault> {
    let record = map(bytes)?;
    let name = text(&record, "name")?;
    if text(&record, "id")? != id {
        return Err(RecordFault::OtherId);
    }
    if PREDEFINED.contains(&name) {
        return Err(RecordFault::PredefinedName);
    }
    text(&record, "networkType")?;
    flag(&record, "enableIPv6")?;
    asserted_texts(record.get("labels"), "labels")?;
    asserted_texts(record.get("ipamOptions"), "ipamOptions")?;
    check_options(&record)?;
    for name in [
        "persist",
        "postIPv6",
        "internal",
        "attachable",
        "ingress",
        "configOnly",
    ] {
        optional_flag(&record, name)?;
    }
    for name in [
        "created",
        "ipamType",
        "addrSpace",
        "scope",
        "configFrom",
        "loadBalancerMode",
    ] {
        optional_text(&record, name)?;
    }
    let balancer = optional_text(&record, "loadBalancerIP")?.unwrap_or_default();
    configs(&record, "ipamV4Config")?;
    configs(&record, "ipamV6Config")?;
    let mut pools = infos(&record, "ipamV4Info")?;
    pools.extend(infos(&record, "ipamV6Info")?);
    let network = CheckedNetwork {
        name: name.to_owned(),
        in_delete: optional_flag(&record, "inDelete")?.unwrap_or_default(),
        has_balancer: !balancer.is_empty(),
        pools,
    };
    let mut known = FIELDS.to_vec();
    known.push("loadBalancerMode");
    Ok(Checked {
        record: CheckedRecord::Network(network),
        unknown: unknown_fields(&record, &known),
    })
}

/// The options: a map where there are any, with texts for the driver.
fn check_options(record: &GoValue) -> Result<(), RecordFault> {
    let Some(generic) = record.get("generic") else {
        return Ok(());
    };
    if generic.as_map().is_none() {
        return Err(RecordFault::Field("generic"));
    }
    match generic.get(DRIVER_OPTIONS) {
        Some(options) => texts(options, DRIVER_OPTIONS),
        None => Ok(()),
    }
}

/// The list in a text of JSON; `null` is an empty one.
fn nested(record: &GoValue, name: &'static str) -> Result<Vec<GoValue>, RecordFault> {
    let Some(text) = optional_text(record, name)? else {
        return Ok(Vec::new());
    };
    let undecodable = || RecordFault::Undecodable(name);
    let value = GoValue::parse(text.as_bytes()).map_err(|_| undecodable())?;
    if value.is_null() {
        return Ok(Vec::new());
    }
    let values = value.as_list().ok_or_else(undecodable)?;
    if values.iter().any(GoValue::is_null) {
        return Err(RecordFault::NullElement(name));
    }
    if values.iter().any(|value| value.as_map().is_none()) {
        return Err(undecodable());
    }
    Ok(values.to_vec())
}

/// The pools that were asked for: structures.
fn configs(record: &GoValue, name: &'static str) -> Result<(), RecordFault> {
    for config in nested(record, name)? {
        for field in ["PreferredPool", "SubPool", "Gateway"] {
            field_text(&config, field)?;
        }
        for auxiliary in config.fields("AuxAddresses") {
            texts(auxiliary, "AuxAddresses")?;
        }
    }
    Ok(())
}

/// The pools that were allotted: maps, and one more text of JSON in each.
fn infos(record: &GoValue, name: &'static str) -> Result<Vec<(String, String)>, RecordFault> {
    let mut pools = Vec::new();
    for info in nested(record, name)? {
        let id = text(&info, "PoolID")?;
        if let Some(meta) = info.get("Meta") {
            texts(meta, "Meta")?;
        }
        let data = GoValue::parse(text(&info, "IPAMData")?.as_bytes())
            .map_err(|_| RecordFault::Undecodable("IPAMData"))?;
        text(&data, "AddressSpace")?;
        // Without one, whoever asks for an address follows a nil pointer.
        cidr(text(&data, "Pool")?, "Pool")?;
        let gateway = optional_text(&data, "Gateway")?;
        if let Some(gateway) = gateway {
            cidr(gateway, "Gateway")?;
        }
        if let Some(auxiliary) = data.get("AuxAddresses") {
            texts(auxiliary, "AuxAddresses")?;
            for (_, address) in auxiliary.as_map().unwrap_or_default() {
                cidr(address.as_text().unwrap_or_default(), "AuxAddresses")?;
            }
        }
        pools.push((id.to_owned(), gateway.unwrap_or_default().to_owned()));
    }
    Ok(pools)
}
