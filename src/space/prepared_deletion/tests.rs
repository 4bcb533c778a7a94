//! Wide deletions that are prepared, among random commits.

use super::*;
use crate::model::{Cause, Entry, KeyRange, Record, Revision};
use crate::space::directories::Directory;
use crate::space::sieve::{EntrySieve, Foreseen};
use parking_lot::Mutex;
use std::collections::BTreeSet;

/// Keeps back `a` while there is no `b`, and all of `c/`.
#[derive(Debug, Default)]
struct Sieve(Mutex<BTreeSet<Key>>);

impl Sieve {
    fn is_harmful(key: &Key, beside: &dyn Fn(&Key) -> Option<Arc<Entry>>) -> bool {
        *key == Key::user("a") && beside(&Key::user("b")).is_none()
            || key.as_bytes().starts_with(b"c/")
    }
}

impl EntrySieve for Sieve {
    fn begin(&self) {}

    fn concerned(&self, key: &Key, _: Option<&Entry>, _: Option<&Entry>) -> Option<Vec<Key>> {
        let others = (*key == Key::user("b")).then(|| Key::user("a"));
        Some(others.into_iter().collect())
    }

    fn holds_back(
        &self,
        key: &Key,
        entry: Option<&Entry>,
        beside: &dyn Fn(&Key) -> Option<Arc<Entry>>,
    ) -> bool {
        let Foreseen { holds_back, .. } = self.foresee(key, entry, beside);
        if holds_back {
            self.0.lock().insert(key.clone());
        } else {
            self.0.lock().remove(key);
        }
        holds_back
    }

    fn foresee(
        &self,
        key: &Key,
        entry: Option<&Entry>,
        beside: &dyn Fn(&Key) -> Option<Arc<Entry>>,
    ) -> Foreseen {
        let holds_back = entry.is_some() && Self::is_harmful(key, beside);
        let is_news = self.0.lock().contains(key) != holds_back;
        Foreseen {
            holds_back,
            is_news,
        }
    }
}

/// A keyspace of few keys, so that changes meet in many ways, with the history of its commits.
#[derive(Default)]
struct Fixture {
    shown: Snapshot,
    history: History,
    sieve: Option<Arc<Sieve>>,
}

impl Fixture {
    fn sifted() -> Self {
        let sieve = Arc::<Sieve>::default();
        Self {
            shown: Snapshot::sifted_by(Some(Arc::<Sieve>::clone(&sieve))),
            sieve: Some(sieve),
            ..Self::default()
        }
    }

    /// Whether what is noted is what the keyspace keeps back.
    fn is_noted(&self, snapshot: &Snapshot) -> bool {
        let noted = self.sieve.iter().flat_map(|own| own.0.lock().clone());
        noted.eq(snapshot.held_back().iter().cloned())
    }

    fn commit(&mut self, cause: Cause, changes: Vec<(Key, bool)>) -> Arc<Commit> {
        let revision = self.shown.revision + 1;
        let changes = (0_u32..).zip(changes).map(|(sub, (key, puts))| {
            let before = self.shown.entries.get(&key).cloned();
            // Others make entries anew; the deletion does not.
            let record = match &before {
                Some(before) if cause == Cause::Delete => {
                    Record::successor(Some(before.as_ref()), 0)
                }
                Some(_) | None => Record::default(),
            };
            let modified = Revision::new(revision, sub);
            let now = puts.then(|| Arc::new(Entry { record, modified }));
            Change { key, now, before }
        });
        Arc::new(Commit {
            revision,
            cause,
            subject: None,
            changes: changes.collect(),
        })
    }

    /// Writes or deletes one key.
    fn change(&mut self, key: Key, random: &mut fastrand::Rng) {
        let puts = random.bool() || !self.shown.entries.contains_key(&key);
        let commit = self.commit(Cause::Set, vec![(key, puts)]);
        self.shown.apply(&commit);
        self.history.push(&[commit]);
    }
}

/// Gives a commit another revision, and the entries that it puts.
fn number(commit: &mut Arc<Commit>, revision: u64) {
    let commit = Arc::get_mut(commit).unwrap();
    commit.revision = revision;
    for (sub, change) in (0_u32..).zip(&mut commit.changes) {
        if let Some(now) = &mut change.now {
            Arc::make_mut(now).modified = Revision::new(revision, sub);
        }
    }
}

