//! The check of an access list that a client sets, and the list that is kept of it.

use std::collections::HashSet;

use super::digest;
use super::identities::ConnectionIdentities;
use crate::model::{AccessEntry, AccessList, IpRange};
use crate::wire::zookeeper::{AclEntry, LONGEST_REQUEST};

/// The only entry of the list that permits everybody everything.
const OPEN: (i32, &str, &str) = (31, "world", "anyone");

/// An access list that no node can have: `InvalidAcl`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an invalid access list")]
pub(crate) struct InvalidAcl;

/// The list that a node is given when a client sends this one. Entries that were sent twice are kept once; the scheme `auth`
/// becomes an entry for each digest of the connection, in place of that one, whatever its id.
///
/// # Errors
///
/// For a list without entries, an entry whose scheme is unknown or whose id the scheme does not have, `auth` of a connection
/// without digests, and a list that is longer than all stores take beside a value.
pub(crate) fn expand(
    list: &[AclEntry],
    identities: &ConnectionIdentities,
) -> Result<AccessList, InvalidAcl> {
    // The list that nearly all nodes are given.
    if let [only] = list
        && (only.permissions, only.scheme.as_str(), only.id.as_str()) == OPEN
    {
        return Ok(AccessList::open());
    }
    let (mut seen, mut kept) = (HashSet::new(), Vec::new());
    let mut bytes: usize = 0;
    for sent in list {
        if !seen.insert((sent.permissions, &sent.scheme, &sent.id)) {
            continue;
        }
        let kept_as = |scheme: &str, id: &str| AccessEntry {
            perms: sent.permissions,
            scheme: scheme.to_owned(),
            id: id.to_owned(),
        };
        if sent.scheme == "auth" {
            if identities.digests().is_empty() {
                return Err(InvalidAcl);
            }
            for digest in identities.digests() {
                bytes = bytes.saturating_add(digest.len());
                if bytes > LONGEST_REQUEST {
                    return Err(InvalidAcl);
                }
                kept.push(kept_as("digest", digest));
            }
            continue;
        }
        let entry = kept_as(&sent.scheme, &sent.id);
        if !is_valid(&entry) {
            return Err(InvalidAcl);
        }
        kept.push(entry);
    }
    let list = AccessList::from(kept);
    let fits = list.is_open() || list.stored_bytes() <= AccessList::MAX_BYTES;
    if list.entries().is_empty() || !fits {
        return Err(InvalidAcl);
    }
    Ok(list)
}

fn is_valid(entry: &AccessEntry) -> bool {
    match entry.scheme.as_str() {
        "world" => entry.is_world(),
        "digest" => digest::is_valid(&entry.id),
        "ip" => IpRange::parse(&entry.id).is_some(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(permissions: i32, scheme: &str, id: &str) -> AclEntry {
        AclEntry {
            permissions,
            scheme: scheme.to_owned(),
            id: id.to_owned(),
        }
    }

    /// The list as it is kept, where these entries are.
    fn kept(entries: &[AclEntry]) -> AccessList {
        let entry = |entry: &AclEntry| AccessEntry {
            perms: entry.permissions,
            scheme: entry.scheme.clone(),
            id: entry.id.clone(),
        };
        AccessList::from(entries.iter().map(entry).collect::<Vec<_>>())
    }

    fn caller(credentials: &[&str]) -> ConnectionIdentities {
        let mut own = ConnectionIdentities::new("10.1.2.3".parse().unwrap());
        for one in credentials {
            own.authenticate("digest", Some(one.as_bytes()), None)
                .unwrap();
        }
        own
    }

    #[test]
    fn lists_are_refused_that_zookeeper_refuses() {
        let own = caller(&[]);
        assert_eq!(expand(&[], &own), Err(InvalidAcl));
        for (scheme, id) in [
            ("world", "x"),
            ("world", ""),
            ("auth", ""),
            ("digest", "a"),
            ("digest", "a:b:c"),
            ("ip", "1.2.3"),
            ("ip", "1.2.3.4/33"),
            ("super", ""),
            ("sasl", "u"),
            ("x509", "CN=a"),
            ("host", "x"),
            ("", ""),
            ("World", "anyone"),
        ] {
            let open = entry(31, "world", "anyone");
            for list in [
                vec![entry(31, scheme, id)],
                vec![open, entry(31, scheme, id)],
            ] {
                assert_eq!(expand(&list, &own), Err(InvalidAcl), "{list:?}");
            }
        }
        for (scheme, id) in [
            ("world", "anyone"),
            ("digest", "a:b"),
            ("ip", "1.2.3.4/8"),
            ("ip", "::1"),
        ] {
            // All 32 bits are kept.
            for bits in [0, 1, 31, 32, -1] {
                let list = vec![entry(bits, scheme, id)];
                assert_eq!(expand(&list, &own), Ok(kept(&list)));
            }
        }
    }

    #[test]
    fn duplicates_are_dropped_and_the_rest_stays_in_place() {
        let world = || entry(31, "world", "anyone");
        let digest = || entry(1, "digest", "a:b");
        let sent = [
            world(),
            digest(),
            world(),
            entry(1, "world", "anyone"),
            digest(),
        ];
        let wanted = kept(&[world(), digest(), entry(1, "world", "anyone")]);
        assert_eq!(expand(&sent, &caller(&[])), Ok(wanted));
    }

    #[test]
    fn auth_becomes_the_digests_of_the_connection() {
        let own = caller(&["me:secret", "b:c"]);
        let [me, b] = own.digests() else { panic!() };
        let sent = [
            entry(1, "auth", "x"),
            entry(31, "world", "anyone"),
            entry(2, "auth", ""),
        ];
        let wanted = kept(&[
            entry(1, "digest", me),
            entry(1, "digest", b),
            entry(31, "world", "anyone"),
            entry(2, "digest", me),
            entry(2, "digest", b),
        ]);
        assert_eq!(expand(&sent, &own), Ok(wanted));
        // Only what was sent twice is dropped, not what becomes the same.
        let one = caller(&["me:secret"]);
        let twice = expand(&[entry(1, "auth", "x"), entry(1, "auth", "y")], &one);
        assert_eq!(twice.unwrap().entries().len(), 2);
    }

    #[test]
    fn a_long_list_is_neither_compared_pair_by_pair_nor_multiplied() {
        let all: Vec<AclEntry> = (0..80_000).map(|bits| entry(bits, "auth", "")).collect();
        assert_eq!(expand(&all, &caller(&["me:secret"])), Err(InvalidAcl));
        let all: Vec<AclEntry> = (0..80_000)
            .map(|bits| entry(bits, "world", "anyone"))
            .collect();
        assert_eq!(expand(&all, &caller(&[])), Err(InvalidAcl));
    }
}
