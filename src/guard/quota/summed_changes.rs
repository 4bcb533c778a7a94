//! `SummedChanges`: what a change does beneath each counted path, summed up.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::path_shapes::{PathShapes, ShapeWalk};
use super::usage::Usage;
use crate::model::{Commit, Key, Realm, Target, Write};

/// How long a name is that the store gives: 20 digits.
pub(super) const NAME: &[u8] = b"00000000000000000000";

/// A key by which a commit is recognized; or a parent, of a key that the store names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum ReservedKey {
    Named(Key),
    Beneath(Key),
}

/// What a change does beneath the paths of some forms. It may be summed up before its turn, in which only as many paths are looked
/// at as there are in it.
#[derive(Debug)]
pub(crate) struct SummedChanges {
    shapes: Arc<PathShapes>,
    /// The first counted key; none where nothing is beneath a path.
    pub(super) first: Option<ReservedKey>,
    pub(super) paths: BTreeMap<Arc<[u8]>, PathChange>,
}

/// What a change does beneath one path.
#[derive(Debug, Default)]
pub(super) struct PathChange {
    pub(super) added: Usage,
    /// The first key that it writes there.
    pub(super) written: Option<Key>,
}

impl ReservedKey {
    fn of(target: &Target) -> Self {
        match target {
            Target::Key(key) => Self::Named(key.clone()),
            Target::InOrder(parent) => Self::Beneath(parent.clone()),
        }
    }

    pub(super) fn is_unnamed(&self) -> bool {
        matches!(self, Self::Beneath(_))
    }
}

impl SummedChanges {
    /// What writes do. `known` has the paths that need not be copied.
    pub(super) fn of_writes(
        shapes: &Arc<PathShapes>,
        walk: &mut ShapeWalk,
        writes: &[Write],
        known: impl Fn(&[u8]) -> Option<Arc<[u8]>>,
    ) -> Self {
        let mut summed = Self::nothing(shapes);
        for write in writes {
            let named;
            let key = match &write.target {
                Target::Key(key) if key.realm() == Realm::User => key.as_bytes(),
                Target::InOrder(parent) if parent.realm() == Realm::User => {
                    named = [parent.as_bytes(), NAME].concat();
                    &named
                }
                Target::Key(_) | Target::InOrder(_) => continue,
            };
            let weight = |record| Usage::weighed(key.len(), record);
            let before = write.before.as_ref();
            let before = before.map_or_else(Usage::default, |entry| weight(&entry.record));
            let after = write.put.as_ref().map_or_else(Usage::default, weight);
            let change = after.minus(before);
            shapes.each_path(key, walk, |path| {
                let Self { first, paths, .. } = &mut summed;
                first.get_or_insert_with(|| ReservedKey::of(&write.target));
                let add = |own: &mut PathChange| {
                    own.added = own.added.plus(change);
                    if write.put.is_some() && own.written.is_none() {
                        let (Target::Key(key) | Target::InOrder(key)) = &write.target;
                        own.written = key.as_bytes().starts_with(path).then(|| key.clone());
                    }
                };
                change_path(paths, path, &known, add);
            });
        }
        summed
    }

    /// What a commit does.
    pub(super) fn of_commit(shapes: &Arc<PathShapes>, commit: &Commit) -> Self {
        let mut summed = Self::nothing(shapes);
        let mut walk = ShapeWalk::default();
        each_change(commit, |key, change| {
            shapes.each_path(key.as_bytes(), &mut walk, |path| {
                let Self { first, paths, .. } = &mut summed;
                first.get_or_insert_with(|| ReservedKey::Named(key.clone()));
                let add = |own: &mut PathChange| own.added = own.added.plus(change);
                change_path(paths, path, |_| None, add);
            });
        });
        summed
    }

    fn nothing(shapes: &Arc<PathShapes>) -> Self {
        Self {
            shapes: Arc::clone(shapes),
            first: None,
            paths: BTreeMap::new(),
        }
    }

    /// Whether these are the forms of the paths that it counts beneath.
    pub(super) fn counts(&self, shapes: &Arc<PathShapes>) -> bool {
        Arc::ptr_eq(&self.shapes, shapes)
    }
}

/// Changes what is summed up beneath a path.
fn change_path(
    paths: &mut BTreeMap<Arc<[u8]>, PathChange>,
    path: &[u8],
    known: impl Fn(&[u8]) -> Option<Arc<[u8]>>,
    change: impl FnOnce(&mut PathChange),
) {
    if let Some(own) = paths.get_mut(path) {
        return change(own);
    }
    let path = known(path).unwrap_or_else(|| Arc::from(path));
    change(paths.entry(path).or_default());
}

/// Visits what a commit does to each key that clients can name.
pub(super) fn each_change<'c>(commit: &'c Commit, mut visit: impl FnMut(&'c Key, Usage)) {
    for change in &commit.changes {
        if change.key.realm() == Realm::User {
            let weight = |entry| Usage::of(&change.key, entry);
            let now = change.now.as_deref().map_or_else(Usage::default, weight);
            let before = change.before.as_deref();
            let before = before.map_or_else(Usage::default, weight);
            visit(&change.key, now.minus(before));
        }
    }
}
