//! List cache: encoded lists, kept until something in them changes.
//!
//! Docker asks for the list of all networks several times for each thing it does. All callers who may see the same keys
//! of it share one list: it is encoded once, compressed once, and sent again while it is [`Fresh`]. A list that is not
//! short is encoded on a heavy thread, and from a view that is taken when that begins: so whoever asked before shares it,
//! and one encoding runs and one waits at most, however fast the list changes.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use bytes::Bytes;
use parking_lot::Mutex;

use super::gzip;
use super::shared_work::SharedWork;
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
    compressed: Arc<SharedWork<Bytes>>,
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
    lists: Arc<Mutex<Lists>>,
}

#[derive(Debug)]
struct Lists {
    by_name: HashMap<Name, Arc<Slot>>,
    /// By age, with what each takes without its bodies, in bytes. A name stands here once for each time it was made.
    order: VecDeque<(Weak<Slot>, usize)>,
    bytes: usize,
    /// The most that is kept, in bytes; the oldest goes first.
    limit: usize,
}

#[derive(Debug)]
struct Slot {
    name: Name,
    view: Mutex<ViewState>,
    made: Arc<SharedWork<Option<Arc<Encoded>>>>,
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
        if let Some(made) = slot.made.get() {
            return Ok(made);
        }
        let cost = weigh(&space.read(caller));
        let flow = Flow::of(caller);
        let work = {
            let (space, lists, slot) = (space.clone(), Arc::clone(&self.lists), Arc::clone(&slot));
            let fairness = self.fairness.clone();
            move || {
                // Before the view is taken: whoever finds it so cannot rely on what the view shows.
                *slot.view.lock() = ViewState::Now;
                let (view, fresh) = space.read_and_follow(visibility, ranges);
                *slot.view.lock() = ViewState::Taken(fresh);
                let encoded = encode(&view, &fairness, flow, make)?;
                Ok(lists.lock().keep_if_it_lasts(&slot, encoded))
            }
        };
        slot.made.get_or_do(&self.fairness, flow, cost, work).await
    }

    /// The slot of a list that shows all that was answered until now, or will.
    fn slot(&self, name: Name) -> Arc<Slot> {
        let mut lists = self.lists.lock();
        if let Some(slot) = lists.by_name.get(&name)
            && slot.is_usable()
        {
            return Arc::clone(slot);
        }
        let slot = Arc::new(Slot {
            name,
            view: Mutex::default(),
            made: Arc::default(),
            spent: AtomicBool::new(false),
            place: Mutex::default(),
        });
        lists.insert(&slot);
        slot
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
        compressed: Arc::default(),
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
    /// What a list of this name takes without its bodies, in bytes. The name is there twice, the ranges are as long.
    fn weight(&self) -> usize {
        OVERHEAD + 4 * self.asked.len()
    }
}

impl Lists {
    fn insert(&mut self, slot: &Arc<Slot>) {
        let weight = slot.name.weight();
        let replaced = self.by_name.insert(slot.name.clone(), Arc::clone(slot));
        let freed = replaced.map_or(0, |replaced| replaced.let_go());
        self.bytes = self.bytes.saturating_sub(freed) + weight;
        self.order.push_back((Arc::downgrade(slot), weight));
        self.tidy();
    }

