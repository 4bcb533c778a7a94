//! `IpRange`: the addresses that an access list's identity of the scheme `ip` means.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Addresses whose first bits are those of one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IpRange {
    address: IpAddr,
    /// 0 to 32 or 128.
    bits: u32,
}

impl IpRange {
    /// Parses `ADDRESS` or `ADDRESS/BITS`. Numbers may have a sign and zeros before them, as Java reads them.
    pub(crate) fn parse(id: &str) -> Option<Self> {
        let (address, bits) = match id.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (id, None),
        };
        let (address, all) = if address.contains(':') {
            // No dots: Java knows no IPv4 address within an IPv6 one.
            let is_plain = !address.contains('.');
            let parsed = address.parse::<Ipv6Addr>().ok().filter(|_| is_plain)?;
            (IpAddr::V6(parsed), Ipv6Addr::BITS)
        } else {
            (IpAddr::V4(ipv4(address)?), Ipv4Addr::BITS)
        };
        let bits = match bits {
            Some(bits) => u32::try_from(bits.parse::<i32>().ok()?).ok()?,
            None => all,
        };
        (bits <= all).then_some(Self { address, bits })
    }

    /// Whether an address is one of them; an address of IPv4 within one of IPv6 is that of IPv4.
    pub(crate) fn contains(self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let differing = own.to_bits() ^ other.to_bits();
                differing.leading_zeros() >= self.bits
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let differing = own.to_bits() ^ other.to_bits();
                differing.leading_zeros() >= self.bits
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

fn ipv4(text: &str) -> Option<Ipv4Addr> {
    let mut bytes = [0; 4];
    let mut parts = text.split('.');
    for byte in &mut bytes {
        *byte = u8::try_from(parts.next()?.parse::<i32>().ok()?).ok()?;
    }
    parts.next().is_none().then(|| bytes.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As 3.8.0 answers a list with each; those of IPv6 as 3.9.4.
    #[test]
    fn identities_are_valid_as_in_zookeeper() {
        for valid in [
            "1.2.3.4",
            "1.2.3.4/8",
            "1.2.3.4/0",
            "1.2.3.4/32",
            "01.2.3.4",
            "+1.2.3.4",
            "-0.1.1.1",
            "1.2.3.4/+8",
            "1.2.3.4/08",
            "::1",
            "::",
            "2001:DB8::1/64",
            "::/0",
            "1:2:3:4:5:6:7:8/128",
        ] {
            assert!(IpRange::parse(valid).is_some(), "{valid}");
        }
        for invalid in [
            "",
            "/8",
            "1.2.3",
            "1.2.3.4.5",
            "1.2.3.4/",
            "1.2.3.4/33",
            "1.2.3.4/-1",
            "1.2.3.4/8/9",
            "256.1.1.1",
            "a.b.c.d",
            "localhost",
            "::1/129",
            "::ffff:1.2.3.4",
            "1::2::3",
            "1:2:3:4:5:6:7",
            "12345::",
            ":::",
        ] {
            assert_eq!(IpRange::parse(invalid), None, "{invalid}");
        }
    }

    #[test]
    fn a_range_has_the_addresses_with_its_first_bits() {
        let contains = |range: &str, address: &str| {
            let range = IpRange::parse(range).unwrap();
            range.contains(address.parse().unwrap())
        };
        assert!(contains("10.0.0.1", "10.0.0.1"));
        assert!(!contains("10.0.0.1", "10.0.0.2"));
        assert!(contains("10.9.9.9/8", "10.0.0.1"));
        assert!(!contains("10.9.9.9/16", "10.0.0.1"));
        assert!(contains("10.0.0.0/31", "10.0.0.1"));
        assert!(contains("10.0.0.0/0", "192.168.0.1"));
        assert!(contains("2001:db8::/32", "2001:db8:1::1"));
        assert!(!contains("2001:db8::/33", "2001:db8:8000::1"));
        // Families are apart, but for an IPv4 client of a socket of IPv6.
        assert!(!contains("::/0", "10.0.0.1"));
        assert!(!contains("0.0.0.0/0", "::1"));
        assert!(contains("10.0.0.0/8", "::ffff:10.0.0.1"));
        assert!(!contains("::/0", "::ffff:10.0.0.1"));
    }
}
