//! Watches fire as those of ZooKeeper 3.9.4 do, and all counts return to 0.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::face::zookeeper::path::parent_of;
use crate::wire::zookeeper::{SetWatches2Request, SetWatchesRequest};
use WatchEventKind::{ChildrenChanged, Created, DataChanged, Deleted};
use WatchMode::{Child, Data, Persistent, Recursive};

fn table(watches: &[(&str, WatchMode)]) -> WatchTable {
    let mut table = WatchTable::new(Arc::default());
    for (path, mode) in watches {
        table.add(path, *mode);
    }
    table
}

/// The events that a connection is sent of one change of a node, as a face makes them of it.
fn sent(table: &mut WatchTable, kind: WatchEventKind, path: &str) -> Vec<(WatchEventKind, String)> {
    let mut all = vec![(kind, path)];
    if kind.changes_parent() {
        all.push((ChildrenChanged, parent_of(path).unwrap()));
    }
    all.retain(|(kind, path)| table.fire(*kind, path));
    all.into_iter()
        .map(|(kind, path)| (kind, path.to_owned()))
        .collect()
}

fn events(all: &[(WatchEventKind, &str)]) -> Vec<(WatchEventKind, String)> {
    all.iter()
        .map(|(kind, path)| (*kind, (*path).to_owned()))
        .collect()
}

#[test]
fn a_data_watch_fires_once_for_each_change_of_the_node() {
    for kind in [Created, Deleted, DataChanged] {
        let mut own = table(&[("/a", Data)]);
        assert_eq!(sent(&mut own, ChildrenChanged, "/a"), []);
        assert_eq!(sent(&mut own, kind, "/a/b"), []);
        assert_eq!(sent(&mut own, kind, "/a"), events(&[(kind, "/a")]));
        assert_eq!(sent(&mut own, kind, "/a"), []);
        assert!(own.is_empty());
    }
}

#[test]
fn a_child_watch_fires_once_for_names_of_children_and_for_the_node_deleted() {
    for (kind, path) in [(Created, "/a/b"), (Deleted, "/a/b")] {
        let mut own = table(&[("/a", Child)]);
        // A child's data is not its name.
        assert_eq!(sent(&mut own, DataChanged, "/a/b"), []);
        assert_eq!(sent(&mut own, DataChanged, "/a"), []);
        assert_eq!(sent(&mut own, Created, "/a/b/c"), []);
        assert_eq!(
            sent(&mut own, kind, path),
            events(&[(ChildrenChanged, "/a")])
        );
        assert_eq!(sent(&mut own, kind, path), []);
    }
    let mut own = table(&[("/a", Child)]);
    assert_eq!(sent(&mut own, Deleted, "/a"), events(&[(Deleted, "/a")]));
    assert!(own.is_empty());
}

#[test]
fn a_persistent_watch_fires_each_time_for_the_node_and_names_of_children() {
    let mut own = table(&[("/a", Persistent)]);
    for _ in 0..2 {
        assert_eq!(sent(&mut own, Created, "/a"), events(&[(Created, "/a")]));
        assert_eq!(
            sent(&mut own, DataChanged, "/a"),
            events(&[(DataChanged, "/a")])
        );
        let children = events(&[(ChildrenChanged, "/a")]);
        assert_eq!(sent(&mut own, Created, "/a/b"), children);
        assert_eq!(sent(&mut own, DataChanged, "/a/b"), []);
        assert_eq!(sent(&mut own, Created, "/a/b/c"), []);
        assert_eq!(sent(&mut own, Deleted, "/a/b"), children);
        assert_eq!(sent(&mut own, Deleted, "/a"), events(&[(Deleted, "/a")]));
    }
}

#[test]
fn a_recursive_watch_tells_each_node_beneath_by_its_own_path_and_never_children() {
    let mut own = table(&[("/a", Recursive)]);
    for _ in 0..2 {
        for path in ["/a", "/a/b", "/a/b/c"] {
            for kind in [Created, DataChanged, Deleted] {
                assert_eq!(sent(&mut own, kind, path), events(&[(kind, path)]));
            }
            assert_eq!(sent(&mut own, ChildrenChanged, path), []);
        }
        for path in ["/", "/b", "/ab", "/ab/c"] {
            assert_eq!(sent(&mut own, DataChanged, path), [], "{path}");
        }
    }
    let mut root = table(&[("/", Recursive)]);
    assert_eq!(sent(&mut root, Created, "/a"), events(&[(Created, "/a")]));
    assert_eq!(
        sent(&mut root, DataChanged, "/"),
        events(&[(DataChanged, "/")])
    );
    // A path at which no node can be gets no event, and is not the root.
    let mut empty = table(&[("", Recursive)]);
    assert_eq!(sent(&mut empty, Created, "/a"), []);
}

