//! `Exposure`: what of others one stolen credential of a host reads, replaces and deletes.

use std::collections::BTreeSet;

use crate::records::{
    MINE, OWN, OWN_POOL, bits_key, count_key, endpoint_key, network_key, overlay_key,
};
use crate::site::{Attacker, Site};

/// What others would never write.
const ANYTHING: &str = "x";

/// Numbers of keys that are not the attacker's own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Exposure {
    pub(crate) keys: usize,
    pub(crate) read: usize,
    /// By any value at all.
    pub(crate) replaced: usize,
    pub(crate) deleted: usize,
}

impl Exposure {
    /// Tries all of it, key by key.
    pub(crate) fn measure(site: &mut Site<'_>) -> Self {
        let own = own_keys();
        let others: Vec<String> = site
            .dump()
            .into_keys()
            .filter(|key| !own.contains(key))
            .collect();
        let mut found = Self {
            keys: others.len(),
            ..Self::default()
        };
        for key in &others {
            let scene = site.scene(Attacker::Host);
            found.read += usize::from(scene.attacker.read(key).is_some());
            let _swapped = scene.attacker.swap(key, ANYTHING) || scene.attacker.put(key, ANYTHING);
            found.replaced += usize::from(scene.operator.value(key).as_deref() == Some(ANYTHING));
            site.restore();
            let scene = site.scene(Attacker::Host);
            let _deleted = scene.attacker.delete(key);
            found.deleted += usize::from(scene.is_gone(key));
            site.restore();
        }
        found
    }
}

fn own_keys() -> BTreeSet<String> {
    [
        network_key(OWN),
        count_key(OWN),
        overlay_key(OWN),
        bits_key(OWN_POOL),
        endpoint_key(OWN, MINE),
    ]
    .into()
}
