//! Fuzz target of the checks of Docker's records: any value in any place is taken or refused, and changes of it judged.

use crate::docker::{RecordChange, RecordKind, RecordLookup, RecordPlace};

/// The places of a record of each kind.
const PLACES: [&str; 9] = [
    "docker/network/v1.0/network/n",
    "docker/network/v1.0/endpoint/n/e/",
    "docker/network/v1.0/endpoint_count/n",
    "t/docker/network/v1.0/overlay/network/n/",
    "docker/network/v1.0/ipam/default/config/GlobalDefault",
    "docker/network/v1.0/ipam/default/data/GlobalDefault/10.55.0.0/24",
    "docker/network/v1.0/idm/vxlan-id/",
    "docker/nodes/10.0.0.1:2376",
    "docker/network/v1.0/network",
];

/// A store that has the same value everywhere.
struct Everywhere<'a>(&'a [u8]);

impl RecordLookup for Everywhere<'_> {
    fn value(&self, _keys: [Vec<u8>; 2]) -> Option<Vec<u8>> {
        Some(self.0.to_vec())
    }

    fn find(&self, directory: &[u8], is_enough: &mut dyn FnMut(&[u8], &[u8]) -> bool) {
        let key = [directory, b"other"].concat();
        let _found = is_enough(&key, self.0);
    }
}

/// Takes a value for each kind of record, and the key for any.
pub(crate) fn docker_record(bytes: &[u8]) {
    if let Some(place) = RecordPlace::of(bytes) {
        assert!(bytes.starts_with(place.tenant));
    }
    for key in PLACES {
        let Some(place) = RecordPlace::of(key.as_bytes()) else {
            continue;
        };
        assert_ne!(place.kind, RecordKind::Unknown);
        let judged = |before, after| {
            let change = RecordChange {
                place: &place,
                before,
                after,
                compares: true,
                host: None,
                may_delete: true,
            };
            change.judge(&Everywhere(bytes))
        };
        // A record that harms nobody may be written again as it is; a network wants a count beside it.
        let again = judged(Some(bytes), Some(bytes));
        let is_network = matches!(place.kind, RecordKind::Network(_));
        assert!(is_network || place.check(bytes).is_err() || again.is_ok());
        let _first = judged(None, Some(bytes));
        let _deleted = judged(Some(bytes), None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzz;

    #[test]
    fn any_value_is_taken_or_refused_in_any_place() {
        let seeds = fuzz::seeds("docker_record");
        fuzz::run(&seeds, 5_000, docker_record);
    }
}
