//! The range of source addresses that connections are bound to, one after another.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// Addresses of this machine, `ADDRESS` or `ADDRESS/LENGTH`. Servers that bound what one address may do see as many clients
/// as there are addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BindRange {
    first: IpAddr,
    /// How many there are.
    count: u128,
}

/// A text that is no range of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("want an address, or ADDRESS/LENGTH of a network")]
pub struct InvalidRange;

impl BindRange {
    /// The address of the connection of this number; the range is used again from its start when it is used up. The first
    /// address of a network, and in IPv4 the last, are left out where there are others: they are no hosts.
    pub fn address(&self, number: u64) -> IpAddr {
        let (skip, usable) = match (self.first, self.count) {
            (IpAddr::V4(_), count @ 4..) => (1, count - 2),
            (IpAddr::V6(_), count @ 2..) => (1, count - 1),
            (_, count) => (0, count),
        };
        let offset = skip + u128::from(number).checked_rem(usable).unwrap_or(0);
        match self.first {
            IpAddr::V4(first) => {
                let offset = u32::try_from(offset).unwrap_or(0);
                IpAddr::V4(Ipv4Addr::from_bits(first.to_bits().wrapping_add(offset)))
            }
            IpAddr::V6(first) => {
                IpAddr::V6(Ipv6Addr::from_bits(first.to_bits().wrapping_add(offset)))
            }
        }
    }
}

impl FromStr for BindRange {
    type Err = InvalidRange;

    fn from_str(text: &str) -> Result<Self, InvalidRange> {
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => {
                let length: u32 = length.parse().map_err(|_| InvalidRange)?;
                (address, Some(length))
            }
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| InvalidRange)?;
        let bits: u32 = if address.is_ipv4() { 32 } else { 128 };
        let host = bits
            .checked_sub(length.unwrap_or(bits))
            .ok_or(InvalidRange)?;
        let count = 1_u128.checked_shl(host).ok_or(InvalidRange)?;
        let first = match address {
            IpAddr::V4(address) => {
                let mask = u32::MAX.checked_shl(host).unwrap_or(0);
                IpAddr::V4(Ipv4Addr::from_bits(address.to_bits() & mask))
            }
            IpAddr::V6(address) => {
                let mask = u128::MAX.checked_shl(host).unwrap_or(0);
                IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & mask))
            }
        };
        Ok(Self { first, count })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(range: &str, numbers: &[u64]) -> Vec<String> {
        let range: BindRange = range.parse().unwrap();
        let all = numbers.iter().map(|number| range.address(*number));
        all.map(|address| address.to_string()).collect()
    }

    #[test]
    fn connections_take_the_hosts_of_a_network_in_turn() {
        assert_eq!(
            addresses("127.0.0.5", &[0, 1, 7]),
            ["127.0.0.5", "127.0.0.5", "127.0.0.5"]
        );
        assert_eq!(
            addresses("127.1.0.9/30", &[0, 1, 2]),
            ["127.1.0.9", "127.1.0.10", "127.1.0.9"]
        );
        assert_eq!(
            addresses("127.1.0.0/16", &[255, 65_533, 65_534]),
            ["127.1.1.0", "127.1.255.254", "127.1.0.1"]
        );
        assert_eq!(addresses("::1", &[3]), ["::1"]);
    }

    #[test]
    fn what_is_no_range_is_refused() {
        for wrong in ["", "host", "127.0.0.1/33", "127.0.0.1/x", "/8", "::/0"] {
            assert_eq!(wrong.parse::<BindRange>(), Err(InvalidRange), "{wrong}");
        }
    }
}
