//! `RenewalRules`: the directories beneath which an equal write is a renewal, and the exceptions that watches get as events.
//!
//! dockerd re-establishes a broken watch, such as that of an endpoint count, only after an event of Docker's nodes. So once the
//! watch of any client has broken, one equal write beneath each directory is made as any other write, and wakes its watches.
//! Opening a keyspace breaks every watch.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use tokio::time::Instant;

use crate::model::{Cause, Commit, Key, Realm};

/// The shortest time between two equal writes that are delivered, so that clients whose watches break all the time do not wake
/// everybody all the time.
const BETWEEN: Duration = Duration::from_secs(5);

/// The most directories, each with hosts of its own, whose deliveries are tracked. Equal writes beneath others are made as any
/// other write.
const MAX_DIRECTORIES: usize = 1_024;

/// The rules of one keyspace.
#[derive(Debug)]
pub(crate) struct RenewalRules {
    paths: OnceLock<Vec<RenewedPath>>,
    /// The directories beneath which something changed, by what the keys beneath them begin with.
    directories: RwLock<HashMap<Vec<u8>, Arc<RenewedDirectory>>>,
    /// How often watches broke.
    broken: AtomicU64,
    /// How many of them had broken before the last delivery beneath each of the directories.
    all_delivered: AtomicU64,
}

/// A path that names directories beneath which an equal write is a renewal.
#[derive(Debug)]
struct RenewedPath {
    /// What the keys beneath it begin with, after what stands before it.
    text: Vec<u8>,
    /// Whether any path stands before it, rather than none.
    is_beneath_any: bool,
}

/// A directory beneath which an equal write is a renewal.
#[derive(Debug, Default)]
struct RenewedDirectory {
    /// How many watches had broken before the last delivery beneath it.
    delivered: AtomicU64,
    /// When the next equal write may be delivered.
    next: Mutex<Option<Instant>>,
}

impl Default for RenewalRules {
    fn default() -> Self {
        Self {
            paths: OnceLock::new(),
            directories: RwLock::default(),
            broken: AtomicU64::new(1),
            all_delivered: AtomicU64::new(0),
        }
    }
}

impl RenewedPath {
    /// The path of this text; `*/` before it stands for any path.
    fn of(text: &str) -> Self {
        let (path, is_beneath_any) = match text.strip_prefix("*/") {
            Some(path) => (path, true),
            None => (text, false),
        };
        Self {
            text: format!("{}/", path.trim_matches('/')).into_bytes(),
            is_beneath_any,
        }
    }

    /// What the keys of the directory begin with that it names, and this key is beneath.
    fn directory_of<'a>(&self, key: &'a [u8]) -> Option<&'a [u8]> {
        let length = self.text.len();
        let from = if self.is_beneath_any {
            let mut places = key.windows(length).enumerate().skip(2);
            let begins = |at: usize| key.get(at.wrapping_sub(1)) == Some(&b'/');
            places
                .find(|(at, found)| begins(*at) && *found == self.text)?
                .0
        } else {
            key.starts_with(&self.text).then_some(0)?
        };
        let (directory, name) = key.split_at_checked(from.saturating_add(length))?;
        (!name.is_empty()).then_some(directory)
    }
}

impl RenewalRules {
    /// Sets the paths of the directories, once.
    pub(crate) fn set(&self, paths: &[String]) {
        let paths = paths.iter().map(|path| RenewedPath::of(path));
        let _set_before = self.paths.set(paths.collect());
    }

    /// Whether an equal write of this key is a renewal.
    pub(crate) fn include(&self, key: &Key) -> bool {
        self.directory_of(key).is_some()
    }

