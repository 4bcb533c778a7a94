//! The access list that a client is shown.

use super::digest;
use super::item::AclItem;
use crate::wire::zookeeper::AclEntry;

/// The list as it is sent to a client that may administer the node, or may not: then hashes are replaced by `x`.
pub(crate) fn shown<'a>(
    list: impl IntoIterator<Item = AclItem<'a>>,
    may_administer: bool,
) -> Vec<AclEntry> {
    let one = |item: AclItem<'a>| {
        let mut entry = item.to_entry();
        if !may_administer && item.scheme == "digest" && item.id.contains(':') {
            entry.id = format!("{}:x", digest::name(item.id));
        }
        entry
    };
    list.into_iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_shown_to_administrators_only() {
        let item = |scheme, id| AclItem {
            permissions: 1,
            scheme,
            id,
        };
        let list = [
            item("digest", "me:016djjlksVQS5RgX3M7biBGyYwY="),
            item("digest", "a:b:"),
            item("ip", "::1"),
            item("world", "anyone"),
        ];
        let ids = |may_administer| {
            let entries = shown(list, may_administer);
            entries
                .into_iter()
                .map(|entry| entry.id)
                .collect::<Vec<_>>()
        };
        assert_eq!(ids(true), list.map(|item| item.id));
        assert_eq!(ids(false), ["me:x", "a:x", "::1", "anyone"]);
    }
}
