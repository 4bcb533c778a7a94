//! Data and access lists, counted separately as ZooKeeper counts them.

use std::convert::Infallible;
use std::sync::Arc;

use kubekv::model::{AccessEntry, AccessList, Caller, Entry, Key};
use kubekv::space::{Draft, Keyspace, Lookup};
use support::faces;

fn list(id: &str) -> AccessList {
    AccessList::from(vec![AccessEntry {
        perms: 31,
        scheme: "ip".to_owned(),
        id: id.to_owned(),
    }])
}

fn set_data(draft: &mut Draft<'_>, value: &'static str) {
    let key = Key::user("a");
    let mut record = draft.next_version(&key);
    record.set_data(Some(value.into()));
    draft.put(&key, record);
}

fn set_access(draft: &mut Draft<'_>, id: &str) {
    let key = Key::user("a");
    let record = draft.with_access(&key, list(id)).unwrap();
    draft.put(&key, record);
}

/// Makes a change; its revision, and the entry after it.
async fn change(space: &Keyspace, change: impl Fn(&mut Draft<'_>)) -> (u64, Arc<Entry>) {
    let made = space.commit(&Caller::System, |draft| {
        change(draft);
        Ok::<_, Infallible>(())
    });
    made.await.unwrap();
    let view = space.read(&Caller::System);
    let entry = Arc::clone(view.get(&Key::user("a")).unwrap());
    (view.revision(), entry)
}

/// The version of the data and its revision, and the version of the access list.
fn shown(entry: &Entry) -> (u64, u64, u32) {
    let attrs = entry.attrs();
    (attrs.version, entry.data_index(), attrs.aversion())
}

#[tokio::test]
async fn each_step_of_a_transaction_is_a_version_of_data_or_list() {
    let space = faces::space().await;
    let (first, entry) = change(&space, |draft| {
        set_data(draft, "1");
        set_access(draft, "10.0.0.1");
        set_data(draft, "2");
        set_access(draft, "10.0.0.2");
    })
    .await;
    assert_eq!(shown(&entry), (1, first, 2));
    let (second, entry) = change(&space, |draft| {
        set_access(draft, "10.0.0.3");
        set_access(draft, "10.0.0.4");
    })
    .await;
    assert_eq!((entry.index(), entry.created()), (second, first));
    assert_eq!(shown(&entry), (1, first, 4));
    let (third, entry) = change(&space, |draft| {
        set_access(draft, "10.0.0.5");
        set_data(draft, "3");
        set_data(draft, "4");
    })
    .await;
    assert_eq!(shown(&entry), (3, third, 5));
    assert_eq!(entry.attrs().access(), Some(&list("10.0.0.5")));
    let none = space.commit(&Caller::System, |draft: &mut Draft<'_>| {
        Ok::<_, Infallible>(draft.with_access(&Key::user("b"), list("::1")))
    });
    assert_eq!(none.await.unwrap().reply, None);
}

#[tokio::test]
async fn size_of_the_keyspace_counts_access_lists() {
    let space = faces::space().await;
    let bytes = || space.read(&Caller::System).keyspace_bytes();
    change(&space, |draft| set_data(draft, "1")).await;
    let open = bytes();
    let id = "i".repeat(1_000);
    change(&space, |draft| set_access(draft, &id)).await;
    let closed = bytes();
    assert!(
        (open + 1_000..open + 1_500).contains(&closed),
        "{open} {closed}"
    );
    change(&space, |draft| {
        let key = Key::user("a");
        let record = draft.with_access(&key, AccessList::open()).unwrap();
        draft.put(&key, record);
    })
    .await;
    // How often the list was set is still remembered.
    assert!((open..open + 300).contains(&bytes()), "{open} {}", bytes());
}
