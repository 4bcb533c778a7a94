//! Directories against a model that keeps every node of the tree with its history.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::model::{Cause, Change, Commit, Entry, Key, Record, Revision};
use crate::space::pending::{PendingCommits, PendingSnapshot};
use crate::space::snapshot::Snapshot;
use crate::space::tree;
use crate::space::view::View;
use crate::space::visibility::Visibility;
use crate::store::{DirectoryCheckpoint, DirectoryRecord, StoreContents};

/// The commits of some steps: each step writes or deletes some keys.
fn commits(steps: &[Vec<(String, bool)>]) -> Vec<Arc<Commit>> {
    let mut entries: BTreeMap<Key, Arc<Entry>> = BTreeMap::new();
    let mut all = Vec::new();
    for (revision, step) in (1..).zip(steps) {
        let mut changes: BTreeMap<Key, Change> = BTreeMap::new();
        for (text, put) in step {
            let key = Key::user(text);
            let before = entries.get(&key).cloned();
            if !put && before.is_none() {
                continue;
            }
            let record = Record::successor(before.as_deref(), 0);
            let modified = Revision::new(revision, 0);
            let now = put.then(|| Arc::new(Entry { record, modified }));
            let key_ = key.clone();
            changes.entry(key_).or_insert(Change { key, now, before });
        }
        for change in changes.values() {
            match &change.now {
                Some(entry) => entries.insert(change.key.clone(), Arc::clone(entry)),
                None => entries.remove(&change.key),
            };
        }
        all.push(Arc::new(Commit {
            revision,
            cause: Cause::Set,
            subject: None,
            changes: changes.into_values().collect(),
        }));
    }
    all
}

fn applied(commits: &[Arc<Commit>]) -> Snapshot {
    let mut snapshot = Snapshot::default();
    for commit in commits {
        snapshot.apply(commit);
    }
    snapshot
}

/// Every node of a snapshot's tree with its parent.
fn nodes(snapshot: &Snapshot) -> Vec<String> {
    let view = View::new(Arc::new(snapshot.clone()), Visibility::All);
    let mut all = Vec::new();
    let mut rest = vec![String::new()];
    while let Some(path) = rest.pop() {
        rest.extend(
            tree::children(&view, &path)
                .into_keys()
                .map(|name| tree::join(&path, &name)),
        );
        all.push(path);
    }
    all
}

/// What the directories are, by looking at the tree after each commit.
fn counted_by_looking(commits: &[Arc<Commit>]) -> BTreeMap<String, Directory> {
    let mut snapshot = Snapshot::default();
    let mut counts = BTreeMap::new();
    let mut before = nodes(&snapshot);
    for commit in commits {
        snapshot.apply(commit);
        let after = nodes(&snapshot);
        for gone in before.iter().filter(|path| !after.contains(path)) {
            counts.remove(gone);
            if after.contains(&parent(gone).to_owned()) {
                let above: &mut Directory = counts.entry(parent(gone).to_owned()).or_default();
                above.children -= 1;
                above.changed = commit.revision;
            }
        }
        for new in after.iter().filter(|path| !before.contains(path)) {
            let above = counts.entry(parent(new).to_owned()).or_default();
            above.children += 1;
            above.ever += 1;
            above.changed = commit.revision;
        }
        before = after;
    }
    counts
}

fn contents(commits: &[Arc<Commit>], floor: usize) -> StoreContents {
    let snapshot = applied(commits);
    let entries = snapshot.entries.range((Bound::Unbounded, Bound::Unbounded));
    StoreContents {
        revision: snapshot.revision,
        entries: entries
            .map(|(key, entry)| (key.clone(), Arc::clone(entry)))
            .collect(),
        history: commits[floor..].to_vec(),
        history_floor: u64::try_from(floor).unwrap(),
        ..StoreContents::default()
    }
}

fn checkpoint(commits: &[Arc<Commit>], at: usize) -> DirectoryCheckpoint {
    let counts = counted_by_looking(&commits[..at]);
    DirectoryCheckpoint {
        revision: u64::try_from(at).unwrap(),
        directories: counts
            .into_iter()
            .map(|(path, directory)| DirectoryRecord {
                path: path.into(),
                ever: directory.ever,
                changed: directory.changed,
            })
            .collect(),
    }
}

fn steps() -> impl Strategy<Value = Vec<Vec<(String, bool)>>> {
    let key = "[ab](/[ab]){0,3}/?|a//b|/";
    prop::collection::vec(prop::collection::vec((key, any::<bool>()), 1..4), 1..30)
}