#[test]
fn a_connection_is_sent_one_event_however_many_of_its_watches_fire() {
    let all = [Data, Child, Persistent, Recursive];
    let mut own = table(&all.map(|mode| ("/a", mode)));
    own.add("/", Recursive);
    own.add("/a", Data);
    assert_eq!(sent(&mut own, Deleted, "/a"), events(&[(Deleted, "/a")]));
    // Those that fire once are gone, of data and of children; the others live on.
    assert!(!own.has("/a", WatchSelection::Only(Data)));
    assert!(!own.has("/a", WatchSelection::Only(Child)));
    assert_eq!(sent(&mut own, Created, "/a"), events(&[(Created, "/a")]));
    // Two events of one change are two: of the node, and of its parent.
    let mut both = table(&[("/a", Persistent), ("/a", Recursive)]);
    let wanted = events(&[(Created, "/a/b"), (ChildrenChanged, "/a")]);
    assert_eq!(sent(&mut both, Created, "/a/b"), wanted);
    // A child watch of a node is fired by its end, also where a recursive one above gets the event.
    let mut above = table(&[("/a/b", Child), ("/a", Recursive)]);
    assert_eq!(
        sent(&mut above, Deleted, "/a/b"),
        events(&[(Deleted, "/a/b")])
    );
    assert!(!above.has("/a/b", WatchSelection::Any));
}

/// A deep path is looked up once for each length of a recursive watch, not once for each node above it.
#[test]
fn nodes_above_are_looked_up_at_lengths_of_recursive_watches_only() {
    let deep = "/n".repeat(2000);
    let mut own = table(&[("/n/n", Recursive), ("/n/m", Recursive), ("/n", Persistent)]);
    assert_eq!(own.recursive, BTreeMap::from([(4, 2)]));
    assert_eq!(
        sent(&mut own, DataChanged, &deep),
        events(&[(DataChanged, &deep)])
    );
    for path in ["/n/nn/n", "/n\u{e9}/n", "/", "/n", "/n/\u{e9}/n"] {
        assert!(!own.is_recursive_above(path), "{path}");
    }
    assert!(own.remove("/n/n", WatchSelection::Any));
    assert_eq!(sent(&mut own, DataChanged, &deep), []);
    assert!(own.remove("/n/m", WatchSelection::Any));
    assert_eq!(own.recursive, BTreeMap::new());
}

/// As 3.8.0 sends them of a multi, with 3.9.4's watches.
#[test]
fn changes_of_one_commit_are_told_in_their_order() {
    let mut own = table(&[("/r", Recursive), ("/r", Data)]);
    let changes = [
        (DataChanged, "/r"),
        (DataChanged, "/r"),
        (Deleted, "/r/c"),
        (Created, "/r/c"),
        (Deleted, "/r/c"),
        (Deleted, "/r"),
    ];
    let sent: Vec<_> = changes
        .into_iter()
        .flat_map(|(kind, path)| sent(&mut own, kind, path))
        .collect();
    assert_eq!(sent, events(&changes));
}

#[test]
fn kinds_of_events_have_zookeepers_numbers() {
    let all = [Created, Deleted, DataChanged, ChildrenChanged];
    assert_eq!(all.map(WatchEventKind::number), [1, 2, 3, 4]);
}

