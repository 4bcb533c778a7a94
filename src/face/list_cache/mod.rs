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
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::fairness::{Budget, MemoryLimits};
    use crate::model::{
        AccessEntry, AccessList, ClientCertificate, Credentials, FaceName, Key, Principal, Verb,
        Write,
    };
    use crate::space::{Admit, Coverage, Denied, Draft, LeaseRight, Lookup, VisibilityRules};
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
            Visibility::Part(Arc::new(Rules(self.principal(caller))))
        }

        fn principal(&self, caller: &Caller) -> Principal {
            let Caller::Client { credentials, .. } = caller else {
                return Principal::Anonymous;
            };
            let certificate = credentials.certificate.as_ref();
            Principal::named(certificate.map_or("", |own| own.common_names[0].as_str()))
        }
    }

    impl VisibilityRules for Rules {
        fn allows(&self, _: Verb, key: &Key) -> bool {
            !key.as_bytes().starts_with(&self.hidden())
        }

        fn covers(&self, verb: Verb, range: &KeyRange) -> Coverage {
            let (KeyRange::Exact(key) | KeyRange::Prefix(key)) = range;
            if !self.allows(verb, key) {
                Coverage::None
            } else if self.hidden().starts_with(key.as_bytes()) {
                Coverage::Part
            } else {
                Coverage::All
            }
        }

        fn class(&self, _: Verb, _: &KeyRange) -> Vec<u8> {
            self.hidden()
        }

        fn makes_leases(&self) -> bool {
            true
        }

        fn allows_lease(&self, _: &Principal, _: LeaseRight) -> bool {
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
            credentials: Credentials {
                certificate: Some(Arc::new(ClientCertificate {
                    common_names: vec![name.to_owned()],
                    ..ClientCertificate::default()
                })),
                ..Credentials::default()
            },
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

    async fn close(space: &Keyspace, key: &str) {
        let close = |draft: &mut Draft<'_>| {
            let list = AccessList::from(vec![AccessEntry {
                perms: 31,
                scheme: "ip".to_owned(),
                id: "10.0.0.2".to_owned(),
            }]);
            let record = draft.with_access(&Key::user(key), list).unwrap();
            draft.put(&Key::user(key), record);
            Ok::<_, Infallible>(())
        };
        space.commit(&Caller::System, close).await.unwrap();
    }

    /// Whoever waits for a list when an entry of it gets an access list may read more or less than the one who makes it.
    #[tokio::test(flavor = "multi_thread")]
    async fn a_list_is_asked_for_again_when_an_access_list_came_meanwhile() {
        let space = keyspace(&["d/a", "d/b", "e"]).await;
        let cache = ListCache::new(Fairness::default());
        let (mine, others) = (caller_at("10.0.0.1:1", "x"), caller_at("10.0.0.2:1", "x"));
        let list = async |caller: &Caller, closes: Option<&'static str>| {
            let weighed = AtomicUsize::new(0);
            let weigh = |_: &View| {
                if let Some(key) = closes.filter(|_| weighed.fetch_add(1, Ordering::Relaxed) == 0) {
                    let runtime = tokio::runtime::Handle::current();
                    tokio::task::block_in_place(|| runtime.block_on(close(&space, key)));
                }
                Cost::SMALL
            };
            let make = |view: &View, _: &mut Reservation| {
                let keys = view.scan(&Key::user("d/"));
                let keys = keys.flat_map(|(key, _)| key.as_bytes().to_vec());
                Ok(Some(made(keys.collect())))
            };
            let list = cache.get(&space, caller, asked("d/"), weigh, make).await;
            (list.unwrap().unwrap().body(), weighed.into_inner())
        };
        // One elsewhere changes nothing.
        assert_eq!(list(&mine, Some("e")).await, ("d/ad/b".into(), 1));
        put(&space, &["d/b"]).await;
        assert_eq!(list(&mine, Some("d/a")).await, ("d/b".into(), 2));
        assert_eq!(list(&others, None).await.0, "d/ad/b");
        assert_eq!(list(&mine, None).await.0, "d/b");
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
        let (lists, made, bytes) = cache.lists.lock().size();
        assert!(bytes <= 64 << 10, "{bytes}");
        assert!(made < 64, "{made}");
        assert!(lists <= made);
    }
}