fn any_key(random: &mut fastrand::Rng) -> Key {
    let name = |random: &mut fastrand::Rng| random.choice(["a", "b", "c"]).unwrap();
    let depth = random.usize(1..=3);
    let mut path: Vec<_> = (0..depth).map(|_| name(random)).collect();
    if random.u8(..4) == 0 {
        path.push("");
    }
    Key::user(path.join("/"))
}

type State = (
    Vec<Key>,
    Vec<(Key, Revision)>,
    Vec<(String, Directory)>,
    Vec<(Key, u64)>,
    u64,
    u64,
);

fn state(snapshot: &Snapshot) -> State {
    let all = || KeyRange::Prefix(Key::user("")).bounds();
    let entries = snapshot.entries.range(all());
    let directories = snapshot.directories.iter();
    let deleted = snapshot.deleted_in(all());
    (
        snapshot.held_back().iter().cloned().collect(),
        entries
            .map(|(key, own)| (key.clone(), own.modified))
            .collect(),
        directories
            .map(|(path, own)| (path.to_string(), *own))
            .collect(),
        deleted.map(|(key, at)| (key.clone(), at)).collect(),
        snapshot.bytes,
        snapshot.revision,
    )
}

#[test]
fn what_is_prepared_is_what_comes_of_one_commit_after_another() {
    let mut random = fastrand::Rng::with_seed(17);
    let (mut held, mut given_up) = (0, 0);
    for _ in 0..3_000 {
        let mut fixture = if random.bool() {
            Fixture::sifted()
        } else {
            Fixture::default()
        };
        for _ in 0..random.usize(1..30) {
            let key = any_key(&mut random);
            fixture.change(key, &mut random);
        }
        let mut keys: Vec<Key> = (0..6).map(|_| any_key(&mut random)).collect();
        keys.sort();
        keys.dedup();
        // It deletes what is there, but for a part that it writes; and what it writes may be new.
        let mut changes: Vec<_> = keys.into_iter().map(|key| (key, false)).collect();
        for (key, puts) in &mut changes {
            let is_there = fixture.shown.entries.contains_key(key);
            *puts = random.u8(..4) == 0 || !is_there && random.bool();
        }
        changes.retain(|(key, puts)| *puts || fixture.shown.entries.contains_key(key));
        random.shuffle(&mut changes);
        let mut deletion = fixture.commit(Cause::Delete, changes.clone());
        number(&mut deletion, 0);
        let prepared = PreparedDeletion::new(&fixture.shown, &deletion).unwrap();
        let Some(mut prepared) = prepared.sifted(&deletion, |commit, _, _| commit) else {
            given_up += 1;
            continue;
        };
        for _ in 0..random.usize(..6) {
            let other = any_key(&mut random);
            // What is to be written is locked.
            if changes.iter().all(|(own, _)| *own != other) {
                fixture.change(other, &mut random);
            }
        }
        if !prepared.catch_up(&fixture.history) {
            assert!(fixture.is_noted(&fixture.shown), "{changes:?}");
            given_up += 1;
            continue;
        }
        held += 1;
        let revision = fixture.shown.revision + 1;
        number(&mut deletion, revision);
        let mut ours = prepared.finish(&fixture.shown, &deletion).unwrap();
        for key in deletion.deleted_keys() {
            ours.deletions.insert(key.clone(), revision);
        }
        assert!(fixture.is_noted(&ours), "{changes:?}");
        let effects = fixture.shown.apply(&deletion);
        assert_eq!(state(&ours), state(&fixture.shown), "{changes:?}");
        assert_eq!(*prepared.effects, *effects, "{changes:?}");
    }
    assert!(held > 1_000 && given_up > 50, "{held}, {given_up}");
}

#[test]
fn what_is_shown_later_than_was_taken_in_is_not_prepared() {
    let mut random = fastrand::Rng::with_seed(1);
    let mut fixture = Fixture::default();
    fixture.change(Key::user("a"), &mut random);
    let mut deletion = fixture.commit(Cause::Delete, vec![(Key::user("a"), false)]);
    number(&mut deletion, 0);
    let mut prepared = PreparedDeletion::new(&fixture.shown, &deletion).unwrap();
    fixture.change(Key::user("b"), &mut random);
    number(&mut deletion, 3);
    assert!(prepared.finish(&fixture.shown, &deletion).is_none());
    assert!(prepared.catch_up(&fixture.history));
    assert!(prepared.finish(&fixture.shown, &deletion).is_some());
    // Of what is forgotten nobody knows what it did.
    fixture.change(Key::user("c"), &mut random);
    fixture.history.lose(3);
    assert!(!prepared.catch_up(&fixture.history));
}
