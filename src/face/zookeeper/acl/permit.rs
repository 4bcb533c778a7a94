//! The check of an access list: whether a connection may do something.

use super::identities::ConnectionIdentities;
use crate::model::{AccessEntry, AccessList, Permissions};

/// Whether a list gives a connection one of these permissions. A super user has all of them, and a list without entries
/// gives them to everybody. Entries of schemes that no connection proves give them to nobody.
pub(crate) fn permits(
    list: &AccessList,
    identities: &ConnectionIdentities,
    wanted: Permissions,
) -> bool {
    identities.is_super() || list.permits(wanted, |entry| is_meant(entry, identities))
}

/// Whether an entry of a list means one of the identities.
fn is_meant(entry: &AccessEntry, identities: &ConnectionIdentities) -> bool {
    if entry.scheme == "digest" {
        return identities.digests().contains(&entry.id);
    }
    entry.means_address(identities.address())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::face::zookeeper::acl::digest::digest;

    fn item(perms: i32, scheme: &str, id: &str) -> AccessEntry {
        AccessEntry {
            perms,
            scheme: scheme.to_owned(),
            id: id.to_owned(),
        }
    }

    const ALL: [Permissions; 5] = [
        Permissions::READ,
        Permissions::WRITE,
        Permissions::CREATE,
        Permissions::DELETE,
        Permissions::ADMIN,
    ];

    fn caller(credentials: &[&str], super_digest: Option<&str>) -> ConnectionIdentities {
        let mut own = ConnectionIdentities::new("10.1.2.3".parse().unwrap());
        for one in credentials {
            own.authenticate("digest", Some(one.as_bytes()), super_digest)
                .unwrap();
        }
        own
    }

    /// The bits of the permissions that a caller has.
    fn granted(list: &[AccessEntry], own: &ConnectionIdentities) -> Vec<Permissions> {
        let list = AccessList::from(list.to_vec());
        let has = |wanted: &Permissions| permits(&list, own, *wanted);
        ALL.into_iter().filter(has).collect()
    }

    #[test]
    fn each_bit_is_one_permission() {
        let own = caller(&[], None);
        for (bit, permission) in [1, 2, 4, 8, 16].into_iter().zip(ALL) {
            let list = [item(bit, "world", "anyone")];
            assert_eq!(granted(&list, &own), [permission]);
        }
        assert_eq!(granted(&[item(31, "world", "anyone")], &own), ALL);
        // Bits that mean nothing give nothing.
        assert_eq!(granted(&[item(0, "world", "anyone")], &own), []);
        assert_eq!(granted(&[item(32, "world", "anyone")], &own), []);
        let either = |bits| {
            let list = AccessList::from(vec![item(bits, "world", "anyone")]);
            permits(&list, &own, Permissions::READ_OR_ADMIN)
        };
        assert_eq!([1, 16, 2].map(either), [true, true, false]);
    }

    #[test]
    fn an_entry_gives_to_whom_it_means() {
        let me = digest("me:secret");
        let list = [
            item(1, "ip", "10.0.0.0/8"),
            item(2, "digest", &me),
            item(4, "ip", "11.0.0.0/8"),
            item(8, "digest", "me:secret"),
            item(31, "sasl", "me"),
            item(31, "world", "me"),
        ];
        assert_eq!(granted(&list, &caller(&[], None)), [Permissions::READ]);
        let both = [Permissions::READ, Permissions::WRITE];
        assert_eq!(
            granted(&list, &caller(&["other:x", "me:secret"], None)),
            both
        );
        assert_eq!(
            granted(&list, &caller(&["me:wrong"], None)),
            [Permissions::READ]
        );
    }

    #[test]
    fn entries_are_added_up_wherever_they_stand() {
        let list = [
            item(1, "world", "anyone"),
            item(30, "digest", &digest("me:secret")),
        ];
        let [first, second] = list.clone();
        for list in [list, [second, first]] {
            assert_eq!(granted(&list, &caller(&[], None)), [Permissions::READ]);
            assert_eq!(granted(&list, &caller(&["me:secret"], None)), ALL);
        }
    }

    #[test]
    fn a_super_user_passes_and_a_list_of_nothing_gives_all() {
        let operators = digest("super:secret");
        let own = caller(&["super:secret"], Some(&operators));
        assert_eq!(granted(&[item(0, "world", "anyone")], &own), ALL);
        assert_eq!(granted(&[], &caller(&[], None)), ALL);
    }
}
