//! Encoded lists, kept until something in them changes.
//!
//! Docker asks for the list of all networks several times for each thing it does, and there is one list for all who
//! ask. So it is encoded once, compressed once, and sent again while it is [`Fresh`].

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::OnceCell;

use super::gzip;
use crate::model::{Caller, KeyRange};
use crate::space::{Fresh, Keyspace, View};

/// The most that is kept, in bytes of bodies; the oldest goes first.
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

/// The lists of one face, by what was asked for.
#[derive(Debug, Default)]
pub(crate) struct ListCache {
    lists: Mutex<Lists>,
}

#[derive(Debug, Default)]
struct Lists {
    by_name: HashMap<Vec<u8>, Arc<Slot>>,
    /// By age; a name stands here once for each time it was made.
    order: VecDeque<(Vec<u8>, Arc<Slot>)>,
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
    /// The list of this name, from a view that shows all that was answered before the call. `make` makes it where it
    /// is not kept, once for all who ask meanwhile; where it gives `None` there is no such list.
    pub(crate) async fn get(
        &self,
        space: &Keyspace,
        caller: &Caller,
        name: Vec<u8>,
        ranges: Vec<KeyRange>,
        make: impl FnOnce(&View) -> Option<Made> + Send + 'static,
    ) -> Option<Arc<Encoded>> {
        let slot = self.slot(space, caller, name, ranges);
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
        name: Vec<u8>,
        ranges: Vec<KeyRange>,
    ) -> Arc<Slot> {
        let mut lists = self.lists.lock();
        let kept = lists.by_name.get(&name);
        if let Some(slot) = kept.filter(|slot| slot.fresh.is_fresh() && !slot.spent.load(Ordering::Acquire))
            // Whoever sees less than everything is given a list of their own.
            && space.read(caller).sees_all()
        {
            return Arc::clone(slot);
        }
        let (view, fresh) = space.read_and_follow(caller, ranges);
        let all = view.sees_all();
        let slot = Arc::new(Slot {
            fresh,
            view: Mutex::new(Some(view)),
            made: OnceCell::new(),
            spent: AtomicBool::new(!all),
            weight: AtomicUsize::new(0),
        });
        if all {
            lists.by_name.insert(name.clone(), Arc::clone(&slot));
            lists.order.push_back((name, Arc::clone(&slot)));
        }
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
