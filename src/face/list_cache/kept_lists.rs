//! Kept lists: which lists a face has, how old they are, and how many bytes they take.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::encoded_list::Encoded;
use crate::face::shared_work::SharedWork;
use crate::space::{Fresh, ViewClass};

/// What a list in the cache takes beside its bodies and its name, about, in bytes.
const OVERHEAD: usize = 512;

/// Which list it is: what was asked for, and which keys of that the caller may see.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct KeptListName {
    pub(super) asked: Vec<u8>,
    pub(super) class: ViewClass,
}

/// The lists that a face keeps, and those that are being made.
#[derive(Debug)]
pub(super) struct KeptLists {
    by_name: HashMap<KeptListName, Arc<ListSlot>>,
    /// By age, with what each takes without its bodies, in bytes. A name stands here once for each time it was made.
    order: VecDeque<(Weak<ListSlot>, usize)>,
    bytes: usize,
    /// The most that is kept, in bytes; the oldest goes first.
    limit: usize,
}

/// The place of one list, which is made or will be.
#[derive(Debug)]
pub(super) struct ListSlot {
    name: KeptListName,
    pub(super) view: Mutex<ViewState>,
    pub(super) made: Arc<SharedWork<SlotContent>>,
    /// Not to be used for later requests.
    spent: AtomicBool,
    /// Changes under the lock of the lists.
    place: Mutex<Place>,
}

/// What a slot has for those who wait for it.
#[derive(Clone, Debug)]
pub(super) enum SlotContent {
    /// The list; `None` where there is none.
    List(Option<Arc<Encoded>>),
    /// Nothing: they are of other classes than when they asked, and ask again.
    Reclassed,
}

/// What a list is, or will be, made from.
#[derive(Debug, Default)]
pub(super) enum ViewState {
    /// A view that is yet to be taken: it will show all that is answered until then.
    #[default]
    Later,
    /// A view that is being taken.
    Now,
    /// A view that was taken.
    Taken(Fresh),
}

/// Where a list is.
#[derive(Debug, Default)]
enum Place {
    /// In the cache, not made yet.
    #[default]
    Waiting,
    /// In the cache.
    Kept(Arc<Encoded>),
    /// No longer in the cache.
    Gone,
}

impl KeptListName {
    /// What a list of this name takes without its bodies, in bytes. The name is there twice, the ranges are as long.
    fn weight(&self) -> usize {
        OVERHEAD + 4 * self.asked.len()
    }
}

impl KeptLists {
    /// An empty cache of so many bytes.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            by_name: HashMap::new(),
            order: VecDeque::new(),
            bytes: 0,
            limit,
        }
    }

    /// The slot of a list that shows all that was answered until now, or will.
    pub(super) fn slot(&mut self, name: KeptListName) -> Arc<ListSlot> {
        if let Some(slot) = self.by_name.get(&name)
            && slot.is_usable()
        {
            return Arc::clone(slot);
        }
        let slot = Arc::new(ListSlot {
            name,
            view: Mutex::default(),
            made: Arc::default(),
            spent: AtomicBool::new(false),
            place: Mutex::default(),
        });
        self.insert(&slot);
        slot
    }

    fn insert(&mut self, slot: &Arc<ListSlot>) {
        let weight = slot.name.weight();
        let replaced = self.by_name.insert(slot.name.clone(), Arc::clone(slot));
        let freed = replaced.map_or(0, |replaced| replaced.let_go());
        self.bytes = self.bytes.saturating_sub(freed) + weight;
        self.order.push_back((Arc::downgrade(slot), weight));
        self.tidy();
    }

    /// Keeps a list that was made, if it lasts and there is room; else only those who wait for it get it.
    pub(super) fn keep_if_it_lasts(
        &mut self,
        slot: &Arc<ListSlot>,
        encoded: Option<(Encoded, bool)>,
    ) -> Option<Arc<Encoded>> {
        let (encoded, lasts) = encoded.map_or((None, false), |(encoded, lasts)| {
            (Some(Arc::new(encoded)), lasts)
        });
        let kept = lasts && encoded.as_ref().is_some_and(|list| self.keep(slot, list));
        if !kept {
            self.give_up(slot);
        }
        encoded
    }

    /// Lets no later request use a slot.
    pub(super) fn give_up(&mut self, slot: &Arc<ListSlot>) {
        slot.spent.store(true, Ordering::Release);
        self.remove(slot);
    }

    /// Counts the bytes of a list that was made, and drops the oldest lists where they are too many. False where it is not
    /// kept itself: it is too long, or its slot is gone.
    fn keep(&mut self, slot: &ListSlot, encoded: &Arc<Encoded>) -> bool {
        let weight = encoded.weight();
        {
            let mut place = slot.place.lock();
            if weight > self.limit || matches!(*place, Place::Gone) {
                return false;
            }
            *place = Place::Kept(Arc::clone(encoded));
        }
        // From here on it counts here, until the cache lets it go.
        encoded.count_in_cache();
        self.bytes += weight;
        self.tidy();
        true
    }

    /// Drops a list, if it was not replaced since.
    fn remove(&mut self, slot: &Arc<ListSlot>) {
        if self.is_current(slot) {
            self.by_name.remove(&slot.name);
            self.bytes = self.bytes.saturating_sub(slot.let_go());
        }
    }

    fn is_current(&self, slot: &Arc<ListSlot>) -> bool {
        let current = self.by_name.get(&slot.name);
        current.is_some_and(|current| Arc::ptr_eq(current, slot))
    }

    /// Drops the oldest lists, while there are too many bytes or they are of no use.
    fn tidy(&mut self) {
        while let Some((oldest, weight)) = self.order.front() {
            let weight = *weight;
            if let Some(oldest) = oldest.upgrade().filter(|oldest| self.is_current(oldest)) {
                if self.bytes <= self.limit && oldest.is_usable() {
                    return;
                }
                self.remove(&oldest);
            }
            self.bytes = self.bytes.saturating_sub(weight);
            self.order.pop_front();
        }
    }
}

impl ListSlot {
    /// What those who share its list may see.
    pub(super) fn class(&self) -> &ViewClass {
        &self.name.class
    }

    /// Whether its list shows all that was answered until now, or will.
    fn is_usable(&self) -> bool {
        let fresh = match &*self.view.lock() {
            ViewState::Later => true,
            ViewState::Now => false,
            ViewState::Taken(fresh) => fresh.is_fresh(),
        };
        fresh && !self.spent.load(Ordering::Acquire)
    }

    /// Leaves the cache; returns the bytes that its list took there. Whoever still sends the list has them from now on.
    fn let_go(&self) -> usize {
        let place = std::mem::replace(&mut *self.place.lock(), Place::Gone);
        let Place::Kept(encoded) = place else {
            return 0;
        };
        encoded.count_in_answers()
    }
}

#[cfg(test)]
impl KeptLists {
    /// How many lists there are, how often one was made that is not forgotten, and how many bytes they take.
    pub(super) fn size(&self) -> (usize, usize, usize) {
        (self.by_name.len(), self.order.len(), self.bytes)
    }
}
