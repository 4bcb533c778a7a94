//! VXLAN ids, which the overlay driver allots from one bit sequence.

use super::BitSequence;

/// A set of VXLAN ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VxlanIds {
    /// The name of the set, which is the id of its bit sequence.
    pub name: &'static str,
    first: u32,
    last: u32,
}

/// The ids of the overlay driver.
pub const VXLAN_IDS: VxlanIds = VxlanIds {
    name: "vxlan-id",
    first: 256,
    last: (1 << 24) - 1,
};

impl VxlanIds {
    /// The sequence of a set of which no id is allotted.
    pub fn free(self) -> BitSequence {
        BitSequence::new(u64::from(self.last - self.first) + 1)
    }

    /// The id at a place in the sequence.
    pub fn id(self, ordinal: u64) -> Option<u32> {
        let id = u64::from(self.first).checked_add(ordinal)?;
        u32::try_from(id).ok().filter(|id| *id <= self.last)
    }

    /// The place of an id in the sequence.
    pub fn ordinal(self, id: u32) -> Option<u64> {
        (id <= self.last)
            .then(|| id.checked_sub(self.first))
            .flatten()
            .map(u64::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_within_the_set() {
        assert_eq!(VXLAN_IDS.free().bits(), 16_776_960);
        assert_eq!(VXLAN_IDS.id(0), Some(256));
        assert_eq!(VXLAN_IDS.id(16_776_959), Some(0x00ff_ffff));
        assert_eq!(VXLAN_IDS.id(16_776_960), None);
        assert_eq!(VXLAN_IDS.ordinal(257), Some(1));
        assert_eq!(VXLAN_IDS.ordinal(255), None);
    }
}