#[test]
fn each_kind_of_watch_is_checked_and_removed_by_itself() {
    let all = [(1, Child), (2, Data), (4, Persistent), (5, Recursive)];
    for (number, mode) in all {
        let mut own = table(&all.map(|(_, mode)| ("/a", mode)));
        let selection = WatchSelection::of_number(number).unwrap();
        assert!(own.has("/a", selection));
        assert!(!own.has("/", selection) && !own.remove("/", selection));
        assert!(own.remove("/a", selection));
        assert!(!own.has("/a", selection) && !own.remove("/a", selection));
        for (other, _) in all.iter().filter(|(_, other)| *other != mode) {
            assert!(own.has("/a", WatchSelection::of_number(*other).unwrap()));
        }
        assert!(own.has("/a", WatchSelection::Any) && own.remove("/a", WatchSelection::Any));
        assert!(own.is_empty() && !own.remove("/a", WatchSelection::Any));
        assert_eq!((own.watches(), own.bytes(), own.paths_of_data()), (0, 0, 0));
        // A recursive watch is gone for the nodes beneath, too.
        assert_eq!(sent(&mut own, Created, "/a/b"), []);
    }
    for number in [-1, 0, 6, 9, i32::MAX] {
        assert_eq!(WatchSelection::of_number(number), None);
    }
    assert_eq!(WatchMode::of_add_watch(0), Some(Persistent));
    assert_eq!(WatchMode::of_add_watch(1), Some(Recursive));
    assert_eq!(WatchMode::of_add_watch(2), None);
}

#[test]
fn watches_set_again_fire_for_what_was_missed_and_are_armed_else() {
    let lists = |paths: &[&str]| paths.iter().map(|path| (*path).to_owned()).collect();
    let request = SetWatches2Request {
        once: SetWatchesRequest {
            relative_zxid: 10,
            data: lists(&["/gone", "/set", "/same"]),
            exist: lists(&["/set", "/none"]),
            child: lists(&["/gone", "/set", "/same"]),
        },
        persistent: lists(&["/gone", "/set"]),
        recursive: lists(&["/set"]),
    };
    let find = |path: &str| match path {
        "/set" => Some(NodeZxids {
            modified: 11,
            children_modified: 12,
        }),
        "/same" => Some(NodeZxids {
            modified: 10,
            children_modified: 10,
        }),
        _ => None,
    };
    let mut own = table(&[]);
    let WatchesSetAgain { missed, armed } = WatchesSetAgain::of(request, find);
    for (path, mode) in &armed {
        own.add(path, *mode);
    }
    let missed: Vec<_> = missed
        .into_iter()
        .map(|event| (event.kind, event.path))
        .collect();
    let wanted = [
        (Deleted, "/gone"),
        (DataChanged, "/set"),
        (Created, "/set"),
        (Deleted, "/gone"),
        (ChildrenChanged, "/set"),
    ];
    assert_eq!(missed, events(&wanted));
    let armed = |path: &str, mode| own.has(path, WatchSelection::Only(mode));
    assert!(armed("/same", Data) && armed("/same", Child) && armed("/none", Data));
    assert!(armed("/gone", Persistent) && armed("/set", Persistent) && armed("/set", Recursive));
    assert!(!armed("/gone", Data) && !armed("/set", Data) && !armed("/set", Child));
    assert!(!armed("/gone", Child) && !armed("/none", Child));
}

#[test]
fn counts_are_those_of_zookeeper_and_return_to_0() {
    let totals = Arc::new(WatchTotals::default());
    let mut one = WatchTable::new(Arc::clone(&totals));
    let mut other = WatchTable::new(Arc::clone(&totals));
    one.add("/a", Data);
    one.add("/a", Data);
    one.add("/a", Recursive);
    one.add("/b", Child);
    // In the table of data and in that of children.
    other.add("/a", Persistent);
    assert_eq!(
        (one.watches(), other.watches(), totals.watches()),
        (2, 2, 4)
    );
    assert_eq!((one.paths_of_data(), other.paths_of_data()), (1, 1));
    assert_eq!(totals.bytes(), one.bytes() + other.bytes());
    assert!(one.fire(ChildrenChanged, "/b"));
    assert_eq!(totals.watches(), 3);
    let mut paths: Vec<&str> = other.paths().chain(one.paths()).collect();
    paths.sort_unstable();
    assert_eq!(paths, ["/a", "/a"]);
    drop(one);
    assert_eq!(totals.watches(), 2);
    drop(other);
    assert_eq!((totals.watches(), totals.bytes()), (0, 0));
}

/// What one session did and was answered, and its events of another's changes, by ZooKeeper 3.9.4.
const RECORDED: &str = include_str!("recorded.txt");

