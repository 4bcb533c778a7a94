//! TTLs: expiry of entries and directories.

use std::convert::Infallible;
use std::time::Duration;

use kubekv::model::{Caller, Cause, DirMark, Key};
use kubekv::space::{Draft, Keyspace, node_ranges};
use support::faces;

use super::{get, pass};

async fn put_for(space: &Keyspace, key: &str, ttl: Duration, dir: DirMark) {
    let key = Key::user(key);
    let put = |draft: &mut Draft<'_>| {
        let mut record = draft.successor(&key);
        record.attrs.deadline = Some(draft.deadline_in(ttl));
        record.attrs.dir = dir;
        draft.put(&key, record);
        Ok::<_, Infallible>(())
    };
    space.commit(&Caller::System, put).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn entry_expires_with_its_ttl_and_watches_see_the_reason() {
    let space = faces::space().await;
    put_for(&space, "k", Duration::from_secs(5), DirMark::No).await;
    let mut watch = space.watch(&Caller::System, node_ranges("k", false));
    pass(Duration::from_millis(4_500)).await;
    assert!(get(&space, "k").is_some());
    pass(Duration::from_secs(1)).await;
    assert_eq!(get(&space, "k"), None);
    let commit = watch.try_next().unwrap().unwrap();
    assert_eq!(commit.cause, Cause::Expire);
    assert!(commit.changes[0].before.is_some());
}

#[tokio::test(start_paused = true)]
async fn refresh_and_plain_write_move_the_deadline() {
    let space = faces::space().await;
    put_for(&space, "refreshed", Duration::from_secs(5), DirMark::No).await;
    put_for(&space, "for ever", Duration::from_secs(5), DirMark::No).await;
    pass(Duration::from_secs(4)).await;
    put_for(&space, "refreshed", Duration::from_secs(5), DirMark::No).await;
    let key = Key::user("for ever");
    let keep = |draft: &mut Draft<'_>| {
        let mut record = draft.successor(&key);
        record.attrs.deadline = None;
        draft.put(&key, record);
        Ok::<_, Infallible>(())
    };
    space.commit(&Caller::System, keep).await.unwrap();
    pass(Duration::from_secs(4)).await;
    assert!(get(&space, "refreshed").is_some());
    pass(Duration::from_secs(2)).await;
    assert_eq!(get(&space, "refreshed"), None);
    assert!(get(&space, "for ever").is_some());
}

#[tokio::test(start_paused = true)]
async fn directory_expires_atomically_with_its_descendants() {
    let space = faces::space().await;
    put_for(&space, "d/", Duration::from_secs(5), DirMark::Made).await;
    super::put(&space, "d/a", "1").await;
    super::put(&space, "d/b/c", "1").await;
    super::put(&space, "dd", "1").await;
    let mut watch = space.watch(&Caller::System, node_ranges("d", true));
    pass(Duration::from_secs(6)).await;
    let commit = watch.try_next().unwrap().unwrap();
    assert_eq!(commit.subject, Some(Key::user("d")));
    assert_eq!(commit.changes.len(), 3);
    assert!(watch.try_next().is_none());
    assert!(get(&space, "dd").is_some());
}

/// Changes of clients are decided in between, and a gateway that is killed meanwhile goes on when it serves again.
#[tokio::test(start_paused = true)]
async fn directory_with_many_descendants_expires_in_parts_and_itself_last() {
    const KEYS: usize = 2_500;
    let space = faces::space().await;
    put_for(&space, "d/", Duration::from_secs(5), DirMark::Made).await;
    let fill = |draft: &mut Draft<'_>| {
        for number in 0..KEYS {
            let key = Key::user(format!("d/{number:04}"));
            let record = draft.successor(&key);
            draft.put(&key, record);
        }
        Ok::<_, Infallible>(())
    };
    space.commit(&Caller::System, fill).await.unwrap();
    let mut watch = space.watch(&Caller::System, node_ranges("d", true));
    pass(Duration::from_secs(7)).await;
    let parts: Vec<_> = std::iter::from_fn(|| watch.try_next())
        .map(Result::unwrap)
        .collect();
    assert!(parts.iter().all(|part| part.cause == Cause::Expire));
    let sizes: Vec<usize> = parts.iter().map(|part| part.changes.len()).collect();
    assert_eq!(sizes, [1_000, 1_000, 501]);
    let subjects: Vec<_> = parts.iter().map(|part| part.subject.clone()).collect();
    assert_eq!(subjects, [None, None, Some(Key::user("d"))]);
    assert_eq!(get(&space, "d/"), None);
    assert_eq!(space.entries_expired(), 1);
}
