//! Allowed hosts: the names by which clients may address this gateway, against DNS rebinding.
//!
//! A web page may let its own public name resolve to this gateway's address; the browser then takes the gateway for the page's
//! own server. Only the `Host` header shows it. So an address passes, and a name that nobody can register in public; any other
//! has to be configured.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

/// Domains in which nobody can register a name: RFC 6761, 6762 and 8375, ICANN's for private use, and Kubernetes' Services.
const PRIVATE_DOMAINS: [&str; 5] = ["localhost", "local", "internal", "svc", "home.arpa"];

/// The names of this gateway besides addresses and names that cannot be public.
#[derive(Clone, Debug, Default)]
pub struct AllowedHosts(Arc<[String]>);

impl AllowedHosts {
    /// These names, without ports; `*.DOMAIN` stands for DOMAIN and every name in it.
    pub fn new(names: impl IntoIterator<Item = String>) -> Self {
        Self(names.into_iter().collect())
    }

    /// Whether a client may address this gateway by this `Host` header.
    pub(super) fn allows(&self, host: &str) -> bool {
        let name = without_port(host);
        is_private(name) || self.lists(name)
    }

    /// Whether this name, without a port, is one of those configured.
    pub(super) fn lists(&self, name: &str) -> bool {
        let name = name.strip_suffix('.').unwrap_or(name);
        self.0.iter().any(|own| match own.strip_prefix("*.") {
            Some(domain) => is_in(name, domain),
            None => own.eq_ignore_ascii_case(name),
        })
    }
}

/// The name or address of a host: a port follows a colon, but for those in brackets.
pub(super) fn without_port(host: &str) -> &str {
    let end = match host.find(']') {
        Some(bracket) => bracket + 1,
        None => host.find(':').unwrap_or(host.len()),
    };
    host.get(..end).unwrap_or(host)
}

/// Whether a host is an address, or a name that nobody can register in public.
fn is_private(name: &str) -> bool {
    if let Some(address) = name.strip_prefix('[') {
        let address = address.strip_suffix(']').unwrap_or(address);
        let address = address.split('%').next().unwrap_or_default();
        return address.parse::<Ipv6Addr>().is_ok();
    }
    let name = name.strip_suffix('.').unwrap_or(name);
    // Names without a dot are resolved by the machine's own search list. No browser sends an empty host.
    !name.contains('.')
        || name.parse::<Ipv4Addr>().is_ok()
        || PRIVATE_DOMAINS.iter().any(|domain| is_in(name, domain))
}

/// Whether a name is in a domain, or the domain itself.
fn is_in(name: &str, domain: &str) -> bool {
    let Some(before) = name.len().checked_sub(domain.len()) else {
        return false;
    };
    let Some((sub, end)) = name.split_at_checked(before) else {
        return false;
    };
    end.eq_ignore_ascii_case(domain) && (sub.is_empty() || sub.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn addresses_and_names_that_cannot_be_public_pass() {
        let none = AllowedHosts::default();
        for host in [
            "10.0.0.1:2379",
            "127.0.0.1",
            "[::1]:8500",
            "[fe80::1%25eth0]:1",
            "localhost:8500",
            "kubekv",
            "kubekv:2379",
            "kubekv.default.svc",
            "kubekv.default.svc.cluster.local:2379",
            "host.docker.internal",
            "node1.local.",
            "LOCALHOST",
            "",
        ] {
            assert!(none.allows(host), "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:2379",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "evilsvc.example.com",
            "notlocal.xlocal",
            "10.0.0.1.nip.io",
            "[evil.example]",
            "evil.example.",
        ] {
            assert!(!none.allows(host), "{host}");
        }
    }

    #[test]
    fn configured_names_pass_with_any_port() {
        let hosts = AllowedHosts::new(["kv.example.com".to_owned(), "*.lab.example".to_owned()]);
        for host in [
            "kv.example.com",
            "KV.example.com:8500",
            "kv.example.com.",
            "a.b.lab.example",
            "lab.example",
        ] {
            assert!(hosts.allows(host), "{host}");
        }
        for host in ["x.kv.example.com", "example.com", "evillab.example"] {
            assert!(!hosts.allows(host), "{host}");
        }
    }

    proptest! {
        #[test]
        fn no_host_causes_a_panic(host in "[a-z0-9.:\\[\\]%\u{e9}]{0,20}") {
            let hosts = AllowedHosts::new(["*.a.b".to_owned()]);
            let _allowed = hosts.allows(&host);
        }
    }
}
