//! Look-ups in a tree beside ten thousand keys that no tree shows.

use std::cell::Cell;

use super::*;
use crate::model::{Cause, Change, Commit, Record, Revision};
use crate::space::snapshot::Snapshot;
use crate::space::view::View;
use crate::space::visibility::Visibility;

fn view(keys: impl Iterator<Item = Key>) -> View {
    let change = |key| Change {
        key,
        now: Some(Arc::new(Entry {
            record: Record::default(),
            modified: Revision::new(1, 0),
        })),
        before: None,
    };
    let mut snapshot = Snapshot::default();
    snapshot.apply(&Commit {
        revision: 1,
        cause: Cause::Set,
        subject: None,
        changes: keys.map(change).collect(),
    });
    View::new(Arc::new(snapshot), Visibility::All)
}

/// Counts the entries that scans go over.
struct Counting {
    view: View,
    scanned: Cell<usize>,
}

impl Counting {
    fn counted<'a>(&'a self, scan: Scan<'a>) -> Scan<'a> {
        Box::new(scan.inspect(|_| self.scanned.set(self.scanned.get() + 1)))
    }
}

impl Lookup for Counting {
    fn get(&self, key: &Key) -> Option<&Arc<Entry>> {
        self.view.get(key)
    }

    fn scan_from(&self, prefix: &Key, from: &Key) -> Scan<'_> {
        self.counted(self.view.scan_from(prefix, from))
    }

    fn nodes_from(&self, prefix: &Key, from: &Key) -> Scan<'_> {
        self.counted(self.view.nodes_from(prefix, from))
    }

    fn first_node(&self, prefix: &Key, from: &Key) -> Option<(&Key, &Arc<Entry>)> {
        self.nodes_from(prefix, from).next()
    }
}

#[test]
fn look_ups_go_over_nothing_that_no_tree_shows() {
    let unshown = (0..10_000).flat_map(|number| {
        [
            format!("/{number}").into_bytes(),
            format!("d//{number}").into_bytes(),
            format!("d/{number}//x").into_bytes(),
            [format!("d/{number}").as_bytes(), b"\xff"].concat(),
        ]
    });
    let shown = ["d/z/1", "d/z/2", "e/"].into_iter().map(Key::user);
    let space = Counting {
        view: view(unshown.map(Key::user).chain(shown)),
        scanned: Cell::new(0),
    };
    type LookUp = fn(&Counting) -> bool;
    let look_ups: [(&str, usize, LookUp); 8] = [
        ("the root", 1, |space| node(space, "").entry().is_some()),
        ("a directory", 1, |space| node(space, "d").is_dir()),
        ("a directory of nothing", 0, |space| {
            matches!(node(space, "d/7"), Node::Absent)
        }),
        ("whether it is empty", 1, |space| !is_empty(space, "d")),
        ("whether one of nothing is", 0, |space| {
            is_empty(space, "d/7")
        }),
        // One for the name, and one for what stands there.
        ("its children", 2, |space| children(space, "d").len() == 1),
        ("all beneath it", 3, |space| {
            tree(space, "d").children["z"].children.len() == 2
        }),
        ("a value above", 2, |space| {
            file_above(space, "d/z/1/x") == Some(NotDir("d/z/1".to_owned()))
        }),
    ];
    for (what, most, look_up) in look_ups {
        space.scanned.set(0);
        assert!(look_up(&space), "{what}");
        assert!(space.scanned.get() <= most, "{what}: {:?}", space.scanned);
    }
}
