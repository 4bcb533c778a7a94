//! Overlay driver's record of a network: its subnets, and their VXLAN ids.

use serde::{Deserialize, Deserializer, Serialize};

use super::Cidr;

/// The subnets of an overlay network.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct OverlayRecord {
    /// The size of packets, 0 for the driver's default.
    pub mtu: i64,
    /// Whether the driver encrypts.
    pub secure: bool,
    /// The subnets.
    pub subnets: Vec<OverlaySubnet>,
}

/// A subnet of an overlay network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OverlaySubnet {
    /// The subnet.
    #[serde(rename = "SubnetIP")]
    pub subnet: Cidr,
    /// The address of its gateway.
    #[serde(rename = "GwIP")]
    pub gateway: Cidr,
    /// Its VXLAN id. It is 0 until the first endpoint joins.
    #[serde(rename = "Vni")]
    pub vni: u32,
}

impl OverlayRecord {
    /// The subnet of an endpoint's address.
    pub fn subnet_of(&mut self, address: Cidr) -> Option<&mut OverlaySubnet> {
        self.subnets.iter_mut().find(|subnet| {
            subnet.subnet.length() == address.length() && subnet.subnet.contains(address.address())
        })
    }
}

impl<'de> Deserialize<'de> for OverlayRecord {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Fields {
                #[serde(default)]
                mtu: i64,
                #[serde(default)]
                secure: bool,
                #[serde(default)]
                subnets: Option<Vec<OverlaySubnet>>,
            },
            // Before Docker 1.12.
            Subnets(Vec<OverlaySubnet>),
        }
        Ok(match Form::deserialize(deserializer)? {
            Form::Fields {
                mtu,
                secure,
                subnets,
            } => Self {
                mtu,
                secure,
                subnets: subnets.unwrap_or_default(),
            },
            Form::Subnets(subnets) => Self {
                subnets,
                ..Self::default()
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::docker::{decode, encode};

    #[test]
    fn a_recorded_value_is_encoded_as_it_was() {
        let value = br#"{"mtu":0,"secure":false,"subnets":[{"SubnetIP":"10.55.0.0/24","GwIP":"10.55.0.1/24","Vni":256}]}"#;
        let mut record: OverlayRecord = decode(value).unwrap();
        assert_eq!(encode(&record).unwrap(), value);
        let address = "10.55.0.2/24".parse().unwrap();
        assert_eq!(record.subnet_of(address).unwrap().vni, 256);
        assert!(record.subnet_of("10.56.0.2/24".parse().unwrap()).is_none());
    }

    #[test]
    fn the_form_of_old_daemons_is_read() {
        let value = br#"[{"SubnetIP":"10.0.0.0/24","GwIP":"10.0.0.1/24","Vni":300}]"#;
        let record: OverlayRecord = decode(value).unwrap();
        assert_eq!(record.subnets[0].vni, 300);
        assert_eq!(
            encode(&record).unwrap(),
            br#"{"mtu":0,"secure":false,"subnets":[{"SubnetIP":"10.0.0.0/24","GwIP":"10.0.0.1/24","Vni":300}]}"#
        );
    }
}
