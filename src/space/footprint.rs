//! What a decision read and what it writes.

use std::collections::BTreeMap;

use crate::model::{Key, KeyRange};

/// The keys and ranges a change depends on or touches.
#[derive(Clone, Debug, Default)]
pub(crate) struct Footprint {
    /// Read to decide.
    pub(crate) reads: Vec<KeyRange>,
    /// To be written.
    pub(crate) writes: Vec<Key>,
}

impl Footprint {
    /// Whether one writes what the other reads or writes.
    pub(crate) fn clashes(&self, other: &Self) -> bool {
        self.disturbs(other) || other.disturbs(self)
    }

    fn disturbs(&self, other: &Self) -> bool {
        self.writes.iter().any(|key| {
            other.writes.contains(key) || other.reads.iter().any(|range| range.contains(key))
        })
    }
}

/// The footprints of the changes that are on their way to the store.
///
/// Two of them never clash: neither writes what the other reads or writes.
#[derive(Debug, Default)]
pub(crate) struct Held {
    /// How many hold each key for reading or for writing.
    points: BTreeMap<Key, Point>,
    /// Ranges held for reading.
    ranges: Vec<Key>,
}

#[derive(Debug, Default)]
struct Point {
    readers: usize,
    writers: usize,
}

impl Held {
    /// Whether the footprint clashes with one that is held.
    pub(crate) fn clashes(&self, footprint: &Footprint) -> bool {
        let written = |key: &Key| self.points.get(key).is_some_and(|point| point.writers > 0);
        let reads_clash = footprint.reads.iter().any(|range| match range {
            KeyRange::Exact(key) => written(key),
            KeyRange::Prefix(_) => self
                .points
                .range(range.bounds())
                .any(|(_, point)| point.writers > 0),
        });
        reads_clash
            || footprint.writes.iter().any(|key| {
                self.points.contains_key(key)
                    || self.ranges.iter().any(|prefix| key.starts_with(prefix))
            })
    }

    /// Holds a footprint until [`Held::release`].
    pub(crate) fn hold(&mut self, footprint: &Footprint) {
        for range in &footprint.reads {
            match range {
                KeyRange::Exact(key) => self.points.entry(key.clone()).or_default().readers += 1,
                KeyRange::Prefix(prefix) => self.ranges.push(prefix.clone()),
            }
        }
        for key in &footprint.writes {
            self.points.entry(key.clone()).or_default().writers += 1;
        }
    }

    /// Lets go of a footprint that was held.
    pub(crate) fn release(&mut self, footprint: &Footprint) {
        for range in &footprint.reads {
            match range {
                KeyRange::Exact(key) => self.let_go(key, |point| &mut point.readers),
                KeyRange::Prefix(prefix) => {
                    if let Some(place) = self.ranges.iter().position(|held| held == prefix) {
                        self.ranges.swap_remove(place);
                    }
                }
            }
        }
        for key in &footprint.writes {
            self.let_go(key, |point| &mut point.writers);
        }
    }

    fn let_go(&mut self, key: &Key, count: impl Fn(&mut Point) -> &mut usize) {
        if let Some(point) = self.points.get_mut(key) {
            let count = count(point);
            *count = count.saturating_sub(1);
            if point.readers == 0 && point.writers == 0 {
                self.points.remove(key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reads(ranges: &[KeyRange]) -> Footprint {
        Footprint {
            reads: ranges.to_vec(),
            writes: Vec::new(),
        }
    }

    fn writes(key: &str) -> Footprint {
        Footprint {
            reads: vec![KeyRange::Exact(Key::user(key))],
            writes: vec![Key::user(key)],
        }
    }

    #[test]
    fn only_what_touches_a_written_key_clashes() {
        let mut held = Held::default();
        held.hold(&writes("a/b"));
        assert!(held.clashes(&writes("a/b")));
        assert!(held.clashes(&reads(&[KeyRange::Prefix(Key::user("a/"))])));
        assert!(!held.clashes(&writes("a/c")));
        assert!(!held.clashes(&reads(&[KeyRange::Exact(Key::user("a/c"))])));
        held.release(&writes("a/b"));
        assert!(!held.clashes(&writes("a/b")));
    }

    #[test]
    fn readers_share_and_keep_writers_out() {
        let mut held = Held::default();
        let tree = reads(&[KeyRange::Prefix(Key::user("a/"))]);
        held.hold(&tree);
        assert!(!held.clashes(&tree));
        assert!(held.clashes(&writes("a/new")));
        held.release(&tree);
        assert!(!held.clashes(&writes("a/new")));
    }
}
