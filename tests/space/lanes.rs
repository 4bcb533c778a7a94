//! Lanes: changes of one client in its order, without waiting for each to be durable.

use kubekv::model::{Caller, Key};
use kubekv::space::{AcceptedChange, ChangeError, Draft, Keyspace, LanePlace, Lookup, Proposed};
use kubekv::store::CommitError;

use support::faces::space;

use super::get;
use super::held_store::HeldStore;

/// Adds a letter to the text of a key; refuses where the text is not what it must be.
fn append(draft: &mut Draft<'_>, wanted: &str, letter: &str) -> Result<String, String> {
    let key = Key::user("text");
    let text = draft.get(&key).map_or_else(String::new, |entry| {
        String::from_utf8(entry.value().to_vec()).unwrap()
    });
    if text != wanted {
        return Err(text);
    }
    let text = text + letter;
    let mut record = draft.successor(&key);
    record.value = text.clone().into();
    draft.put(&key, record);
    Ok(text)
}

async fn propose(
    space: &Keyspace,
    after: Option<LanePlace>,
    (wanted, letter): (&str, &str),
) -> Proposed<String, String> {
    let decide = |draft: &mut Draft<'_>| append(draft, wanted, letter);
    space.propose(&Caller::System, after, decide).await
}

fn accepted(proposed: Proposed<String, String>) -> AcceptedChange<String, String> {
    let Proposed::Accepted(accepted) = proposed else {
        panic!("{proposed:?}");
    };
    accepted
}

#[tokio::test]
async fn each_change_is_decided_on_those_before_it_and_answered_when_durable() {
    let store = HeldStore::default();
    let space = store.open().await;
    let first = accepted(propose(&space, None, ("", "a")).await);
    let second = accepted(propose(&space, Some(first.place()), ("a", "b")).await);
    // A refusal rests on what is not durable, so it waits as well.
    let refused = accepted(propose(&space, Some(second.place()), ("a", "c")).await);
    assert_eq!((store.held(), get(&space, "text")), ((3, 1), None));
    assert_eq!(store.sync(), 2);
    let first = first.await.unwrap().unwrap();
    let second = second.await.unwrap().unwrap();
    assert_eq!((first.reply.as_str(), second.reply.as_str()), ("a", "ab"));
    assert!(first.revision < second.revision);
    let Some(Err(ChangeError::Refused { error, revision })) = refused.await else {
        panic!("it was made");
    };
    assert_eq!((error.as_str(), revision), ("ab", second.revision));
}

#[tokio::test]
async fn what_fails_fails_together_and_nothing_is_decided_in_between() {
    let store = HeldStore::default();
    let space = store.open().await;
    let first = accepted(propose(&space, None, ("", "a")).await);
    let place = first.place();
    let second = accepted(propose(&space, Some(place), ("a", "b")).await);
    let refused = accepted(propose(&space, Some(place), ("x", "c")).await);
    store.refuse();
    // In the new order it would overtake the second.
    let late = propose(&space, Some(second.place()), ("", "c")).await;
    assert!(matches!(late, Proposed::NotYet), "{late:?}");
    let full = first.await;
    assert!(
        matches!(full, Some(Err(ChangeError::Failed(CommitError::Full(_))))),
        "{full:?}"
    );
    assert!(second.await.is_none() && refused.await.is_none());
    let again = accepted(propose(&space, None, ("", "b")).await);
    assert_ne!(again.place(), place);
    store.sync();
    assert_eq!(again.await.unwrap().unwrap().reply, "b");
}

#[tokio::test]
async fn a_store_without_an_order_answers_each_at_once() {
    let space = space().await;
    let Proposed::Answered(Ok(done)) = propose(&space, None, ("", "a")).await else {
        panic!("it was not made");
    };
    assert_eq!(
        (done.reply.as_str(), get(&space, "text").as_deref()),
        ("a", Some("a"))
    );
}

#[tokio::test]
async fn a_wide_change_waits_for_those_before_it() {
    let store = HeldStore::default();
    let space = store.open().await;
    let first = accepted(propose(&space, None, ("", "a")).await);
    let wide = |draft: &mut Draft<'_>| {
        for number in 0..1_000 {
            let key = Key::user(format!("wide/{number}"));
            draft.put(&key, draft.successor(&key));
        }
        Ok::<_, String>(String::new())
    };
    let after = Some(first.place());
    let early = space.propose(&Caller::System, after, wide).await;
    assert!(matches!(early, Proposed::NotYet), "{early:?}");
    store.sync();
    first.await.unwrap().unwrap();
    let alone = tokio::spawn(async move { space.propose(&Caller::System, None, wide).await });
    while !alone.is_finished() {
        store.sync();
        tokio::task::yield_now().await;
    }
    let done = alone.await.unwrap();
    assert!(matches!(done, Proposed::Answered(Ok(_))), "{done:?}");
}
