//! Renewal rules: beneath which directories an equal write is a renewal, and when one must be told of all the same.
//!
//! dockerd takes up a watch that broke, such as that of an endpoint count, only when something happens among Docker's nodes.
//! So after a watch of any client broke, one equal write beneath each directory is made as any other, and wakes its watches.
//! When a keyspace is opened every watch has broken.

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::model::{Cause, Commit, Key, Realm};

/// The shortest time between two writes that are made to be told of, so that clients whose watches break all the time do not
/// wake everybody all the time.
const BETWEEN: Duration = Duration::from_secs(5);

/// The rules of one keyspace.
#[derive(Debug)]
pub(crate) struct RenewalRules {
    directories: OnceLock<Vec<RenewedDirectory>>,
    /// How often watches broke.
    broken: AtomicU64,
}

/// A directory beneath which an equal write is a renewal.
#[derive(Debug)]
struct RenewedDirectory {
    /// What the keys beneath it begin with.
    prefix: Vec<u8>,
    /// How many of the watches that broke are old when something beneath it was last told.
    told: AtomicU64,
    /// When the next write may be made to be told of.
    next: Mutex<Option<Instant>>,
}

impl Default for RenewalRules {
    fn default() -> Self {
        Self {
            directories: OnceLock::new(),
            broken: AtomicU64::new(1),
        }
    }
}

impl RenewalRules {
    /// Sets the directories, once.
    pub(crate) fn set(&self, paths: &[String]) {
        let directory = |path: &String| RenewedDirectory {
            prefix: format!("{}/", path.trim_matches('/')).into_bytes(),
            told: AtomicU64::new(0),
            next: Mutex::new(None),
        };
        let _set_before = self.directories.set(paths.iter().map(directory).collect());
    }

    /// Whether an equal write of this key is a renewal.
    pub(crate) fn include(&self, key: &Key) -> bool {
        self.of(key).is_some()
    }

    fn of(&self, key: &Key) -> Option<&RenewedDirectory> {
        if key.realm() != Realm::User {
            return None;
        }
        let mut directories = self.directories.get()?.iter();
        directories.find(|own| {
            let rest = key.as_bytes().strip_prefix(own.prefix.as_slice());
            rest.is_some_and(|rest| !rest.is_empty())
        })
    }

    /// Notes that a watch broke: its client does not know of it yet, or has to begin another.
    pub(crate) fn watch_broke(&self) {
        self.broken.fetch_add(1, Ordering::AcqRel);
    }

    /// How often watches broke up to now.
    pub(crate) fn broken(&self) -> u64 {
        self.broken.load(Ordering::Acquire)
    }

    /// Whether this equal write is to be told of. Only one at a time is: where that comes to nothing, one of a while later.
    pub(crate) fn takes_telling(&self, key: &Key) -> bool {
        let Some(directory) = self.of(key) else {
            return false;
        };
        if directory.told.load(Ordering::Acquire) == self.broken() {
            return false;
        }
        let now = Instant::now();
        let mut next = directory.next.lock();
        if next.is_some_and(|next| now < next) {
            return false;
        }
        *next = Some(now + BETWEEN);
        true
    }

    /// Notes what the watches were told after so many of them broke.
    pub(crate) fn told(&self, broken: u64, commits: &[Arc<Commit>]) {
        let Some(directories) = self.directories.get() else {
            return;
        };
        let is_told = |commit: &&Arc<Commit>| commit.cause != Cause::Refresh;
        for directory in directories {
            if directory.told.load(Ordering::Acquire) == broken {
                continue;
            }
            let mut changes = commits.iter().filter(is_told).flat_map(|own| &own.changes);
            let is_beneath = changes.any(|change| {
                change.key.realm() == Realm::User
                    && change.key.as_bytes().starts_with(&directory.prefix)
            });
            if is_beneath {
                directory.told.fetch_max(broken, Ordering::AcqRel);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Change;

    fn rules() -> RenewalRules {
        let rules = RenewalRules::default();
        rules.set(&["/docker/nodes/".to_owned(), "own".to_owned()]);
        rules
    }

    fn commit(key: &Key, cause: Cause) -> [Arc<Commit>; 1] {
        let (key, now, before) = (key.clone(), None, None);
        [Arc::new(Commit {
            revision: 1,
            cause,
            subject: None,
            changes: vec![Change { key, now, before }],
        })]
    }

    #[test]
    fn only_what_lies_beneath_a_directory_is_renewed() {
        let rules = rules();
        for (key, is_beneath) in [
            ("docker/nodes/a", true),
            ("own/a/b", true),
            ("docker/nodes/", false),
            ("docker/nodes", false),
            ("docker/nodesx", false),
            ("x/docker/nodes/a", false),
        ] {
            assert_eq!(rules.include(&Key::user(key)), is_beneath, "{key}");
        }
        assert!(!rules.include(&Key::system("own/a")));
        let off = RenewalRules::default();
        assert!(!off.include(&Key::user("docker/nodes/a")));
    }

    #[tokio::test(start_paused = true)]
    async fn one_write_is_told_of_after_any_watch_broke() {
        let (rules, key) = (rules(), Key::user("own/a"));
        assert!(rules.takes_telling(&key), "every watch has broken");
        assert!(!rules.takes_telling(&key), "one at a time");
        tokio::time::advance(BETWEEN).await;
        assert!(rules.takes_telling(&key), "the first came to nothing");
        rules.told(rules.broken(), &commit(&key, Cause::Refresh));
        tokio::time::advance(BETWEEN).await;
        assert!(rules.takes_telling(&key), "nobody is told of a refresh");
        let broken = rules.broken();
        rules.watch_broke();
        rules.told(broken, &commit(&key, Cause::Set));
        tokio::time::advance(BETWEEN).await;
        assert!(rules.takes_telling(&key), "one broke after it was told");
        rules.told(rules.broken(), &commit(&key, Cause::Expire));
        tokio::time::advance(BETWEEN).await;
        assert!(!rules.takes_telling(&key));
        assert!(rules.takes_telling(&Key::user("docker/nodes/a")));
    }
}
