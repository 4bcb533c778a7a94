//! Entries as znodes: what ZooKeeper shows of an entry, whichever face wrote it.
//!
//! ZooKeeper counts the data and the access list of a node separately. Here every write has a revision, so a write of the list
//! alone ([`Record::with_access`]) leaves the version as it is and notes the commit that wrote the data.

use bytes::Bytes;

use super::znode_attrs::{DataMark, ZnodeAttrs};
use super::{AccessList, Attrs, Entry, Mark, Record};

impl Attrs {
    /// Its access list; `None` is the open one.
    pub fn access(&self) -> Option<&AccessList> {
        self.znode.as_ref()?.acl.as_ref()
    }

    /// Gives it this access list, from its creation on: to change the list later is [`Record::with_access`].
    pub fn set_access(&mut self, list: AccessList) {
        let acl = (!list.is_open()).then_some(list);
        if acl.is_none() && self.znode.is_none() {
            return;
        }
        ZnodeAttrs::change(&mut self.znode, |znode| znode.acl = acl);
    }

    /// How often its access list was set.
    pub fn aversion(&self) -> u32 {
        self.znode.as_ref().map_or(0, |znode| znode.aversion)
    }

    /// Whether it is a container.
    pub fn is_container(&self) -> bool {
        self.znode.as_ref().is_some_and(|znode| znode.container)
    }

    /// Makes it a container, or no longer one.
    pub fn set_container(&mut self, is_container: bool) {
        ZnodeAttrs::change(&mut self.znode, |znode| znode.container = is_container);
    }

    /// How long it outlives its last write while it has no children, in milliseconds.
    pub fn childless_ttl_ms(&self) -> Option<u64> {
        self.znode.as_ref()?.ttl_ms
    }

    /// Lets it end so many milliseconds after its last write while it has no children.
    pub fn set_childless_ttl_ms(&mut self, ttl_ms: Option<u64>) {
        ZnodeAttrs::change(&mut self.znode, |znode| znode.ttl_ms = ttl_ms);
    }

    /// Gives it the version and the aversion that it had where it was imported from.
    pub fn import_versions(&mut self, version: u64, aversion: u32) {
        let ahead = version.saturating_sub(self.version);
        self.version = version;
        ZnodeAttrs::change(&mut self.znode, |znode| {
            znode.aversion = aversion;
            znode.imported_version = znode.imported_version.saturating_add(ahead);
        });
    }

    /// The version of an entry that a store has seen written so many times after it was created.
    pub fn counted_version(&self, writes: u64) -> u64 {
        let imported = self
            .znode
            .as_ref()
            .map_or(0, |znode| znode.imported_version);
        writes.saturating_add(imported)
    }

    /// About how many bytes of memory it takes beyond what every entry does.
    pub fn extra_memory_bytes(&self) -> usize {
        self.znode.as_ref().map_or(0, |znode| znode.memory_bytes())
    }

    /// The most bytes that its access list takes in a store.
    pub fn access_bytes(&self) -> usize {
        self.access().map_or(0, AccessList::stored_bytes)
    }

    /// What stays of it when another program writes a value into the store, beside the gateway: neither the data's own
    /// attributes, nor what a client of Consul or etcd set together with the value.
    pub fn outlasting(&self) -> Option<Self> {
        let mut kept = Self {
            bound: self.bound,
            znode: self.znode.clone(),
            ..Self::default()
        };
        kept.forget_data_marks();
        (kept.bound.is_some() || kept.znode.is_some()).then_some(kept)
    }

    /// Whether the data is null; it must be empty, too.
    fn is_null(&self) -> bool {
        let null = self.znode.as_ref().and_then(|znode| znode.null);
        null == Some(self.version)
    }
}

impl Record {
    /// The record that a write of the access list alone begins with: it leaves version, time and data as they are.
    #[must_use]
    pub fn with_access(before: &Entry, list: AccessList) -> Self {
        let mut record = before.record.clone();
        record.attrs.created = Mark::At(before.created());
        record.attrs.placed = Mark::At(before.placed());
        let data = DataMark {
            version: record.attrs.version,
            revision: before.data_index(),
        };
        ZnodeAttrs::change(&mut record.attrs.znode, |znode| znode.data = Some(data));
        record.replace_access(list);
        record
    }

    /// Replaces the list of a record that the commit in the making has written already.
    pub fn replace_access(&mut self, list: AccessList) {
        self.attrs.set_access(list);
        ZnodeAttrs::change(&mut self.attrs.znode, |znode| {
            znode.aversion = znode.aversion.wrapping_add(1);
        });
    }

    /// Makes it the next version of a record that the commit in the making has written already.
    pub fn next_version(&mut self, now_ms: i64) {
        self.attrs.version = self.attrs.version.saturating_add(1);
        self.attrs.mtime_ms = now_ms;
        self.attrs.forget_data_marks();
    }

    /// Sets the data; `None` is null, which every face but ZooKeeper's shows as an empty value.
    pub fn set_data(&mut self, data: Option<Bytes>) {
        let null = data.is_none().then_some(self.attrs.version);
        if null.is_some() || self.attrs.znode.is_some() {
            ZnodeAttrs::change(&mut self.attrs.znode, |znode| znode.null = null);
        }
        self.value = data.unwrap_or_default();
    }
}

