//! `ConnectionIdentities`: the identities that a connection has proved.

use std::fmt::Write as _;
use std::net::IpAddr;

use super::digest;
use crate::wire::zookeeper::Identities;

/// The bytes that the names of one connection may take; what would be more fails. A name comes from the client and is kept
/// as long as its connection.
const MOST_BYTES: usize = 64 << 10;

/// Credentials that prove nothing: `AuthFailed`, and the connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("authentication failed")]
pub(crate) struct AuthFailed;

/// The identities of a connection: its address from the start, and those that it was given by `Auth`.
#[derive(Clone, Debug)]
pub(crate) struct ConnectionIdentities {
    address: IpAddr,
    /// `NAME:HASH`, each once, in the order of proof.
    digests: Vec<String>,
    digest_bytes: usize,
    is_super: bool,
}

impl ConnectionIdentities {
    /// Those of a client that proved nothing. Callers of other protocols have no others.
    pub(crate) fn new(address: IpAddr) -> Self {
        Self {
            address: address.to_canonical(),
            digests: Vec::new(),
            digest_bytes: 0,
            is_super: false,
        }
    }

    /// Adds the identity of an `Auth`. `super_digest` is the digest that the operator set for who may do everything,
    /// `super:HASH`.
    ///
    /// The scheme `digest` proves a name to nobody but the lists that have the same hash: any pair is accepted.
    ///
    /// # Errors
    ///
    /// For other schemes, for null credentials, and for more names than a connection may have.
    pub(crate) fn authenticate(
        &mut self,
        scheme: &str,
        credentials: Option<&[u8]>,
        super_digest: Option<&str>,
    ) -> Result<(), AuthFailed> {
        match (scheme, credentials) {
            ("ip", _) => Ok(()),
            ("digest", Some(credentials)) => {
                let digest = digest::digest(&String::from_utf8_lossy(credentials));
                self.is_super |= super_digest == Some(&digest);
                self.add(digest)
            }
            _ => Err(AuthFailed),
        }
    }

    fn add(&mut self, digest: String) -> Result<(), AuthFailed> {
        if self.digests.contains(&digest) {
            return Ok(());
        }
        let bytes = self.digest_bytes.saturating_add(digest.len());
        if bytes > MOST_BYTES {
            return Err(AuthFailed);
        }
        self.digest_bytes = bytes;
        self.digests.push(digest);
        Ok(())
    }

    /// The address it came from.
    pub(super) fn address(&self) -> IpAddr {
        self.address
    }

    /// The identities of the scheme `digest`.
    pub(super) fn digests(&self) -> &[String] {
        &self.digests
    }

    /// Whether it may do everything.
    pub(crate) fn is_super(&self) -> bool {
        self.is_super
    }

    /// The answer to `WhoAmI`: names, without what proves them.
    pub(crate) fn who_am_i(&self) -> Identities {
        let mut all = vec![("ip".to_owned(), java_address(self.address))];
        if self.is_super {
            all.push(("super".to_owned(), String::new()));
        }
        let digests = self.digests.iter().map(|digest| digest::name(digest));
        all.extend(digests.map(|name| ("digest".to_owned(), name.to_owned())));
        Identities(all)
    }
}

/// An address as Java prints it: that of IPv6 with all of its eight numbers.
fn java_address(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let mut text = String::new();
            for (at, number) in address.segments().into_iter().enumerate() {
                let colon = if at == 0 { "" } else { ":" };
                // Writing to a string does not fail.
                let _written = write!(text, "{colon}{number:x}");
            }
            text
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local() -> ConnectionIdentities {
        ConnectionIdentities::new("127.0.0.1".parse().unwrap())
    }

    fn names(of: &ConnectionIdentities) -> Vec<(String, String)> {
        of.who_am_i().0
    }

    #[test]
    fn a_connection_has_its_address_from_the_start() {
        let named = |address: &str| names(&ConnectionIdentities::new(address.parse().unwrap()));
        let ip = |text: &str| vec![("ip".to_owned(), text.to_owned())];
        assert_eq!(named("10.0.0.1"), ip("10.0.0.1"));
        assert_eq!(named("::1"), ip("0:0:0:0:0:0:0:1"));
        assert_eq!(named("::ffff:10.0.0.1"), ip("10.0.0.1"));
    }

    #[test]
    fn each_digest_adds_one_identity_whatever_it_says() {
        let mut own = local();
        for credentials in [
            &b"me:secret"[..],
            b"me:secret",
            b"",
            b"nocolon",
            b"a:b:c",
            b"\xff:x",
        ] {
            own.authenticate("digest", Some(credentials), None).unwrap();
        }
        own.authenticate("ip", None, None).unwrap();
        let wanted = ["me", "", "nocolon", "a", "\u{fffd}"];
        let found: Vec<_> = names(&own).into_iter().skip(1).collect();
        assert_eq!(
            found,
            wanted.map(|name| ("digest".to_owned(), name.to_owned()))
        );
        assert!(!own.is_super());
    }

    #[test]
    fn other_schemes_and_null_credentials_fail() {
        let mut own = local();
        for scheme in [
            "world", "auth", "super", "sasl", "x509", "nope", "", "Digest",
        ] {
            let failed = own.authenticate(scheme, Some(b"a:b"), None);
            assert_eq!(failed, Err(AuthFailed), "{scheme}");
        }
        assert_eq!(own.authenticate("digest", None, None), Err(AuthFailed));
        assert_eq!(names(&own).len(), 1);
    }

    #[test]
    fn the_operators_digest_makes_a_super_user() {
        let operators = digest::digest("super:secret");
        let mut own = local();
        own.authenticate("digest", Some(b"super:wrong"), Some(&operators))
            .unwrap();
        assert!(!own.is_super());
        own.authenticate("digest", Some(b"super:secret"), Some(&operators))
            .unwrap();
        assert!(own.is_super());
        let found: Vec<_> = names(&own).into_iter().map(|(scheme, _)| scheme).collect();
        assert_eq!(found, ["ip", "super", "digest", "digest"]);
        // No digest was set.
        let mut other = local();
        other
            .authenticate("digest", Some(b"super:secret"), None)
            .unwrap();
        assert!(!other.is_super());
    }

    #[test]
    fn names_of_a_connection_are_bounded() {
        let mut own = local();
        let added = (0..1000).take_while(|number| {
            let name = format!("{number:01000}");
            let added = own.authenticate("digest", Some(name.as_bytes()), None);
            added.is_ok()
        });
        let added = added.count();
        assert!((60..70).contains(&added), "{added}");
        let long = vec![b'x'; MOST_BYTES];
        assert_eq!(
            local().authenticate("digest", Some(&long), None),
            Err(AuthFailed)
        );
    }
}
