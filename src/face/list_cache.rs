//! List cache: encoded lists, kept until something in them changes.
//!
//! Docker asks for the list of all networks several times for each thing it does. All callers who may see the same keys
//! of it share one list: it is encoded once, compressed once, and sent again while it is [`Fresh`]. A list that is not
//! short is encoded on a heavy thread, in the turn of the caller who asked first, and from a view that is taken when that
//! begins: so whoever asked before shares it, and a list is encoded twice at a time at most, however fast it changes.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::OnceCell;

use super::gzip;
use crate::fairness::{Cost, Fairness, Overloaded, Reservation};
use crate::model::{Caller, Flow, KeyRange};
use crate::space::{Fresh, Keyspace, View, ViewClass};

/// What a list in the cache takes beside its bodies and its name, about, in bytes.
const OVERHEAD: usize = 512;

/// A list that is asked for.
#[derive(Clone, Debug)]
pub(crate) struct AskedList {
    /// The name of the list among those of its face.
    pub(crate) name: Vec<u8>,
    /// The keys that it depends on; it must depend on nothing else.
    pub(crate) ranges: Vec<KeyRange>,
}

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
    fairness: Fairness,
    /// The flow that it was made for.
    maker: Flow,
    room: ListRoom,
}

/// The bytes of a list among the answers, as long as anybody has any of them; `None` while they count in the cache.
type ListRoom = Arc<Mutex<Option<Reservation>>>;

/// A body of a list.
struct ListBody {
    bytes: Bytes,
    _room: ListRoom,
}

/// Which list it is: what was asked for, and which keys of that the caller may see.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Name {
    asked: Vec<u8>,
    class: ViewClass,
}

/// The lists of one face, by what was asked for.
#[derive(Debug)]
pub(crate) struct ListCache {
    fairness: Fairness,
    lists: Mutex<Lists>,
}

#[derive(Debug)]
struct Lists {
    by_name: HashMap<Name, Arc<Slot>>,
    /// By age; a name stands here once for each time it was made.
    order: VecDeque<(Name, Arc<Slot>)>,
    bytes: usize,
    /// The most that is kept, in bytes; the oldest goes first.
    limit: usize,
}

#[derive(Debug, Default)]
struct Slot {
    view: Mutex<ViewState>,
    made: OnceCell<Option<Arc<Encoded>>>,
    /// Not to be used for later requests.
    spent: AtomicBool,
    /// Changes under the lock of the lists.
    place: Mutex<Place>,
}

/// What a list is, or will be, made from.
#[derive(Debug, Default)]
enum ViewState {
    /// A view that is yet to be taken: it will show all that is answered until then.
    #[default]
    Later,
    /// A view that is being taken.
    Now,
    /// A view that was taken.
    Taken(Fresh),
}

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

impl ListCache {
    /// An empty cache, within the limits of `fairness`.
    pub(crate) fn new(fairness: Fairness) -> Self {
        let lists = Lists {
            by_name: HashMap::new(),
            order: VecDeque::new(),
            bytes: 0,
            limit: fairness.limits().list_cache,
        };
        Self {
            fairness,
            lists: Mutex::new(lists),
        }
    }

    /// The list that is `asked` for, from a view that shows all that was answered before the call.
    ///
    /// `make` makes it where it is not kept, once for all who ask meanwhile and may see the same; where it gives `None`
    /// there is no such list. It reserves the bytes that it needs before it takes them. `weigh` says how much work it is,
    /// and counts no further than it must to know that it is not small: small lists are made at once, all others on a heavy
    /// thread. Where this is refused to one caller, the next one who waits tries for itself.
    pub(crate) async fn get(
        &self,
        space: &Keyspace,
        caller: &Caller,
        asked: AskedList,
        weigh: impl FnOnce(&View) -> Cost,
        make: impl FnOnce(&View, &mut Reservation) -> Result<Option<Made>, Overloaded> + Send + 'static,
    ) -> Result<Option<Arc<Encoded>>, Overloaded> {
        let AskedList { name, ranges } = asked;
        // Asked for once: what is kept under this class was made by it.
        let visibility = space.visibility(caller);
        let slot = self.slot(Name {
            asked: name,
            class: visibility.class(&ranges),
        });
        let encode = async || {
            let cost = weigh(&space.read(caller));
            let flow = Flow::of(caller);
            let work = {
                let (space, slot, fairness) =
                    (space.clone(), Arc::clone(&slot), self.fairness.clone());
                move || {
                    // Before the view is taken: whoever finds it so cannot rely on what the view shows.
                    *slot.view.lock() = ViewState::Now;
                    let (view, fresh) = space.read_and_follow(visibility, ranges);
                    *slot.view.lock() = ViewState::Taken(fresh);
                    encode(&view, &fairness, flow, make)
                }
            };
            let encoded = if cost.is_small() {
                work()?
            } else {
                self.fairness.run(flow, cost, work).await??
            };
            Ok(self.keep(&slot, encoded))
        };
        let made = slot.made.get_or_try_init(encode).await?;
        Ok(made.clone())
    }

    /// The slot of a list that shows all that was answered until now, or will.
    fn slot(&self, name: Name) -> Arc<Slot> {
        let mut lists = self.lists.lock();
        if let Some(slot) = lists.by_name.get(&name)
            && slot.is_usable()
        {
            return Arc::clone(slot);
        }
        let slot = Arc::new(Slot::default());
        lists.insert(name, Arc::clone(&slot));
        slot
    }

