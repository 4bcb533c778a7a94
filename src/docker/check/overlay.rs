//! Records of the overlay driver: `overlay.network.SetValue`.

use super::fields::{cidr, field_text, integer};
use super::{Checked, CheckedRecord};
use crate::docker::go_value::{GoValue, unknown_fields};
use crate::docker::record_fault::RecordFault;
use crate::docker::{Cidr, OverlaySubnet};

/// The highest id that fits into a packet.
const LAST_VXLAN_ID: u32 = (1 << 24) - 1;

/// What of an overlay network its changes are judged by.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckedOverlay {
    /// The size of packets.
    pub mtu: f64,
    /// Whether the driver encrypts.
    pub secure: bool,
    /// The subnets.
    pub subnets: Vec<OverlaySubnet>,
}

pub(super) fn check(bytes: &[u8]) -> Result<Checked, RecordFault> {
    let record = GoValue::parse(bytes).map_err(|_| RecordFault::NotJson)?;
    let mut unknown = None;
    let overlay = match &record {
        GoValue::Map(_) => {
            unknown = unknown_fields(&record, &["secure", "subnets", "mtu"]);
            fields(&record)?
        }
        // Before Docker 1.12.
        GoValue::List(subnets_of_old) => CheckedOverlay {
            mtu: 0.0,
            secure: false,
            subnets: subnets(subnets_of_old)?,
        },
        GoValue::Null | GoValue::Bool(_) | GoValue::Number(_) | GoValue::Text(_) => {
            return Err(RecordFault::NotARecord);
        }
    };
    Ok(Checked {
        record: CheckedRecord::Overlay(overlay),
        unknown,
    })
}

fn fields(record: &GoValue) -> Result<CheckedOverlay, RecordFault> {
    let secure = super::fields::optional_flag(record, "secure")?.unwrap_or_default();
    let mtu = match record.get("mtu") {
        Some(mtu) => mtu.as_number().ok_or(RecordFault::Field("mtu"))?.float,
        None => 0.0,
    };
    let subnets = match record.get("subnets") {
        None | Some(GoValue::Null) => Vec::new(),
        Some(list) => {
            let list = list.encoded_again();
            let list = list.as_list().ok_or(RecordFault::Undecodable("subnets"))?;
            subnets(list)?
        }
    };
    Ok(CheckedOverlay {
        mtu,
        secure,
        subnets,
    })
}

fn subnets(list: &[GoValue]) -> Result<Vec<OverlaySubnet>, RecordFault> {
    list.iter().map(subnet).collect()
}

fn subnet(value: &GoValue) -> Result<OverlaySubnet, RecordFault> {
    if value.is_null() {
        return Err(RecordFault::NullElement("subnets"));
    }
    if value.as_map().is_none() {
        return Err(RecordFault::Undecodable("subnets"));
    }
    let network = |name| -> Result<Cidr, RecordFault> { cidr(field_text(value, name)?, name) };
    let vni: u32 = integer(value, "Vni")?;
    if vni > LAST_VXLAN_ID {
        return Err(RecordFault::VxlanId);
    }
    Ok(OverlaySubnet {
        subnet: network("SubnetIP")?,
        gateway: network("GwIP")?,
        vni,
    })
}
