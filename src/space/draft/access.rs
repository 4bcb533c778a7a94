//! Permissions of a draft: what access lists ask of each write of a caller who has proved nothing.
//!
//! A create asks the node above for CREATE, a delete for DELETE, a write of an entry that stays the entry for WRITE. Nothing
//! is inherited. A node above that nobody wrote permits everything; where it comes or goes with what is written, the next one
//! above is asked as well. What begins to end an entry (a TTL, a lock that deletes) asks as a delete of it does. What would
//! change the list of a node that stays asks for ADMIN. The end of a lease asks nobody.
//!
//! Faces ask beforehand ([`Draft::asks_to`]), so that a refusal comes before other errors; [`Draft::check_lists`] asks for
//! whatever they may have left out.

use super::Draft;
use crate::model::{Entry, Key, KeyRange, LeaseEnd, Permissions, Realm, Record, Target, Write};
use crate::space::access::AccessCaller;
use crate::space::denied::Denied;
use crate::space::node_keys::{directory_of, node_above, node_keys, node_path};
use crate::space::read_write_set::Depth;
use crate::space::span::Span;

/// What is done with an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryAccess {
    /// Its value or attributes are shown.
    Read,
    /// It is created, or written if it is there.
    Put,
    /// It is deleted, if it is there.
    Delete,
}

/// Which node above speaks for one that comes or goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Passage {
    /// It is created: nodes above come with it that are not there.
    Comes,
    /// It is deleted: nodes above go with it that nobody wrote, and that nothing else is beneath.
    Goes,
}