#[test]
fn a_recorded_session_of_zookeeper_is_answered_and_told_the_same() {
    let mut own = table(&[]);
    let selection = |number: &str| WatchSelection::of_number(number.parse().unwrap()).unwrap();
    let answer = |found: bool| if found { "0" } else { "-121" };
    let mut fired = 0;
    for (at, line) in RECORDED.lines().enumerate() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let kind = match words[0] {
            "created" => Created,
            "deleted" => Deleted,
            _ => DataChanged,
        };
        match words[..] {
            ["watch", mode, path] => own.add(
                path,
                match mode {
                    "data" => Data,
                    "child" => Child,
                    "persistent" => Persistent,
                    _ => Recursive,
                },
            ),
            ["check", number, path, wanted] => {
                let found = own.has(path, selection(number));
                assert_eq!(answer(found), wanted, "line {at}: {line}");
            }
            ["remove", number, path, wanted] => {
                let found = own.remove(path, selection(number));
                assert_eq!(answer(found), wanted, "line {at}: {line}");
            }
            [_, path, ">", ref wanted @ ..] => {
                let name = |kind| match kind {
                    Created => "created",
                    Deleted => "deleted",
                    DataChanged => "data",
                    ChildrenChanged => "children",
                };
                let sent = sent(&mut own, kind, path);
                let sent = sent
                    .iter()
                    .map(|(kind, path)| format!("{}:{path}", name(*kind)));
                let sent: Vec<String> = sent.collect();
                assert_eq!(sent, wanted, "line {at}: {line}");
                fired += sent.len();
            }
            _ => panic!("line {at}: {line}"),
        }
    }
    assert_eq!(fired, 181);
}

/// The table of 3.9.4, written down as simply as possible: a list of watches.
fn naive(watches: &mut Vec<(String, WatchMode)>, kind: WatchEventKind, path: &str) -> bool {
    let beneath = |above: &str| above == "/" || path.starts_with(&format!("{above}/"));
    let mut fires = false;
    watches.retain(|(at, mode)| {
        let hit = match (mode, kind) {
            (Data, Created | Deleted | DataChanged) | (Child, Deleted | ChildrenChanged) => {
                at == path
            }
            (Data | Recursive, ChildrenChanged) | (Child, Created | DataChanged) => false,
            (Persistent, _) => at == path,
            (Recursive, _) => at == path || beneath(at),
        };
        fires |= hit;
        !(hit && matches!(mode, Data | Child))
    });
    fires
}

fn path() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["/", "/a", "/a/b", "/a/b/c", "/ab", "/a/bc", "/d"])
        .prop_map(str::to_owned)
}

fn mode() -> impl Strategy<Value = WatchMode> {
    prop::sample::select(vec![Data, Child, Persistent, Recursive])
}

fn kind() -> impl Strategy<Value = WatchEventKind> {
    prop::sample::select(vec![Created, Deleted, DataChanged, ChildrenChanged])
}

proptest! {
    #[test]
    fn a_table_fires_as_a_list_of_watches_does(
        steps in vec((path(), mode(), kind(), 0_u8..5), 0..60),
    ) {
        let totals = Arc::new(WatchTotals::default());
        let mut own = WatchTable::new(Arc::clone(&totals));
        let mut list: Vec<(String, WatchMode)> = Vec::new();
        for (path, mode, kind, step) in steps {
            match step {
                0 | 1 => {
                    own.add(&path, mode);
                    if !list.contains(&(path.clone(), mode)) {
                        list.push((path, mode));
                    }
                }
                2 => {
                    let before = list.len();
                    list.retain(|watch| *watch != (path.clone(), mode));
                    let removed = own.remove(&path, WatchSelection::Only(mode));
                    prop_assert_eq!(removed, list.len() != before);
                }
                _ => prop_assert_eq!(own.fire(kind, &path), naive(&mut list, kind, &path)),
            }
            prop_assert_eq!(own.is_empty(), list.is_empty());
            for (path, mode) in &list {
                prop_assert!(own.has(path, WatchSelection::Only(*mode)));
            }
            prop_assert_eq!(totals.watches(), own.watches());
        }
        drop(own);
        prop_assert_eq!((totals.watches(), totals.bytes()), (0, 0));
    }
}
