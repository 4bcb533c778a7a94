//! Networks and addresses in CIDR notation.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An address with the length of its network's prefix. It keeps the address's host bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Cidr {
    address: IpAddr,
    length: u8,
}

/// A text that is not CIDR notation.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not an address in CIDR notation: {0}")]
pub struct BadCidr(String);

impl Cidr {
    /// An address in a network of a prefix length, if the length is possible.
    pub fn new(address: IpAddr, length: u8) -> Option<Self> {
        (u32::from(length) <= width(address)).then_some(Self { address, length })
    }

    /// The address.
    pub fn address(self) -> IpAddr {
        self.address
    }

    /// The length of the prefix.
    pub fn length(self) -> u8 {
        self.length
    }

    /// The network, which is the address without its host bits.
    #[must_use]
    pub fn network(self) -> Self {
        Self {
            address: join(self.address, self.prefix_bits()),
            length: self.length,
        }
    }

    /// Whether the network contains an address.
    pub fn contains(self, address: IpAddr) -> bool {
        let shift = self.host_width();
        self.address.is_ipv4() == address.is_ipv4()
            && shifted(bits(self.address), shift) == shifted(bits(address), shift)
    }

    /// Whether the network contains the other's address, or the other way round, which is libnetwork's overlap.
    pub fn overlaps(self, other: Self) -> bool {
        self.contains(other.address) || other.contains(self.address)
    }

    /// The number of addresses in the network, `u64::MAX` at the most.
    pub fn addresses(self) -> u64 {
        1_u64.checked_shl(self.host_width()).unwrap_or(u64::MAX)
    }

    /// The number of an address in the network, if the network contains it and the number fits.
    pub fn ordinal(self, address: IpAddr) -> Option<u64> {
        if !self.contains(address) {
            return None;
        }
        u64::try_from(bits(address) ^ bits(self.network_of(address))).ok()
    }

    /// The address with a number in the network.
    pub fn nth(self, ordinal: u64) -> Option<Self> {
        let bits = self.prefix_bits().checked_add(u128::from(ordinal))?;
        let address = join(self.address, bits);
        self.contains(address).then_some(Self { address, ..self })
    }

    fn network_of(self, address: IpAddr) -> IpAddr {
        Self { address, ..self }.network().address
    }

    fn host_width(self) -> u32 {
        width(self.address) - u32::from(self.length)
    }

    fn prefix_bits(self) -> u128 {
        let shift = self.host_width();
        shifted(bits(self.address), shift)
            .checked_shl(shift)
            .unwrap_or(0)
    }
}

fn width(address: IpAddr) -> u32 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(address.to_bits()),
        IpAddr::V6(address) => address.to_bits(),
    }
}

fn shifted(bits: u128, by: u32) -> u128 {
    bits.checked_shr(by).unwrap_or(0)
}

/// The address of the same family with these bits.
fn join(family: IpAddr, bits: u128) -> IpAddr {
    match family {
        IpAddr::V4(_) => Ipv4Addr::from(u32::try_from(bits).unwrap_or(u32::MAX)).into(),
        IpAddr::V6(_) => Ipv6Addr::from(bits).into(),
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.address, self.length)
    }
}

impl FromStr for Cidr {
    type Err = BadCidr;

    fn from_str(text: &str) -> Result<Self, BadCidr> {
        let parse = || {
            let (address, length) = text.split_once('/')?;
            Self::new(address.parse().ok()?, length.parse().ok()?)
        };
        parse().ok_or_else(|| BadCidr(text.to_owned()))
    }
}

impl Serialize for Cidr {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Cidr {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cidr(text: &str) -> Cidr {
        text.parse().unwrap()
    }

    #[test]
    fn addresses_are_numbered_from_the_network() {
        let pool = cidr("10.55.0.0/24");
        assert_eq!(pool.addresses(), 256);
        assert_eq!(pool.nth(2), Some(cidr("10.55.0.2/24")));
        assert_eq!(pool.nth(256), None);
        assert_eq!(pool.ordinal("10.55.0.9".parse().unwrap()), Some(9));
        assert_eq!(pool.ordinal("10.55.1.9".parse().unwrap()), None);
        assert_eq!(cidr("10.55.0.7/24").network(), pool);
        assert_eq!(cidr("fd00::/64").addresses(), u64::MAX);
        assert_eq!(cidr("fd00::/64").nth(1), Some(cidr("fd00::1/64")));
        assert_eq!(cidr("0.0.0.0/0").nth(5), Some(cidr("0.0.0.5/0")));
    }

    #[test]
    fn a_network_overlaps_those_it_contains_and_those_that_contain_it() {
        assert!(cidr("10.0.0.0/8").overlaps(cidr("10.55.0.0/24")));
        assert!(cidr("10.55.0.0/24").overlaps(cidr("10.0.0.0/8")));
        assert!(!cidr("10.55.0.0/24").overlaps(cidr("10.55.1.0/24")));
        assert!(!cidr("0.0.0.0/0").overlaps(cidr("::/0")));
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["10.0.0.0", "10.0.0.0/33", "a/8", "10.0.0.0/-1", ""] {
            assert_eq!(text.parse::<Cidr>(), Err(BadCidr(text.to_owned())));
        }
    }
}
