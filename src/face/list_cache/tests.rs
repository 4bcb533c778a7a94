//! Lists that are shared, kept and given up.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::fairness::{Budget, MemoryLimits};
use crate::model::{
    AccessEntry, AccessList, ClientCertificate, Credentials, FaceName, Key, Principal, Verb, Write,
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
