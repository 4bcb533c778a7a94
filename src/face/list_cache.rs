//! List cache: encoded lists, kept until something in them changes.
//!
//! Docker asks for the list of all networks several times for each thing it does. All callers who may see the same keys
//! of it share one list: it is encoded once, compressed once, and sent again while it is [`Fresh`].

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::OnceCell;

use super::gzip;
use crate::model::{Caller, KeyRange};
use crate::space::{Fresh, Keyspace, View, ViewClass};

/// The most that is cached, in bytes of bodies; the oldest goes first.
const MOST_BYTES: usize = 64 << 20;

/// A list, encoded from a view.
#[derive(Debug)]
pub(crate) struct Made {
    /// The body of the answer.
    pub(crate) body: Vec<u8>,
    /// The index of its entries.
    pub(crate) index: u64,
    /// Whether it stays valid until an entry changes; a list that shows remaining seconds does not.
    pub(crate) lasts: bool,
}

/// An encoded list.
#[derive(Debug)]
pub(crate) struct Encoded {
    body: Bytes,
    compressed: OnceCell<Bytes>,
    index: u64,
}

/// Which list it is: what was asked for, and which keys of that the caller may see.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Name {
    asked: Vec<u8>,
    class: ViewClass,
}

/// The lists of one face, by what was asked for.
#[derive(Debug, Default)]
pub(crate) struct ListCache {
    lists: Mutex<Lists>,
}

#[derive(Debug, Default)]
struct Lists {
    by_name: HashMap<Name, Arc<Slot>>,
    /// By age; a name stands here once for each time it was made.
    order: VecDeque<(Name, Arc<Slot>)>,
    bytes: usize,
}

#[derive(Debug)]
struct Slot {
    fresh: Fresh,
    /// The view to encode, until that is done: a view keeps entries in memory that were deleted since.
    view: Mutex<Option<View>>,
    made: OnceCell<Option<Arc<Encoded>>>,
    /// Not to be used for later requests.
    spent: AtomicBool,
    weight: AtomicUsize,
}

impl ListCache {
    /// The list that is `asked` for, from a view that shows all that was answered before the call. `make` makes it where
    /// it is not kept, once for all who ask meanwhile and may see the same; where it gives `None` there is no such list.
    /// It must depend on nothing but the keys in these ranges.
    pub(crate) async fn get(
        &self,
        space: &Keyspace,
        caller: &Caller,
        asked: Vec<u8>,
        ranges: Vec<KeyRange>,
        make: impl FnOnce(&View) -> Option<Made> + Send + 'static,
    ) -> Option<Arc<Encoded>> {
        let slot = self.slot(space, caller, asked, ranges);
        let made = slot.made.get_or_init(|| async {
            let view = slot.view.lock().clone()?;
            // Encoding a long list must not hold up other requests. Only a runtime that is shutting down loses the task.
            let made = tokio::task::spawn_blocking(move || make(&view))
                .await
                .ok()?;
            *slot.view.lock() = None;
            let Some(made) = made else {
                slot.spent.store(true, Ordering::Release);
                return None;
            };
            slot.spent.fetch_or(!made.lasts, Ordering::AcqRel);
            self.weigh(&slot, made.body.len());
            Some(Arc::new(Encoded {
                body: made.body.into(),
                compressed: OnceCell::new(),
                index: made.index,
            }))
        });
        made.await.clone()
    }

    fn slot(
        &self,
        space: &Keyspace,
        caller: &Caller,
        asked: Vec<u8>,
        ranges: Vec<KeyRange>,
    ) -> Arc<Slot> {
        // Asked for once: what is kept under this class was made by it.
        let visibility = space.visibility(caller);
        let name = Name {
            asked,
            class: visibility.class(&ranges),
        };
        let mut lists = self.lists.lock();
        if let Some(slot) = lists.by_name.get(&name)
            && slot.fresh.is_fresh()
            && !slot.spent.load(Ordering::Acquire)
        {
            return Arc::clone(slot);
        }
        let (view, fresh) = space.read_and_follow(visibility, ranges);
        let slot = Arc::new(Slot {
            fresh,
            view: Mutex::new(Some(view)),
            made: OnceCell::new(),
            spent: AtomicBool::new(false),
            weight: AtomicUsize::new(0),
        });
        lists.by_name.insert(name.clone(), Arc::clone(&slot));
        lists.order.push_back((name, Arc::clone(&slot)));
        slot
    }

    /// Counts the bytes of a list, and drops the oldest lists where they are too many.
    fn weigh(&self, slot: &Slot, body: usize) {
        // With a compressed body, which may be added.
        let weight = body + body / 4 + 512;
        slot.weight.store(weight, Ordering::Release);
        let mut lists = self.lists.lock();
        lists.bytes += weight;
        lists.tidy();
    }
}

