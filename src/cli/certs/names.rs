//! Names in certificates, as the command line gives them.

use std::net::IpAddr;

use rcgen::SanType;
use rustls::pki_types::DnsName;

/// The longest common name (RFC 5280, `ub-common-name`), in characters.
const LONGEST: usize = 64;

/// A name that stands for one thing only: the policy fills it in, and a file is called after it.
pub(super) fn common_name(text: &str) -> Result<String, String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || " ._-@:".contains(c);
    let ends = |c: char| c.is_ascii_alphanumeric();
    let good = text.len() <= LONGEST
        && text.chars().all(fits)
        && text.starts_with(ends)
        && text.ends_with(ends)
        && !text.contains("..");
    if good {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "not a name of up to {LONGEST} letters, digits and . _ - @ : that begins and ends with a letter or a digit"
        ))
    }
}

/// An address of one machine.
pub(super) fn address(text: &str) -> Result<IpAddr, String> {
    let address: IpAddr = text.parse().map_err(|_| "not an IP address".to_owned())?;
    if address.is_unspecified() || address.is_multicast() {
        return Err("not the address of a machine".to_owned());
    }
    Ok(address)
}

/// A name by which clients reach a gateway: an IP address, a name in DNS, or all names of a domain.
pub(super) fn server_name(text: &str) -> Result<SanType, String> {
    if text.parse::<IpAddr>().is_ok() {
        return address(text).map(SanType::IpAddress);
    }
    let plain = text.strip_prefix("*.").unwrap_or(text);
    valid_dns(plain)?;
    dns(text)
}

/// The name of one machine in DNS.
pub(super) fn host_name(text: &str) -> Result<SanType, String> {
    valid_dns(text)?;
    dns(text)
}

/// The identity of a workload in SPIFFE.
pub(super) fn spiffe(text: &str) -> Result<SanType, String> {
    let wrong = || "not an identity such as spiffe://example.org/docker/node".to_owned();
    let rest = text.strip_prefix("spiffe://").ok_or_else(wrong)?;
    let (domain, path) = rest.split_once('/').ok_or_else(wrong)?;
    let in_domain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
    let in_path = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let segment = |part: &str| !matches!(part, "" | "." | "..") && part.chars().all(in_path);
    if domain.is_empty() || !domain.chars().all(in_domain) || !path.split('/').all(segment) {
        return Err(wrong());
    }
    Ok(SanType::URI(text.try_into().map_err(|_| wrong())?))
}

/// A name as people write it.
pub(super) fn shown(name: &SanType) -> String {
    if let SanType::DnsName(name) | SanType::URI(name) = name {
        name.as_str().to_owned()
    } else if let SanType::IpAddress(address) = name {
        address.to_string()
    } else {
        // Not made here.
        String::new()
    }
}

fn valid_dns(text: &str) -> Result<(), String> {
    DnsName::try_from(text)
        .map(drop)
        .map_err(|_| "neither an IP address nor a name in DNS (without port or path)".to_owned())
}

fn dns(text: &str) -> Result<SanType, String> {
    let name = text
        .try_into()
        .map_err(|_| "not a name in DNS".to_owned())?;
    Ok(SanType::DnsName(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_clients_connect_to() {
        for good in [
            "10.0.0.1",
            "fd00::1",
            "kv",
            "kv.example.org",
            "*.example.org",
        ] {
            assert_eq!(shown(&server_name(good).unwrap()), good);
        }
        for bad in [
            "",
            "kv:8500",
            "https://kv",
            "kv/x",
            "a b",
            "*",
            "*.",
            "a.*.b",
            "0.0.0.0",
            "::",
            "10.0.0.300",
            "10.0.0.1:8500",
        ] {
            assert!(server_name(bad).is_err(), "{bad}");
        }
        assert!(host_name("*.example.org").is_err());
    }

    /// Policies fill these in: one that is a path, a pattern or nothing would stand for other keys.
    #[test]
    fn a_common_name_is_no_path_and_no_pattern() {
        for good in ["ops", "a.b-c_d", "ops@example.org", "fd00::1"] {
            assert_eq!(common_name(good).unwrap(), good);
        }
        let long = "a".repeat(LONGEST + 1);
        for bad in [
            "", ".", "..", "a..b", "a/b", "*", "a\n", " a", "-a", "a,b", &long,
        ] {
            assert!(common_name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_spiffe_identity_has_a_trust_domain_and_a_path() {
        let good = "spiffe://example.org/ns/docker/sa/node";
        assert_eq!(shown(&spiffe(good).unwrap()), good);
        for bad in [
            "spiffe://example.org",
            "spiffe:///a",
            "https://example.org/a",
            "spiffe://a/..",
            "spiffe://a//b",
            "spiffe://a/b/",
            "spiffe://A/b",
            "spiffe://a/b?c",
        ] {
            assert!(spiffe(bad).is_err(), "{bad}");
        }
    }
}
