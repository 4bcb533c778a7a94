//! Cost: how much work a request is, weighed before any of it is done.

/// The entries that one unit of cost walks or changes.
const ENTRIES: usize = 64;

/// The bytes that one unit of cost reads or makes.
const BYTES: usize = 16 << 10;

/// How much work a request is, in units: one for any request, one more for each 64 entries it walks or changes, and one
/// more for each 16 KiB it reads or makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cost(u32);

impl Cost {
    /// Of fewer than 64 entries and 16 KiB.
    pub const SMALL: Self = Self(1);

    /// Of work that walks or changes so many entries, and reads or makes so many bytes.
    pub fn new(entries: usize, bytes: usize) -> Self {
        let units = (entries / ENTRIES).saturating_add(bytes / BYTES);
        Self(u32::try_from(units).unwrap_or(u32::MAX).saturating_add(1))
    }

    /// Whether it is so little that it is done at once, wherever the request is served.
    pub fn is_small(self) -> bool {
        self == Self::SMALL
    }

    /// In units, from 1.
    pub fn units(self) -> u32 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_small_up_to_64_entries_and_16_kib() {
        assert_eq!(Cost::new(0, 0), Cost::SMALL);
        assert!(Cost::new(63, (16 << 10) - 1).is_small());
        assert!(!Cost::new(64, 0).is_small());
        assert!(!Cost::new(0, 16 << 10).is_small());
        assert_eq!(Cost::new(6400, 160 << 10).units(), 111);
        assert_eq!(Cost::new(usize::MAX, usize::MAX).units(), u32::MAX);
    }
}
