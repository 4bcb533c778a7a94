//! The access list that a client is shown.

use super::digest;
use crate::model::{AccessEntry, AccessList};
use crate::wire::zookeeper::AclEntry;

/// The list as it is sent to a client that may administer the node, or may not: then hashes are replaced by `x`.
pub(crate) fn shown(list: &AccessList, may_administer: bool) -> Vec<AclEntry> {
    let one = |entry: &AccessEntry| {
        let is_masked = !may_administer && entry.scheme == "digest" && entry.id.contains(':');
        AclEntry {
            permissions: entry.perms,
            scheme: entry.scheme.clone(),
            id: if is_masked {
                format!("{}:x", digest::name(&entry.id))
            } else {
                entry.id.clone()
            },
        }
    };
    list.entries().iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_shown_to_administrators_only() {
        let item = |scheme: &str, id: &str| AccessEntry {
            perms: 1,
            scheme: scheme.to_owned(),
            id: id.to_owned(),
        };
        let list = AccessList::from(vec![
            item("digest", "me:016djjlksVQS5RgX3M7biBGyYwY="),
            item("digest", "a:b:"),
            item("ip", "::1"),
            item("world", "anyone"),
        ]);
        let ids = |may_administer| {
            let entries = shown(&list, may_administer);
            entries
                .into_iter()
                .map(|entry| entry.id)
                .collect::<Vec<_>>()
        };
        let all: Vec<_> = list
            .entries()
            .iter()
            .map(|entry| entry.id.clone())
            .collect();
        assert_eq!(ids(true), all);
        assert_eq!(ids(false), ["me:x", "a:x", "::1", "anyone"]);
    }
}