    /// Keeps a list that was made, if it lasts and there is room; else only those who wait for it get it.
    fn keep_if_it_lasts(
        &mut self,
        slot: &Arc<Slot>,
        encoded: Option<(Encoded, bool)>,
    ) -> Option<Arc<Encoded>> {
        let (encoded, lasts) = encoded.map_or((None, false), |(encoded, lasts)| {
            (Some(Arc::new(encoded)), lasts)
        });
        let kept = lasts && encoded.as_ref().is_some_and(|list| self.keep(slot, list));
        if !kept {
            slot.spent.store(true, Ordering::Release);
            self.remove(slot);
        }
        encoded
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

    /// Drops a list, if it was not replaced since.
    fn remove(&mut self, slot: &Arc<Slot>) {
        if self.is_current(slot) {
            self.by_name.remove(&slot.name);
            self.bytes = self.bytes.saturating_sub(slot.let_go());
        }
    }

    fn is_current(&self, slot: &Arc<Slot>) -> bool {
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
        let compress = {
            let (body, room) = (self.body.clone(), Arc::clone(&self.room));
            move || Ok(ListBody::share(gzip::compress_now(&body), &room))
        };
        let cost = Cost::new(0, self.len());
        self.compressed
            .get_or_do(&self.fairness, flow, cost, compress)
            .await
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
    use std::sync::atomic::AtomicUsize;

    use super::*;
    use crate::fairness::{Budget, MemoryLimits};
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
        caller_at("127.0.0.1:1", name)
    }

    fn caller_at(peer: &str, name: &str) -> Caller {
        Caller::Client {
            face: FaceName::Consul,
            peer: peer.parse().unwrap(),
            principal: Principal::named(name),
        }
    }

    /// A keyspace with these keys.
    async fn keyspace(keys: &[&str]) -> Keyspace {
        let mut registry = prometheus_client::registry::Registry::default();
        let opened = Keyspace::open(
            Arc::new(MemoryStore::new()),
            Arc::new(HidesOwn),
            &mut registry,
        );
        let (space, _expiry) = opened.await.unwrap();
        put(&space, keys).await;
        space
    }

    async fn put(space: &Keyspace, keys: &[&str]) {
        let put = |draft: &mut Draft<'_>| {
            for key in keys.iter().map(Key::user) {
                let record = draft.successor(&key);
                draft.put(&key, record);
            }
            Ok::<_, Infallible>(())
        };
        space.commit(&Caller::System, put).await.unwrap();
    }

    fn asked(prefix: &str) -> AskedList {
        AskedList {
            name: prefix.as_bytes().to_vec(),
            ranges: vec![KeyRange::Prefix(Key::user(prefix))],
        }
    }

    fn made(body: Vec<u8>) -> Made {
        Made {
            body,
            index: 1,
            lasts: true,
        }
    }

    fn small(_: &View) -> Cost {
        Cost::SMALL
    }

    fn heavy(_: &View) -> Cost {
        Cost::new(64, 0)
    }

    /// The weight of a list of a hundred thousand bytes.
    const LONG: usize = 125_000;

    fn make_long(_: &View, room: &mut Reservation) -> Result<Option<Made>, Overloaded> {
        room.grow(100_000)?;
        Ok(Some(made(vec![b'1'; 100_000])))
    }