    fn directory_of<'a>(&self, key: &'a Key) -> Option<&'a [u8]> {
        if key.realm() != Realm::User {
            return None;
        }
        let mut paths = self.paths.get()?.iter();
        paths.find_map(|path| path.directory_of(key.as_bytes()))
    }

    /// The deliveries beneath a directory; `None` where there are too many.
    fn known(&self, directory: &[u8]) -> Option<Arc<RenewedDirectory>> {
        if let Some(known) = self.directories.read().get(directory) {
            return Some(Arc::clone(known));
        }
        let mut directories = self.directories.write();
        if directories.len() >= MAX_DIRECTORIES {
            return None;
        }
        self.all_delivered.store(0, Ordering::Release);
        let known = directories.entry(directory.to_vec()).or_default();
        Some(Arc::clone(known))
    }

    /// Notes that a watch broke: its client does not know of it yet, or has to begin another.
    pub(crate) fn watch_broke(&self) {
        self.broken.fetch_add(1, Ordering::AcqRel);
    }

    /// How often watches broke up to now.
    pub(crate) fn broken(&self) -> u64 {
        self.broken.load(Ordering::Acquire)
    }

    /// Whether this equal write is to be delivered. Only one at a time is: if it fails, one of a while later is.
    pub(crate) fn claims_delivery(&self, key: &Key) -> bool {
        let Some(path) = self.directory_of(key) else {
            return false;
        };
        let Some(directory) = self.known(path) else {
            return true;
        };
        if directory.delivered.load(Ordering::Acquire) == self.broken() {
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

    /// Notes commits that watches got after so many of them broke.
    pub(crate) fn note_delivered(&self, broken: u64, commits: &[Arc<Commit>]) {
        let is_delivered = |commit: &&Arc<Commit>| commit.cause != Cause::Refresh;
        let changes = commits
            .iter()
            .filter(is_delivered)
            .flat_map(|own| &own.changes);
        self.note_delivered_keys(broken, changes.map(|change| &change.key));
    }

    /// One of these keys beneath each directory.
    pub(crate) fn one_each<'a>(&self, keys: impl Iterator<Item = &'a Key>) -> Vec<Key> {
        let mut found = HashMap::new();
        for key in keys {
            if let Some(directory) = self.directory_of(key)
                && found.len() < MAX_DIRECTORIES
            {
                found.entry(directory).or_insert(key);
            }
        }
        found.into_values().cloned().collect()
    }

    /// As [`Self::note_delivered`], of keys whose changes watches got.
    pub(crate) fn note_delivered_keys<'a>(&self, broken: u64, keys: impl Iterator<Item = &'a Key>) {
        if self.all_delivered.load(Ordering::Acquire) == broken {
            return;
        }
        let mut any_delivered = false;
        for key in keys {
            let directory = self.directory_of(key);
            if let Some(directory) = directory.and_then(|path| self.known(path)) {
                directory.delivered.fetch_max(broken, Ordering::AcqRel);
                any_delivered = true;
            }
        }
        if !any_delivered {
            return;
        }
        // A directory that is added waits for this lock, and sets it back.
        let directories = self.directories.read();
        let mut delivered = directories
            .values()
            .map(|one| one.delivered.load(Ordering::Acquire));
        if delivered.all(|delivered| delivered >= broken) {
            self.all_delivered.store(broken, Ordering::Release);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Change;

    fn rules() -> RenewalRules {
        let rules = RenewalRules::default();
        rules.set(&[
            "/docker/nodes/".to_owned(),
            "*/docker/nodes".to_owned(),
            "own".to_owned(),
        ]);
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
            ("x/docker/nodes/a", true),
            ("x/y/docker/nodes/a", true),
            ("x/docker/nodes/", false),
            ("x/docker/nodesx/a", false),
            ("xdocker/nodes/a", false),
            ("x/xdocker/nodes/a", false),
            ("x/own/a", false),
        ] {
            assert_eq!(rules.include(&Key::user(key)), is_beneath, "{key}");
        }
        assert!(!rules.include(&Key::system("own/a")));
        let off = RenewalRules::default();
        assert!(!off.include(&Key::user("docker/nodes/a")));
    }

    #[tokio::test(start_paused = true)]
    async fn one_write_is_delivered_after_any_watch_broke() {
        let (rules, key) = (rules(), Key::user("own/a"));
        assert!(rules.claims_delivery(&key), "every watch has broken");
        assert!(!rules.claims_delivery(&key), "one at a time");
        tokio::time::advance(BETWEEN).await;
        assert!(rules.claims_delivery(&key), "the first failed");
        rules.note_delivered(rules.broken(), &commit(&key, Cause::Refresh));
        tokio::time::advance(BETWEEN).await;
        assert!(
            rules.claims_delivery(&key),
            "a refresh is delivered to nobody"
        );
        let broken = rules.broken();
        rules.watch_broke();
        rules.note_delivered(broken, &commit(&key, Cause::Set));
        tokio::time::advance(BETWEEN).await;
        assert!(rules.claims_delivery(&key), "one broke after the delivery");
        rules.note_delivered(rules.broken(), &commit(&key, Cause::Expire));
        tokio::time::advance(BETWEEN).await;
        assert!(!rules.claims_delivery(&key));
        assert!(rules.claims_delivery(&Key::user("docker/nodes/a")));
    }

    #[tokio::test(start_paused = true)]
    async fn each_tenant_gets_its_own_delivery_however_many_there_are() {
        let rules = rules();
        let key = |tenant: usize| Key::user(format!("{tenant}/docker/nodes/a"));
        for tenant in 0..MAX_DIRECTORIES {
            assert!(rules.claims_delivery(&key(tenant)));
            rules.note_delivered(rules.broken(), &commit(&key(tenant), Cause::Set));
        }
        for tenant in 0..MAX_DIRECTORIES {
            assert!(!rules.claims_delivery(&key(tenant)));
        }
        let beyond = key(MAX_DIRECTORIES);
        rules.note_delivered(rules.broken(), &commit(&beyond, Cause::Set));
        assert!(rules.claims_delivery(&beyond), "written as any other");
        rules.watch_broke();
        tokio::time::advance(BETWEEN).await;
        rules.note_delivered(rules.broken(), &commit(&key(1), Cause::Set));
        assert!(!rules.claims_delivery(&key(1)));
        assert!(rules.claims_delivery(&key(2)));
    }
}
