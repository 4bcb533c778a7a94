//! Demands of a change: the guard takes note of them once, however often the change is decided.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use kubekv::model::{Caller, Credentials, FaceName, Key, KeyRange, Principal, Verb, Write};
use kubekv::space::{
    Admit, ChangeError, Coverage, Decision, Demand, Denied, Draft, Keyspace, LeaseRight,
    Visibility, VisibilityRules,
};
use parking_lot::Mutex;

use super::held_store::{HeldStore, run};
use super::keeping_put;

/// A guard that hides from clients what begins with `hidden`, if it enforces that, and keeps what it is told of.
#[derive(Default)]
struct Noting {
    enforces: bool,
    noted: Mutex<Vec<Demand>>,
}

struct Hidden;

impl Admit for Noting {
    fn check(&self, _: &Caller, _: &Draft<'_>, _: &[Write]) -> Result<(), Denied> {
        Ok(())
    }

    fn visibility(&self, _: &Caller) -> Visibility {
        if self.enforces {
            Visibility::Part(Arc::new(Hidden))
        } else {
            Visibility::All
        }
    }

    fn notes_demands(&self) -> bool {
        true
    }

    fn note(&self, _: &Caller, demands: &[Demand]) {
        self.noted.lock().extend_from_slice(demands);
    }
}

impl VisibilityRules for Hidden {
    fn allows(&self, _: Verb, key: &Key) -> bool {
        !key.as_bytes().starts_with(b"hidden")
    }

    fn covers(&self, verb: Verb, range: &KeyRange) -> Coverage {
        let (KeyRange::Exact(key) | KeyRange::Prefix(key)) = range;
        if self.allows(verb, key) {
            Coverage::All
        } else {
            Coverage::None
        }
    }

    fn class(&self, _: Verb, _: &KeyRange) -> Vec<u8> {
        Vec::new()
    }

    fn makes_leases(&self) -> bool {
        true
    }

    fn allows_lease(&self, _: &Principal, _: LeaseRight) -> bool {
        true
    }
}

fn client() -> Caller {
    Caller::Client {
        face: FaceName::Consul,
        peer: SocketAddr::from((Ipv4Addr::LOCALHOST, 1)),
        credentials: Credentials::default(),
    }
}

fn of(verb: Verb, key: &str) -> Demand {
    Demand::All(verb, KeyRange::Exact(Key::user(key)))
}

async fn put(space: &Keyspace, key: &'static str) -> Result<(), ChangeError<Infallible>> {
    let put = |draft: &mut Draft<'_>| {
        let record = draft.successor(&Key::user(key));
        draft.put(&Key::user(key), record);
        Ok::<_, Infallible>(())
    };
    space.commit(&client(), put).await.map(|done| done.reply)
}

async fn begun(store: &HeldStore, enforces: bool) -> (Arc<Noting>, Keyspace) {
    let noting = Arc::new(Noting {
        enforces,
        ..Noting::default()
    });
    let space = store.open_with(Arc::<Noting>::clone(&noting)).await;
    (noting, space)
}

#[tokio::test]
async fn a_refusal_is_noted_once_although_it_is_decided_on_what_is_not_durable_first() {
    let store = HeldStore::default();
    let (noting, space) = begun(&store, true).await;
    let before = keeping_put(&space, 1, &Arc::default());
    store.accepted(1).await;
    let refused = put(&space, "hidden/a").await;
    assert!(
        matches!(refused, Err(ChangeError::Denied(Denied::Forbidden(_)))),
        "{refused:?}"
    );
    let expected = [of(Verb::Read, "hidden/a"), of(Verb::Create, "hidden/a")];
    assert_eq!(*noting.noted.lock(), expected, "and nothing that was met");
    store.sync();
    assert!(before.await.unwrap());
}

#[tokio::test]
async fn what_a_change_would_need_is_noted_once_although_it_is_decided_again_and_nobody_waits() {
    let store = HeldStore::default();
    let (noting, space) = begun(&store, false).await;
    let first = keeping_put(&space, 1, &Arc::default());
    store.accepted(1).await;
    let change = tokio::spawn({
        let space = space.clone();
        async move { put(&space, "hidden/a").await }
    });
    store.accepted(2).await;
    // It fails with the one before it, and is decided again.
    store.refuse();
    assert!(!first.await.unwrap());
    store.accepted(1).await;
    assert_eq!(*noting.noted.lock(), []);
    change.abort();
    run().await;
    let expected = [of(Verb::Read, "hidden/a"), of(Verb::Create, "hidden/a")];
    assert_eq!(*noting.noted.lock(), expected);
    store.sync();
}

#[tokio::test]
async fn of_changes_made_together_each_is_noted_once() {
    let store = HeldStore::default();
    let (noting, space) = begun(&store, true).await;
    let put = |key: &'static str| -> Decision<(), Infallible> {
        Box::new(move |draft| {
            let record = draft.successor(&Key::user(key));
            draft.put(&Key::user(key), record);
            Ok(())
        })
    };
    let all = vec![put("q/1"), put("hidden/q"), put("q/2")];
    let made = tokio::spawn({
        let space = space.clone();
        async move { space.commit_together(&client(), "q".to_owned(), all).await }
    });
    for _ in 0..2 {
        store.accepted(1).await;
        store.sync();
    }
    let made: Vec<_> = made.await.unwrap().iter().map(Result::is_ok).collect();
    assert_eq!(made, [true, false, true]);
    let expected = [of(Verb::Read, "hidden/q"), of(Verb::Create, "hidden/q")];
    assert_eq!(*noting.noted.lock(), expected);
}