impl Lists {
    fn tidy(&mut self) {
        while let Some((name, oldest)) = self.order.front() {
            // A replaced list is dropped as soon as it is the oldest.
            let replaced = self
                .by_name
                .get(name)
                .is_none_or(|slot| !Arc::ptr_eq(slot, oldest));
            let useless = oldest.spent.load(Ordering::Acquire) || !oldest.fresh.is_fresh();
            if self.bytes <= MOST_BYTES && !replaced && !useless {
                return;
            }
            if !replaced {
                self.by_name.remove(name);
            }
            self.bytes = self
                .bytes
                .saturating_sub(oldest.weight.load(Ordering::Acquire));
            self.order.pop_front();
        }
    }
}

impl Encoded {
    /// The body.
    pub(crate) fn body(&self) -> Bytes {
        self.body.clone()
    }

    /// The body, compressed by gzip.
    pub(crate) async fn compressed(&self) -> Bytes {
        let compress = || gzip::compress(self.body.clone());
        self.compressed.get_or_init(compress).await.clone()
    }

    /// The index of what is in it.
    pub(crate) fn index(&self) -> u64 {
        self.index
    }

    /// How long the body is, in bytes.
    pub(crate) fn len(&self) -> usize {
        self.body.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{FaceName, Key, Principal, Write};
    use crate::space::{
        Admit, Coverage, Denied, Draft, LeaseRight, Lookup, Visibility, VisibilityRules,
    };
    use crate::store::MemoryStore;
    use std::convert::Infallible;

    /// Hides from each named principal the keys beneath its name.
    struct HidesOwn;

    struct Rules(Principal);

    impl Rules {
        fn hidden(&self) -> Vec<u8> {
            format!("{}/", self.0).into_bytes()
        }
    }

    impl Admit for HidesOwn {
        fn check(&self, _: &Caller, _: &Draft<'_>, _: &[Write]) -> Result<(), Denied> {
            Ok(())
        }

        fn visibility(&self, caller: &Caller) -> Visibility {
            Visibility::Part(Arc::new(Rules(caller.principal().clone())))
        }
    }

    impl VisibilityRules for Rules {
        fn sees(&self, key: &Key) -> bool {
            !key.as_bytes().starts_with(&self.hidden())
        }

        fn covers(&self, range: &KeyRange) -> Coverage {
            let (KeyRange::Exact(key) | KeyRange::Prefix(key)) = range;
            if !self.sees(key) {
                Coverage::None
            } else if self.hidden().starts_with(key.as_bytes()) {
                Coverage::Part
            } else {
                Coverage::All
            }
        }

        fn class(&self, _: &KeyRange) -> Vec<u8> {
            self.hidden()
        }

        fn allows(&self, _: &Principal, _: LeaseRight) -> bool {
            false
        }
    }

    fn caller(name: &str) -> Caller {
        Caller::Client {
            face: FaceName::Consul,
            peer: "127.0.0.1:1".parse().unwrap(),
            principal: Principal::named(name),
        }
    }

    #[tokio::test]
    async fn a_list_is_encoded_once_for_callers_of_equal_visibility() {
        let mut registry = prometheus_client::registry::Registry::default();
        let opened = Keyspace::open(
            Arc::new(MemoryStore::new()),
            Arc::new(HidesOwn),
            &mut registry,
        );
        let (space, _expiry) = opened.await.unwrap();
        let put = |draft: &mut Draft<'_>| {
            for key in ["a/x", "b/x", "all/x"].map(Key::user) {
                let record = draft.successor(&key);
                draft.put(&key, record);
            }
            Ok::<_, Infallible>(())
        };
        space.commit(&Caller::System, put).await.unwrap();
        let cache = ListCache::default();
        let count = Arc::new(AtomicUsize::new(0));
        let list = async |name: &str, prefix: &str| {
            let prefix = Key::user(prefix);
            let ranges = vec![KeyRange::Prefix(prefix.clone())];
            let asked = prefix.as_bytes().to_vec();
            let count = Arc::clone(&count);
            let make = move |view: &View| {
                count.fetch_add(1, Ordering::Relaxed);
                let body = view
                    .scan(&prefix)
                    .flat_map(|(key, _)| key.as_bytes().to_vec());
                Some(Made {
                    body: body.collect(),
                    index: view.prefix_index(&prefix),
                    lasts: true,
                })
            };
            let made = cache.get(&space, &caller(name), asked, ranges, make).await;
            made.unwrap().body()
        };
        assert_eq!(list("a", "").await, "all/xb/x");
        assert_eq!(list("b", "").await, "a/xall/x");
        assert_eq!(list("a", "").await, "all/xb/x");
        assert_eq!(count.load(Ordering::Relaxed), 2, "one for each view");
        // Both see all of this one.
        assert_eq!(list("a", "all").await, "all/x");
        assert_eq!(list("b", "all").await, "all/x");
        assert_eq!(count.load(Ordering::Relaxed), 3, "one for both");
    }
}