impl Draft<'_> {
    /// Forbids the change unless access lists permit this of an entry.
    pub fn asks_to(&self, access: EntryAccess, key: &Key) {
        if !self.permits(access, key) {
            self.forbid_by(|| Denied::ByList(key.clone()));
        }
    }

    /// Whether access lists permit this of an entry. Unlike [`Draft::asks_to`], this forbids nothing.
    pub fn permits(&self, access: EntryAccess, key: &Key) -> bool {
        if !self.is_bound_by_lists() || key.realm() == Realm::System {
            return true;
        }
        match (access, self.peek(key)) {
            (EntryAccess::Read | EntryAccess::Delete, None) => true,
            (EntryAccess::Read, Some(entry)) => self.access.may(Permissions::READ, entry),
            (EntryAccess::Put, Some(entry)) => self.access.may(Permissions::WRITE, entry),
            (EntryAccess::Put, None) => self.permits_create(key),
            (EntryAccess::Delete, Some(_)) => {
                self.permits_above(key, Permissions::DELETE, Passage::Goes)
            }
        }
    }

    /// Forbids the change unless access lists permit this of what is under either key of the node at a path; where nothing is
    /// there they do.
    pub fn asks_to_node(&self, access: EntryAccess, path: &str) {
        if self.is_bound_by_lists() {
            for key in node_keys(path.as_bytes()) {
                if self.peek(&key).is_some() {
                    self.asks_to(access, &key);
                }
            }
        }
    }

    /// Whether access lists permit that everything with this prefix is deleted, as far as it is there.
    pub fn permits_delete_all(&self, prefix: &Key) -> bool {
        !self.is_bound_by_lists()
            || self
                .scan_everything(prefix, prefix)
                .all(|(key, _)| self.permits_above(key, Permissions::DELETE, Passage::Goes))
    }

    /// Whether a list shows this entry of a prefix, as a list of a view does.
    pub fn is_listed(&self, prefix: &Key, key: &Key, entry: &Entry) -> bool {
        if !self.is_bound_by_lists() {
            return true;
        }
        let begin = directory_of(prefix.as_bytes());
        let reads = |node: &[u8]| {
            let own = self.node_before(node);
            own.is_none_or(|own| self.access.may(Permissions::READ, own))
        };
        let mut at = key.node().map_or(begin, str::as_bytes);
        while at.len() > begin.len() {
            if !reads(at) {
                return false;
            }
            at = node_above(at).unwrap_or_default();
        }
        reads(begin) && self.access.may(Permissions::READ, entry)
    }

    /// Why access lists forbid what was written, if they do.
    pub(crate) fn check_lists(&self) -> Result<(), Denied> {
        if !self.is_bound_by_lists() {
            return Ok(());
        }
        for write in &self.writes {
            let is_permitted = match &write.target {
                Target::InOrder(parent) => self.permits_create(&in_order(parent)),
                Target::Key(key) if key.realm() == Realm::System => true,
                Target::Key(key) => self.permits_write(key, write),
            };
            if !is_permitted {
                let (Target::InOrder(key) | Target::Key(key)) = &write.target;
                return Err(Denied::ByList(key.clone()));
            }
        }
        Ok(())
    }

    /// Whether a list may bind the caller at all.
    fn is_bound_by_lists(&self) -> bool {
        self.access != AccessCaller::Exempt && self.base.has_lists()
    }

    fn permits_write(&self, key: &Key, write: &Write) -> bool {
        let is_permitted = match (&write.before, &write.put) {
            (None, None) => true,
            (None, Some(put)) => self.permits_create(key) && self.permits_ending(key, None, put),
            (Some(before), _) if self.is_released(before) => return true,
            (Some(before), Some(put)) => {
                self.access.may(Permissions::WRITE, before)
                    && self.permits_ending(key, Some(before), put)
            }
            (Some(_), None) => self.permits_above(key, Permissions::DELETE, Passage::Goes),
        };
        is_permitted && self.keeps_list(key)
    }

    /// Whether it belongs to a lease that ends here.
    fn is_released(&self, before: &Entry) -> bool {
        let attrs = before.attrs();
        let ended = |lease: &_| self.ended.contains(lease);
        attrs.lock.iter().chain(&attrs.bound).any(ended)
    }

    fn permits_create(&self, key: &Key) -> bool {
        // The other key of a node that is there: it is no new node.
        match self.node_before(node_path(key)) {
            Some(other) => self.access.may(Permissions::WRITE, other),
            None => self.permits_above(key, Permissions::CREATE, Passage::Comes),
        }
    }

    /// Whether what a write begins may be done later: the end of the entry, and of all beneath it.
    fn permits_ending(&self, key: &Key, before: Option<&Entry>, put: &Record) -> bool {
        let had_deadline = before.is_some_and(|before| before.attrs().deadline.is_some());
        let begins = put.attrs.deadline.is_some() && !had_deadline;
        let lock = put
            .attrs
            .lock
            .filter(|lock| before.is_some_and(|before| before.attrs().lock != Some(*lock)));
        let deletes = lock
            .and_then(|lock| self.lease(lock))
            .is_some_and(|lease| lease.on_end == LeaseEnd::Delete);
        let deletes_own = (begins || deletes) && before.is_some();
        let beneath = Key::user([node_path(key), b"/"].concat());
        (!deletes_own || self.permits_above(key, Permissions::DELETE, Passage::Goes))
            && (!begins || self.permits_beneath(&beneath))
    }

    /// Whether every list in a tree permits deletes.
    fn permits_beneath(&self, prefix: &Key) -> bool {
        let range = KeyRange::Prefix(prefix.clone());
        self.note_read(Span::new(prefix, range.bounds().1), Depth::Entries);
        let listed = self.base.listed_in(&range);
        let mut entries = listed.iter().filter_map(|key| self.base.get(key));
        entries.all(|entry| self.access.may(Permissions::DELETE, entry))
    }

    /// Whether the node above that speaks for an entry gives this permission.
    fn permits_above(&self, key: &Key, wanted: Permissions, passage: Passage) -> bool {
        let mut at = node_path(key);
        while let Some(above) = node_above(at) {
            if let Some(entry) = self.node_before(above) {
                return self.access.may(wanted, entry);
            }
            let keys = node_keys(above);
            // One that this change makes has no list, and was asked for itself.
            if keys
                .iter()
                .any(|key| self.written.get(key).is_some_and(|own| own.shown.is_some()))
            {
                return true;
            }
            let [_, beneath] = keys;
            let stays = match passage {
                Passage::Comes => self.was_beneath(&beneath),
                Passage::Goes => self.first_of_all_nodes(&beneath, &beneath).is_some(),
            };
            if !above.is_empty() && stays {
                return true;
            }
            at = above;
        }
        true
    }

    /// The entry of a node as it is decided on, without what this change writes.
    fn node_before(&self, node: &[u8]) -> Option<&Entry> {
        let own = |key: &Key| {
            self.note_key(key);
            self.stored(key)
        };
        node_keys(node).iter().find_map(own).map(AsRef::as_ref)
    }

    /// Whether anything was beneath a node before this change.
    fn was_beneath(&self, beneath: &Key) -> bool {
        let (from, end) = KeyRange::Prefix(beneath.clone()).bounds();
        let first = self.base.range((from, end.clone())).next();
        let first = first.map(|(key, _)| key.clone());
        let is_there = first.is_some();
        let to = first.map_or(end, std::ops::Bound::Included);
        self.note_read(Span::new(beneath, to), Depth::Keys);
        is_there
    }

    /// Whether the node of a key keeps its list, goes, or may be given another.
    fn keeps_list(&self, key: &Key) -> bool {
        let node = node_path(key);
        let Some(before) = self.node_before(node) else {
            return true;
        };
        let Some(list) = before.attrs().access() else {
            return true;
        };
        let keys = node_keys(node);
        let now = keys.iter().find_map(|key| self.peek(key));
        let is_kept = if let Some(now) = now {
            now.attrs().access() == Some(list)
        } else {
            let [_, beneath] = &keys;
            self.first_of_all_nodes(beneath, beneath).is_none()
        };
        is_kept || self.access.may(Permissions::ADMIN, before)
    }
}

/// A key like the one that the store will name.
fn in_order(parent: &Key) -> Key {
    Key::user([parent.as_bytes(), b"0"].concat())
}