    /// Keeps a list that was made, if it lasts and there is room.
    fn keep(&self, slot: &Slot, encoded: Option<(Encoded, bool)>) -> Option<Arc<Encoded>> {
        let Some((encoded, lasts)) = encoded else {
            slot.spent.store(true, Ordering::Release);
            return None;
        };
        let encoded = Arc::new(encoded);
        let kept = lasts && self.lists.lock().keep(slot, &encoded);
        slot.spent.fetch_or(!kept, Ordering::AcqRel);
        Some(encoded)
    }
}

/// Makes a list, with its bytes reserved.
fn encode(
    view: &View,
    fairness: &Fairness,
    flow: Flow,
    make: impl FnOnce(&View, &mut Reservation) -> Result<Option<Made>, Overloaded>,
) -> Result<Option<(Encoded, bool)>, Overloaded> {
    let mut room = fairness.answers().reserve(flow, 0)?;
    let Some(made) = make(view, &mut room)? else {
        return Ok(None);
    };
    let Made {
        mut body,
        index,
        lasts,
    } = made;
    if body.capacity() - body.len() > body.len() / 4 {
        body.shrink_to_fit();
    }
    let weight = weight(body.len());
    room.grow(weight.saturating_sub(room.bytes()))?;
    room.shrink_to(weight);
    let room = Arc::new(Mutex::new(Some(room)));
    let encoded = Encoded {
        body: ListBody::share(body.into(), &room),
        compressed: OnceCell::new(),
        index,
        fairness: fairness.clone(),
        maker: flow,
        room,
    };
    Ok(Some((encoded, lasts)))
}

/// The bytes that a list takes with a body of this length, and with the compressed one that may be added.
fn weight(body: usize) -> usize {
    body.saturating_add(body / 4)
}

impl Name {
    /// What a list of this name takes without its bodies, in bytes. The name is there twice, and the ranges are as long.
    fn weight(&self) -> usize {
        OVERHEAD + 4 * self.asked.len()
    }
}

impl Lists {
    fn insert(&mut self, name: Name, slot: Arc<Slot>) {
        self.bytes += name.weight();
        self.by_name.insert(name.clone(), Arc::clone(&slot));
        self.order.push_back((name, slot));
        self.tidy();
    }

    /// Counts the bytes of a list that was made, and drops the oldest lists where they are too many. False where it is not
    /// kept itself: it is too long, or its slot is gone.
    fn keep(&mut self, slot: &Slot, encoded: &Arc<Encoded>) -> bool {
        let weight = weight(encoded.len());
        {
            let mut place = slot.place.lock();
            if weight > self.limit || matches!(*place, Place::Gone) {
                return false;
            }
            *place = Place::Kept(Arc::clone(encoded));
        }
        // From here on it counts here, until the cache lets it go.
        drop(encoded.room.lock().take());
        self.bytes += weight;
        self.tidy();
        true
    }

    fn tidy(&mut self) {
        while let Some((name, oldest)) = self.order.front() {
            // A replaced list is dropped as soon as it is the oldest.
            let replaced = self
                .by_name
                .get(name)
                .is_none_or(|slot| !Arc::ptr_eq(slot, oldest));
            if self.bytes <= self.limit && !replaced && oldest.is_usable() {
                return;
            }
            let weight = name.weight() + oldest.let_go();
            self.bytes = self.bytes.saturating_sub(weight);
            if !replaced {
                self.by_name.remove(name);
            }
            self.order.pop_front();
        }
    }
}

impl Slot {
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
        let weight = weight(encoded.len());
        let charged = encoded.fairness.answers().charge(encoded.maker, weight);
        *encoded.room.lock() = Some(charged);
        weight
    }
}

impl ListBody {
    /// Bytes that count as the list does, as long as anybody has any of them.
    fn share(bytes: Bytes, room: &ListRoom) -> Bytes {
        Bytes::from_owner(Self {
            bytes,
            _room: Arc::clone(room),
        })
    }
}

impl AsRef<[u8]> for ListBody {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Encoded {
    /// The body.
    pub(crate) fn body(&self) -> Bytes {
        self.body.clone()
    }

    /// The body, compressed by gzip: once, in the turn of the flow that asked first.
    pub(crate) async fn compressed(&self, flow: Flow) -> Result<Bytes, Overloaded> {
        let compress = async || {
            let bytes = gzip::compress(&self.fairness, flow, self.body.clone()).await?;
            Ok(ListBody::share(bytes, &self.room))
        };
        Ok(self.compressed.get_or_try_init(compress).await?.clone())
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
        let cache = ListCache::new(Fairness::default());
        let count = Arc::new(AtomicUsize::new(0));
        let list = async |name: &str, prefix: &str| {
            let prefix = Key::user(prefix);
            let asked = AskedList {
                name: prefix.as_bytes().to_vec(),
                ranges: vec![KeyRange::Prefix(prefix.clone())],
            };
            let count = Arc::clone(&count);
            let make = move |view: &View, _room: &mut Reservation| {
                count.fetch_add(1, Ordering::Relaxed);
                let body = view
                    .scan(&prefix)
                    .flat_map(|(key, _)| key.as_bytes().to_vec());
                Ok(Some(Made {
                    body: body.collect(),
                    index: view.prefix_index(&prefix),
                    lasts: true,
                }))
            };
            let small = |_: &View| Cost::SMALL;
            let made = cache.get(&space, &caller(name), asked, small, make).await;
            made.unwrap().unwrap().body()
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