    #[tokio::test]
    async fn a_list_is_encoded_once_for_callers_of_equal_visibility() {
        let space = keyspace(&["a/x", "b/x", "all/x"]).await;
        let cache = ListCache::new(Fairness::default());
        let count = Arc::new(AtomicUsize::new(0));
        let list = async |name: &str, prefix: &str| {
            let asked = asked(prefix);
            let prefix = Key::user(prefix);
            let count = Arc::clone(&count);
            let make = move |view: &View, _: &mut Reservation| {
                count.fetch_add(1, Ordering::Relaxed);
                let keys = view.scan(&prefix);
                Ok(Some(made(
                    keys.flat_map(|(key, _)| key.as_bytes().to_vec()).collect(),
                )))
            };
            let list = cache.get(&space, &caller(name), asked, small, make).await;
            list.unwrap().unwrap().body()
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

    #[tokio::test]
    async fn a_list_that_changes_fast_is_encoded_once_at_a_time() {
        let space = keyspace(&["k0"]).await;
        let cache = ListCache::new(Fairness::default());
        let (release, released) = std::sync::mpsc::channel::<()>();
        let released = Arc::new(Mutex::new(released));
        let encodings = Arc::new(AtomicUsize::new(0));
        let list = async || {
            let (encodings, released) = (Arc::clone(&encodings), Arc::clone(&released));
            let make = move |view: &View, _: &mut Reservation| {
                encodings.fetch_add(1, Ordering::SeqCst);
                let _ended = released.lock().recv();
                Ok(Some(made(
                    view.scan(&Key::user("")).map(|_| b'k').collect(),
                )))
            };
            let list = cache
                .get(&space, &caller("a"), asked(""), heavy, make)
                .await;
            list.unwrap().unwrap().len()
        };
        let started = async || {
            while encodings.load(Ordering::SeqCst) == 0 {
                tokio::task::yield_now().await;
            }
        };
        let write_and_ask = async || {
            started().await;
            put(&space, &["k1"]).await;
            let second = list();
            put(&space, &["k2"]).await;
            let third = list();
            let last = async {
                // After the others asked.
                tokio::task::yield_now().await;
                put(&space, &["k3"]).await;
                let fourth = list();
                drop(release);
                fourth.await
            };
            tokio::join!(second, third, last)
        };
        let (first, others) = tokio::join!(list(), write_and_ask());
        // Each shows at least what was written before it was asked for.
        assert_eq!((first, others), (1, (4, 4, 4)));
        assert_eq!(encodings.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn a_caller_who_is_refused_does_not_refuse_the_others() {
        let space = keyspace(&["k"]).await;
        let fairness = Fairness::default();
        let cache = ListCache::new(fairness.clone());
        let (greedy, other) = (caller_at("10.0.0.1:1", "a"), caller_at("10.0.0.2:1", "a"));
        let half = fairness.answers().limit() / 2;
        let taken = fairness.answers().reserve(Flow::of(&greedy), half).unwrap();
        let refused = cache.get(&space, &greedy, asked(""), heavy, make_long);
        assert!(matches!(
            refused.await,
            Err(Overloaded::BytesOfClient { .. })
        ));
        let list = cache.get(&space, &other, asked(""), heavy, make_long);
        assert_eq!(list.await.unwrap().unwrap().len(), 100_000);
        // It is kept now: nothing has to be made.
        let kept = cache.get(&space, &greedy, asked(""), heavy, make_long);
        assert!(kept.await.is_ok());
        drop(taken);
    }

    /// Returns when nothing is reserved any more: a heavy thread may let go a moment after its answer.
    async fn until_free(budget: &Budget) {
        while budget.used() > 0 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn a_list_counts_until_nobody_has_any_of_it() {
        let space = keyspace(&["a", "b"]).await;
        let client = caller("x");
        let fairness = Fairness::new(MemoryLimits {
            list_cache: LONG + 5000,
            ..MemoryLimits::default()
        });
        let answers = fairness.answers();
        let cache = ListCache::new(fairness.clone());
        let list = async |prefix| {
            let list = cache.get(&space, &client, asked(prefix), heavy, make_long);
            list.await.unwrap().unwrap()
        };
        let first = list("a").await;
        let flow = Flow::of(&client);
        let (body, short) = (first.body(), first.compressed(flow).await.unwrap());
        drop(first);
        assert_eq!(answers.used(), 0, "it counts in the cache");
        // The second list takes its place there.
        drop(list("b").await);
        assert_eq!(answers.used(), LONG);
        drop(body);
        assert_eq!(answers.used(), LONG, "somebody still sends it compressed");
        drop(short);
        until_free(answers).await;
    }

    #[tokio::test]
    async fn a_list_that_is_too_long_to_be_kept_counts_among_the_answers() {
        let space = keyspace(&["a"]).await;
        let client = caller("x");
        let fairness = Fairness::new(MemoryLimits {
            list_cache: LONG - 1,
            ..MemoryLimits::default()
        });
        let cache = ListCache::new(fairness.clone());
        let list = cache.get(&space, &client, asked("a"), heavy, make_long);
        let list = list.await.unwrap().unwrap();
        assert_eq!(fairness.answers().used(), LONG);
        drop(list);
        until_free(fairness.answers()).await;
    }

    #[tokio::test]
    async fn names_and_empty_lists_count_too() {
        let space = keyspace(&["a"]).await;
        let client = caller("x");
        let fairness = Fairness::new(MemoryLimits {
            list_cache: 64 << 10,
            ..MemoryLimits::default()
        });
        let cache = ListCache::new(fairness);
        for number in 0..300 {
            let name = format!("{number:0500}");
            let make = move |_: &View, _: &mut Reservation| {
                if number % 2 == 0 {
                    Ok(None)
                } else {
                    Ok(Some(made(vec![b'1'; 100])))
                }
            };
            let list = cache.get(&space, &client, asked(&name), small, make);
            assert_eq!(list.await.unwrap().is_some(), number % 2 == 1);
        }
        let lists = cache.lists.lock();
        assert!(lists.bytes <= 64 << 10, "{}", lists.bytes);
        assert!(lists.order.len() < 64, "{}", lists.order.len());
        assert!(lists.by_name.len() <= lists.order.len());
    }
}
