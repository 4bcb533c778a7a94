//! List cache: encoded lists, kept until something in them changes.
//!
//! Docker asks for the list of all networks several times for each thing it does. All callers who may see the same keys
//! of it share one list: it is encoded once, compressed once, and sent again while it is [`Fresh`](crate::space::Fresh). A list that is not
//! short is encoded on a heavy thread, and from a view that is taken when that begins: so whoever asked before shares it,
//! and one encoding runs and one waits at most, however fast the list changes.

mod encoded_list;
mod kept_lists;

use std::sync::Arc;

use parking_lot::Mutex;

use self::encoded_list::encode;
use self::kept_lists::{KeptListName, KeptLists, ListSlot, SlotContent, ViewState};
use crate::fairness::{Cost, Fairness, Overloaded, Reservation};
use crate::model::{Caller, Flow, KeyRange};
use crate::space::{Keyspace, View, Visibility};

pub(crate) use self::encoded_list::{Encoded, Made};

/// A list that is asked for.
#[derive(Clone, Debug)]
pub(crate) struct AskedList {
    /// The name of the list among those of its face.
    pub(crate) name: Vec<u8>,
    /// The keys that it depends on; it must depend on nothing else.
    pub(crate) ranges: Vec<KeyRange>,
}

/// The lists of one face, by what was asked for.
#[derive(Debug)]
pub(crate) struct ListCache {
    fairness: Fairness,
    lists: Arc<Mutex<KeptLists>>,
}

impl ListCache {
    /// An empty cache, within the limits of `fairness`.
    pub(crate) fn new(fairness: Fairness) -> Self {
        let lists = KeptLists::new(fairness.limits().list_cache);
        Self {
            fairness,
            lists: Arc::new(Mutex::new(lists)),
        }
    }

    /// The list that is `asked` for, from a view that shows all that was answered before the call.
    ///
    /// `make` makes it where it is not kept, once for all who ask meanwhile and may see the same; where it gives `None`
    /// there is no such list. It reserves the bytes that it needs before it takes them. `weigh` says how much work it is,
    /// and counts no further than it must to know that it is not small: small lists are made at once, all others on a heavy
    /// thread, in the turn of the first who has one. A refusal is one for its caller alone.
    pub(crate) async fn get(
        &self,
        space: &Keyspace,
        caller: &Caller,
        asked: AskedList,
        weigh: impl Fn(&View) -> Cost,
        make: impl Fn(&View, &mut Reservation) -> Result<Option<Made>, Overloaded>
        + Clone
        + Send
        + 'static,
    ) -> Result<Option<Arc<Encoded>>, Overloaded> {
        let AskedList { name, ranges } = asked;
        let flow = Flow::of(caller);
        loop {
            let view = space.read(caller);
            let name = KeptListName {
                asked: name.clone(),
                class: view.class(&ranges),
            };
            let slot = self.lists.lock().slot(name);
            let made = if let Some(made) = slot.made.get() {
                made
            } else {
                let cost = weigh(&view);
                let asked = ListWork {
                    space: space.clone(),
                    caller: caller.clone(),
                    rules: view.visibility().clone(),
                    ranges: ranges.clone(),
                    fairness: self.fairness.clone(),
                };
                drop(view);
                let (lists, own) = (Arc::clone(&self.lists), Arc::clone(&slot));
                let make = make.clone();
                let work = move || asked.make(&lists, &own, make);
                slot.made
                    .get_or_do(&self.fairness, flow, cost, work)
                    .await?
            };
            match made {
                SlotContent::List(list) => return Ok(list),
                SlotContent::Reclassed => {}
            }
        }
    }
}

/// A list that is to be made for whoever asked first.
struct ListWork {
    space: Keyspace,
    caller: Caller,
    /// As they were asked for: what is kept under the slot's class is made by them.
    rules: Visibility,
    ranges: Vec<KeyRange>,
    fairness: Fairness,
}

impl ListWork {
    fn make(
        self,
        lists: &Mutex<KeptLists>,
        slot: &Arc<ListSlot>,
        make: impl FnOnce(&View, &mut Reservation) -> Result<Option<Made>, Overloaded>,
    ) -> Result<SlotContent, Overloaded> {
        let Self {
            space,
            caller,
            rules,
            ranges,
            fairness,
        } = self;
        // Before the view is taken: whoever finds it so cannot rely on what the view shows.
        *slot.view.lock() = ViewState::Now;
        let followed = if slot.class().is_bound_by_lists() {
            Keyspace::ranges_with_lists(&ranges)
        } else {
            ranges.clone()
        };
        let (view, fresh) = space.read_and_follow(&caller, rules, followed);
        *slot.view.lock() = ViewState::Taken(fresh);
        // An entry got an access list, or lost one: those who wait here may not read the same any more.
        if view.class(&ranges) != *slot.class() {
            lists.lock().give_up(slot);
            return Ok(SlotContent::Reclassed);
        }
        let encoded = encode(&view, &fairness, Flow::of(&caller), make)?;
        let list = lists.lock().keep_if_it_lasts(slot, encoded);
        Ok(SlotContent::List(list))
    }
}

#[cfg(test)]
mod tests;