proptest! {
    #[test]
    fn counts_are_those_of_the_tree_after_every_commit(steps in steps()) {
        let commits = commits(&steps);
        let snapshot = applied(&commits);
        let looked = counted_by_looking(&commits);
        for path in nodes(&snapshot) {
            let expected = looked.get(&path).copied().unwrap_or_default();
            prop_assert_eq!(snapshot.directory(&path), expected, "{}", path);
        }
        prop_assert_eq!(snapshot.directory("no/such"), Directory::default());
    }

    #[test]
    fn pending_commits_count_as_if_they_were_durable(steps in steps(), durable in any::<prop::sample::Index>()) {
        let commits = commits(&steps);
        let durable = durable.index(commits.len());
        let mut base = Snapshot::default();
        let mut pending = PendingCommits::default();
        // Accepted ahead of all that is durable, which then follows.
        for commit in &commits {
            pending.add(&base, commit.revision, Some(Arc::clone(commit)));
        }
        for commit in &commits[..durable] {
            base.apply(commit);
            pending.settle(&base);
        }
        let all = applied(&commits);
        let shown = PendingSnapshot::new(&base, &pending);
        for path in nodes(&all) {
            prop_assert_eq!(shown.directory(&path), all.directory(&path), "{}", path);
        }
    }

    #[test]
    fn a_wide_commit_that_becomes_durable_counts_beneath_what_was_accepted_after_it(
        steps in steps(), wide in any::<prop::sample::Index>(),
    ) {
        let commits = commits(&steps);
        let wide = wide.index(commits.len());
        let mut base = applied(&commits[..wide]);
        let mut pending = PendingCommits::default();
        pending.add(&base, commits[wide].revision, None);
        for commit in &commits[wide + 1..] {
            pending.add(&base, commit.revision, Some(Arc::clone(commit)));
        }
        base.apply(&commits[wide]);
        pending.settle(&base);
        let all = applied(&commits);
        let shown = PendingSnapshot::new(&base, &pending);
        for path in nodes(&all) {
            prop_assert_eq!(shown.directory(&path), all.directory(&path), "{}", path);
        }
    }

    #[test]
    fn a_checkpoint_and_the_history_since_give_the_same_counts(
        steps in steps(), at in any::<prop::sample::Index>(), floor in any::<prop::sample::Index>(),
    ) {
        let commits = commits(&steps);
        let at = at.index(commits.len() + 1);
        let mut contents = contents(&commits, floor.index(at + 1));
        contents.directories = Some(checkpoint(&commits, at));
        let (loaded, grown) = (Snapshot::default().load(&contents), applied(&commits));
        for path in nodes(&grown) {
            prop_assert_eq!(loaded.directory(&path), grown.directory(&path), "{}", path);
        }
    }

    /// An older version has dropped commits that are in no checkpoint: no count is below what can be known.
    #[test]
    fn with_commits_missing_since_the_checkpoint_children_are_exact_and_no_number_is_lower(
        steps in steps(), at in any::<prop::sample::Index>(), floor in any::<prop::sample::Index>(),
    ) {
        let commits = commits(&steps);
        let floor = floor.index(commits.len() + 1);
        let at = at.index(floor + 1);
        let mut contents = contents(&commits, floor);
        contents.directories = Some(checkpoint(&commits, at));
        let (loaded, grown) = (Snapshot::default().load(&contents), applied(&commits));
        for path in nodes(&grown) {
            let (loaded, grown) = (loaded.directory(&path), grown.directory(&path));
            prop_assert_eq!(loaded.children, grown.children);
            prop_assert!(loaded.ever >= loaded.children);
        }
    }
}

fn step(keys: &[(&str, bool)]) -> Vec<(String, bool)> {
    keys.iter()
        .map(|(key, put)| ((*key).to_owned(), *put))
        .collect()
}

#[test]
fn effects_name_the_change_and_how_many_nodes_came_or_went() {
    let steps = [
        step(&[("a/b/c", true)]),
        step(&[("a/b", true), ("a/b/", true)]),
        step(&[("a/b/c", false), ("x/y", true)]),
        step(&[("a/b", false)]),
        step(&[("a/b/", false), ("a//b", true)]),
    ];
    let mut snapshot = Snapshot::default();
    let effects: Vec<Vec<_>> = commits(&steps)
        .iter()
        .map(|commit| {
            let effects = snapshot.apply(commit).into_iter();
            effects
                .map(|effect| (effect.change, effect.fate, effect.nodes))
                .collect()
        })
        .collect();
    use NodeFate::{Came, Went};
    assert_eq!(
        effects,
        [
            vec![(0, Came, 3)],
            vec![],
            vec![(0, Went, 1), (1, Came, 2)],
            vec![],
            vec![(1, Went, 2)],
        ]
    );
}

#[test]
fn a_node_deleted_and_made_again_in_one_commit_is_another_child() {
    let mut snapshot = applied(&commits(&[step(&[("a", true), ("a/b", true)])]));
    let before = snapshot.entries.get(&Key::user("a/b")).cloned();
    let modified = Revision::new(2, 0);
    let record = Record::successor(None, 0);
    let now = Some(Arc::new(Entry { record, modified }));
    let effects = snapshot.apply(&Commit {
        revision: 2,
        cause: Cause::Set,
        subject: None,
        changes: vec![Change {
            key: Key::user("a/b"),
            now,
            before,
        }],
    });
    assert_eq!(effects.len(), 2);
    let expected = Directory {
        children: 1,
        ever: 2,
        changed: 2,
    };
    assert_eq!(snapshot.directory("a"), expected);
}

#[test]
fn without_a_checkpoint_the_highest_ordinal_of_a_child_says_how_many_there_were() {
    let mut commits = commits(&[step(&[("p/a", true), ("p/b", true), ("q/c", true)])]);
    let mut commit = Arc::unwrap_or_clone(commits.remove(0));
    let numbers = [Some(41), Some(7), None];
    for (change, number) in commit.changes.iter_mut().zip(numbers) {
        let mut entry = Arc::unwrap_or_clone(change.now.take().unwrap());
        if let Some(number) = number {
            let other = &mut entry.record.attrs.other;
            other.insert(ORDINAL.to_owned(), serde_json::json!(number));
        }
        change.now = Some(Arc::new(entry));
    }
    let loaded = Snapshot::default().load(&contents(&[Arc::new(commit)], 1));
    let ever = |path| loaded.directory(path).ever;
    assert_eq!((ever("p"), ever("q"), ever("")), (42, 1, 2));
}