impl Entry {
    /// The data; `None` is null.
    pub fn data(&self) -> Option<&Bytes> {
        let is_null = self.value().is_empty() && self.attrs().is_null();
        (!is_null).then(|| self.value())
    }

    /// The main revision of the commit that wrote the data: ZooKeeper's mzxid.
    pub fn data_index(&self) -> u64 {
        let data = self.attrs().znode.as_ref().and_then(|znode| znode.data);
        // A mark of another version is older than this one's data.
        let data = data.filter(|data| data.version == self.attrs().version);
        data.map_or(self.index(), |data| data.revision.min(self.index()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{AccessEntry, Revision};

    fn list(id: &str) -> AccessList {
        AccessList::from(vec![AccessEntry {
            perms: 1,
            scheme: "digest".to_owned(),
            id: id.to_owned(),
        }])
    }

    fn at(main: u64, record: Record) -> Entry {
        let modified = Revision::new(main, 0);
        Entry { record, modified }
    }

    /// What ZooKeeper shows of the data.
    fn shown(entry: &Entry) -> (u64, u64, i64) {
        let attrs = entry.attrs();
        (entry.data_index(), attrs.version, attrs.mtime_ms)
    }

    #[test]
    fn access_list_is_set_without_another_version_of_the_data() {
        let first = at(7, Record::successor(None, 5));
        let second = at(8, Record::successor(Some(&first), 6));
        let closed = at(9, Record::with_access(&second, list("a")));
        assert_eq!((closed.index(), closed.created()), (9, 7));
        assert_eq!(shown(&closed), (8, 1, 6));
        assert_eq!(closed.attrs().aversion(), 1);
        let again = at(10, Record::with_access(&closed, list("b")));
        assert_eq!(shown(&again), (8, 1, 6));
        assert_eq!(again.attrs().aversion(), 2);
        assert_eq!(again.attrs().access(), Some(&list("b")));
        let written = at(11, Record::successor(Some(&again), 12));
        assert_eq!(shown(&written), (11, 2, 12));
        assert_eq!(written.attrs().access(), Some(&list("b")));
        assert_eq!(written.attrs().aversion(), 2);
    }

    #[test]
    fn open_list_is_none() {
        let mut attrs = Attrs::default();
        attrs.set_access(AccessList::open());
        assert_eq!(attrs, Attrs::default());
        attrs.set_access(list("a"));
        attrs.set_access(AccessList::open());
        assert_eq!(attrs, Attrs::default());
    }

    #[test]
    fn null_data_is_null_until_the_next_write() {
        let mut record = Record::successor(None, 5);
        record.set_data(None);
        let null = at(7, record);
        assert_eq!(null.data(), None);
        assert_eq!(null.value(), "");
        let closed = at(8, Record::with_access(&null, list("a")));
        assert_eq!(closed.data(), None);
        // As a face that knows no null writes an empty value.
        let empty = at(9, Record::successor(Some(&closed), 6));
        assert_eq!(empty.data(), Some(&Bytes::new()));
        let mut record = Record::successor(Some(&null), 6);
        record.set_data(None);
        record.next_version(7);
        record.set_data(Some(Bytes::new()));
        assert_eq!(at(9, record).data(), Some(&Bytes::new()));
    }

    /// As a release that does not know these attributes writes: it keeps them, and counts the version up.
    fn by_an_older_release(entry: &Entry, value: &str, now_ms: i64) -> Record {
        let text = serde_json::to_string(entry.attrs()).unwrap();
        let mut attrs: serde_json::Value = serde_json::from_str(&text).unwrap();
        attrs["version"] = (entry.attrs().version + 1).into();
        attrs["mtime_ms"] = now_ms.into();
        Record {
            value: value.to_owned().into(),
            attrs: serde_json::from_value(attrs).unwrap(),
        }
    }

    #[test]
    fn write_of_an_older_release_is_another_version_with_data() {
        let mut record = Record::successor(None, 5);
        record.set_data(None);
        let closed = at(9, Record::with_access(&at(7, record), list("a")));
        assert_eq!((shown(&closed), closed.data()), ((7, 0, 5), None));
        for value in ["", "v"] {
            let written = at(11, by_an_older_release(&closed, value, 12));
            assert_eq!(shown(&written), (11, 1, 12));
            assert_eq!(written.data(), Some(&Bytes::from(value)));
            assert_eq!(written.attrs().access(), Some(&list("a")));
        }
    }

    #[test]
    fn imported_version_counts_on_in_a_store_that_counts_itself() {
        let mut record = Record::successor(None, 5);
        record.attrs.import_versions(57, 3);
        let imported = at(7, record);
        assert_eq!(
            (imported.attrs().version, imported.attrs().aversion()),
            (57, 3)
        );
        let written = at(8, Record::successor(Some(&imported), 6));
        assert_eq!(written.attrs().version, 58);
        // An external write is the third, the second one after the first.
        assert_eq!(written.attrs().outlasting().unwrap().counted_version(2), 59);
    }

    #[test]
    fn rare_attributes_take_one_pointer_of_an_entry() {
        let without = size_of::<Attrs>() - size_of::<usize>();
        assert!(without <= 208, "{without}");
    }
}
