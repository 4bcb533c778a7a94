//! Changes made together on a store where each commit is a request.

use bytes::Bytes;
use kubekv::model::{Caller, Cause, Key};
use kubekv::space::{ChangeError, Committed, Decision, Draft, Keyspace, Lookup};

use super::get;
use super::log_store::LogStore;

type Made = Result<Committed<String>, ChangeError<&'static str>>;

fn write(draft: &mut Draft<'_>, key: &str, value: &str) {
    let key = Key::user(key);
    let mut record = draft.successor(&key);
    record.value = Bytes::copy_from_slice(value.as_bytes());
    draft.put(&key, record);
}

fn put(key: &'static str, value: &'static str) -> Decision<String, &'static str> {
    Box::new(move |draft| {
        write(draft, key, value);
        Ok(value.to_owned())
    })
}

/// Creates the next child of a node, named by its number.
fn number(parent: &'static str) -> Decision<String, &'static str> {
    Box::new(move |draft| {
        let number = draft.directory(parent).ever;
        let key = format!("{parent}/{number:010}");
        write(draft, &key, "");
        Ok(key)
    })
}

async fn make(space: &Keyspace, all: Vec<Decision<String, &'static str>>) -> Vec<Made> {
    space.commit_together(&Caller::System, None, all).await
}

#[tokio::test]
async fn numbered_children_that_wait_together_go_in_one_commit_in_the_order_of_their_numbers() {
    let store = LogStore::default();
    let space = store.open().await;
    let before = store.sent();
    let tasks: Vec<_> = (0..64)
        .map(|_| {
            let space = space.clone();
            tokio::spawn(async move {
                let counter = Some("q".to_owned());
                let made = space.commit_together(&Caller::System, counter, vec![number("q")]);
                made.await.remove(0).unwrap().reply
            })
        })
        .collect();
    let mut keys = Vec::new();
    for task in tasks {
        keys.push(task.await.unwrap());
    }
    let sent = store.sent() - before;
    assert!(sent <= 3, "{sent} commits for 64 children");
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), 64);
    let view = space.read(&Caller::System);
    let order = keys
        .iter()
        .map(|key| view.get(&Key::user(key)).unwrap().modified);
    assert!(order.is_sorted(), "a later number became visible first");
    assert_eq!(keys.last().unwrap(), "q/0000000063");
}

#[tokio::test]
async fn changes_of_one_client_see_those_before_them_and_share_a_commit() {
    let store = LogStore::default();
    let space = store.open().await;
    let before = store.sent();
    let sees: Decision<String, &'static str> = Box::new(|draft| {
        let seen = draft.get(&Key::user("a")).is_some();
        write(draft, "b", "");
        Ok(seen.to_string())
    });
    let refuses: Decision<String, &'static str> = Box::new(|_| Err("no"));
    let made = make(&space, vec![put("a", "1"), sees, refuses, put("c", "3")]).await;
    assert_eq!(store.sent() - before, 1);
    let revision = space.read(&Caller::System).revision();
    let shown: Vec<_> = made
        .iter()
        .map(|made| match made {
            Ok(done) => (done.reply.as_str(), done.revision),
            Err(ChangeError::Refused { error, revision }) => (*error, *revision),
            Err(error) => panic!("{error}"),
        })
        .collect();
    let at = |reply| (reply, revision);
    assert_eq!(shown, [at("1"), at("true"), at("no"), at("3")]);
}

#[tokio::test]
async fn what_one_commit_would_hide_goes_in_the_next() {
    let store = LogStore::default();
    let space = store.open().await;
    let before = store.sent();
    let made = make(
        &space,
        vec![put("a", "1"), put("b", "1"), put("a", "2"), put("c", "1")],
    );
    let revisions: Vec<u64> = made
        .await
        .into_iter()
        .map(|made| made.unwrap().revision)
        .collect();
    assert_eq!(store.sent() - before, 2);
    assert!(revisions[0] == revisions[1] && revisions[1] < revisions[2]);
    assert_eq!(revisions[2], revisions[3]);
    let version = space
        .read(&Caller::System)
        .get(&Key::user("a"))
        .unwrap()
        .attrs()
        .version;
    assert_eq!(version, 1, "both writes count");
    // Nobody is told of a refresh, so what others are told of must not be part of it.
    let refresh: Decision<String, &'static str> = Box::new(|draft| {
        draft.because(Cause::Refresh);
        write(draft, "d", "");
        Ok(String::new())
    });
    let made = make(&space, vec![put("e", ""), refresh, put("f", "")]).await;
    let causes = made
        .into_iter()
        .map(|made| made.unwrap().commit.unwrap().cause);
    let expected = [Cause::Set, Cause::Refresh, Cause::Set];
    assert_eq!(causes.collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn a_change_that_is_refused_leaves_nothing_and_stops_no_other() {
    let store = LogStore::default();
    let space = store.open().await;
    let half = || -> Decision<String, &'static str> {
        Box::new(|draft| {
            write(draft, "half", "");
            Err("no")
        })
    };
    let long: Decision<String, &'static str> = Box::new(|draft| {
        write(draft, "long", &"v".repeat(3 << 20));
        Ok(String::new())
    });
    for first in [true, false] {
        let mut all = vec![put("a", "1"), put("b", "2")];
        all.insert(usize::from(!first), half());
        let made = make(&space, all).await;
        let refused = made.iter().filter(|made| made.is_err()).count();
        assert_eq!(refused, 1);
        assert_eq!(get(&space, "half"), None);
        assert_eq!(get(&space, "b").as_deref(), Some("2"));
    }
    let client = Caller::Client {
        face: kubekv::model::FaceName::ZooKeeper,
        peer: "127.0.0.1:1".parse().unwrap(),
        credentials: kubekv::model::Credentials::default(),
    };
    let all = vec![put("x", "1"), long, half(), put("y", "2")];
    let made = space.commit_together(&client, None, all).await;
    let kinds: Vec<_> = made
        .iter()
        .map(|made| match made {
            Ok(_) => "made",
            Err(ChangeError::Denied(_)) => "denied",
            Err(ChangeError::Refused { .. }) => "refused",
            Err(ChangeError::Failed(_)) => "failed",
        })
        .collect();
    assert_eq!(kinds, ["made", "denied", "refused", "made"]);
    assert_eq!(get(&space, "y").as_deref(), Some("2"));
}

/// Whoever gives up before it is on its way has asked for nothing.
#[tokio::test]
async fn a_change_that_is_given_up_is_not_made() {
    let store = LogStore::default();
    let space = store.open().await;
    let counter = || Some("q".to_owned());
    let (first, second) = (space.clone(), space.clone());
    let mut first = Box::pin(async move {
        let made = first.commit_together(&Caller::System, counter(), vec![number("q")]);
        made.await
    });
    let mut second = Box::pin(async move {
        let made = second.commit_together(&Caller::System, counter(), vec![number("q")]);
        made.await
    });
    tokio::select! {
        biased;
        _made = &mut second => panic!("nothing is made yet"),
        () = std::future::ready(()) => {}
    }
    tokio::select! {
        biased;
        _made = &mut first => panic!("nothing is made yet"),
        () = std::future::ready(()) => {}
    }
    drop(second);
    assert_eq!(first.await.remove(0).unwrap().reply, "q/0000000000");
    assert_eq!(space.read(&Caller::System).directory("q").ever, 1);
}
