//! The first list of a gateway: of the last minute where it can be, so that clients' watches resume, else of the present.
//!
//! The last minute is needed while a client may come back that followed another gateway: its watch resumes from an index
//! in it. Nobody knows such a client before it comes. So the first list is of the oldest revision in the leader record that the API
//! server still watches from. The present is enough where there is none: no gateway has led before, indexes were raised, or the API
//! server has forgotten what the last leader wrote. Then a client whose index lies before the list is answered that the
//! index is cleared, and no deletion in between is missing in silence: the list's revision is the index floor.
//!
//! A small namespace is read in pages. Of a large one, an API server may take much longer to read a page of the past, or any
//! page but the first, from etcd, than to answer all of the present from its watch cache: the present is read, and rewound.
//! That list is not older than the leader record, read from etcd just before; the watch delivers what happened since.

use super::pages::{ListedObjects, list, list_at, list_if_small, list_whole};
use super::rewind::rewound;
use crate::store::kubernetes::cache::leader_object::LeaderObject;
use crate::store::kubernetes::client::api::Api;
use crate::store::kubernetes::client::error::ApiError;
use crate::store::kubernetes::codec::name;
use crate::store::kubernetes::codec::object::EntryObject;
use crate::store::kubernetes::watch::open::has_events_since;
use crate::store::shared::election::leader_record::LeaderRecord;

/// Every object, as of the last minute or of now.
pub(super) async fn list_first(api: &Api) -> Result<ListedObjects, ApiError> {
    let Some(leader) = leader(api).await else {
        return list(api).await;
    };
    if let Some(listed) = list_past(api, &leader).await {
        return Ok(listed);
    }
    match list_if_small(api, None).await {
        Ok(Some(listed)) => Ok(listed),
        Ok(None) => match list_whole(api, leader.version).await {
            Ok(listed) => Ok(listed),
            Err(error) => {
                tracing::debug!(%error, "cannot list the present in one piece");
                list(api).await
            }
        },
        Err(_) => list(api).await,
    }
}

/// The leader record, as etcd has it.
async fn leader(api: &Api) -> Option<LeaderObject> {
    let object = api.get(&name::of(&LeaderRecord::key())).await.ok()?;
    let object = EntryObject::read(std::str::from_utf8(&object).ok()?).ok()?;
    LeaderObject::read(&object)
}

/// Every object as it was a while ago. The watch then delivers what happened since, for clients that reconnect. `None` if
/// the API server has compacted that.
async fn list_past(api: &Api, leader: &LeaderObject) -> Option<ListedObjects> {
    let past = leader.record.past.iter();
    let past = past.map(|passed| passed.revision.saturating_sub(leader.record.offset));
    let past: Vec<u64> = past.collect();
    let mut left = past.as_slice();
    while let [version, later @ ..] = left {
        if has_events_since(api, *version).await? {
            match list_one_of(api, left, leader).await {
                Ok(listed) => return Some(listed),
                Err(error) => tracing::debug!(%error, version, "cannot list a past version"),
            }
        }
        left = later;
    }
    None
}

/// Every object as of the first of these versions; of a later one where that is quicker.
async fn list_one_of(
    api: &Api,
    versions: &[u64],
    leader: &LeaderObject,
) -> Result<ListedObjects, ApiError> {
    let first = versions.first().copied();
    if let Some(listed) = list_if_small(api, first).await? {
        return Ok(listed);
    }
    match rewound(api, versions, leader.version).await {
        Ok(listed) => Ok(listed),
        Err(error) => {
            tracing::debug!(%error, "cannot rewind a list of the present");
            list_at(api, first).await
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::fake_api_server::{FakeApiServer, FakeState};
    use super::*;

    const ONE_PIECE: &str = "resourceVersionMatch=NotOlderThan";
    const LATER_PAGE: &str = "continue=";

    fn spec() -> Value {
        json!({"key": "k"})
    }

    /// Writes, deletions and heartbeats at random; the first is a heartbeat.
    fn fill(state: &mut FakeState, seed: u64) {
        let mut random = fastrand::Rng::with_seed(seed);
        state.beat();
        for _ in 0..random.usize(1..60) {
            let name = format!("n{}", random.u8(..10));
            let exists = state.object_at(&name, state.version).is_some();
            match random.u8(..8) {
                0 => state.beat(),
                1 | 2 if exists => state.write(&name, None),
                3 => state.version += 1,
                _ => state.write(&name, Some(&spec())),
            }
        }
        state.beat();
        state.version += random.u64(..2);
    }

    /// Names and versions of objects, in order.
    fn shown(objects: &[EntryObject]) -> Vec<(String, u64)> {
        let shown = objects
            .iter()
            .map(|object| (object.name.clone(), object.version));
        let mut shown: Vec<_> = shown.collect();
        shown.sort_unstable();
        shown
    }

    /// The first list, of which the server confirms that it is of the version that it says.
    async fn listed(server: &FakeApiServer) -> u64 {
        let (version, objects) = list_first(&server.api()).await.unwrap();
        let state = server.0.lock();
        let expected = state.objects_at(version).into_iter();
        let expected = expected.map(|(name, object)| {
            let version = object["metadata"]["resourceVersion"].as_str().unwrap();
            (name, version.parse().unwrap())
        });
        let expected: Vec<(String, u64)> = expected.collect();
        assert_eq!(shown(&objects), expected, "of {version}");
        version
    }

    #[tokio::test]
    async fn present_that_is_rewound_is_the_list_of_the_past() {
        for seed in 0..300 {
            let server = FakeApiServer::large();
            fill(&mut server.0.lock(), seed);
            let version = listed(&server).await;
            assert_eq!(version, server.0.lock().past[0], "seed {seed}");
            assert_eq!(server.asked(ONE_PIECE), 1, "seed {seed}");
            assert_eq!(server.asked(LATER_PAGE), 0, "seed {seed}");
        }
    }

    #[tokio::test]
    async fn small_namespace_is_read_in_pages_of_the_past() {
        let server = FakeApiServer::small();
        fill(&mut server.0.lock(), 1);
        let version = listed(&server).await;
        assert_eq!(version, server.0.lock().past[0]);
        assert_eq!((server.asked(ONE_PIECE), server.asked(LATER_PAGE)), (0, 1));
    }

    #[tokio::test]
    async fn past_begins_where_the_watch_still_does() {
        let server = FakeApiServer::large();
        {
            let mut state = server.0.lock();
            for seed in 0..3 {
                fill(&mut state, seed);
            }
            state.oldest_watched = state.past[2];
        }
        let version = listed(&server).await;
        assert_eq!(version, server.0.lock().past[2]);
    }

    #[tokio::test]
    async fn present_is_listed_in_one_piece_where_the_watch_has_no_past() {
        let server = FakeApiServer::large();
        let lead = {
            let mut state = server.0.lock();
            fill(&mut state, 1);
            state.oldest_watched = state.version + 1;
            *state.past.last().unwrap()
        };
        let version = listed(&server).await;
        assert_eq!(version, server.0.lock().version);
        let fresh = format!("{ONE_PIECE}&resourceVersion={lead}");
        assert_eq!((server.asked(&fresh), server.asked(LATER_PAGE)), (1, 0));
    }

    #[tokio::test]
    async fn present_is_listed_in_pages_where_no_gateway_has_led() {
        let server = FakeApiServer::large();
        server.0.lock().write("n1", Some(&spec()));
        let version = listed(&server).await;
        assert_eq!(version, server.0.lock().version);
        assert_eq!(server.asked(ONE_PIECE), 0);
    }

    #[tokio::test]
    async fn past_is_read_in_pages_where_the_watch_does_not_say_that_nothing_is_missing() {
        let server = FakeApiServer::large();
        {
            let mut state = server.0.lock();
            fill(&mut state, 1);
            state.has_bookmarks = false;
            // As by a write to objects of another kind.
            state.version += 1;
        }
        let version = listed(&server).await;
        assert_eq!(version, server.0.lock().past[0]);
        assert_eq!((server.asked(ONE_PIECE), server.asked(LATER_PAGE)), (1, 1));
    }

    #[tokio::test]
    async fn past_is_read_in_pages_where_the_watch_lost_a_change() {
        let server = FakeApiServer::large();
        {
            let mut state = server.0.lock();
            state.write("n1", Some(&spec()));
            state.beat();
            state.write("n1", Some(&spec()));
            state.lost = Some(state.version);
            state.beat();
        }
        let version = listed(&server).await;
        assert_eq!(version, server.0.lock().past[0]);
        assert_eq!((server.asked(ONE_PIECE), server.asked(LATER_PAGE)), (1, 1));
    }

    #[tokio::test]
    async fn later_past_is_taken_where_too_much_changed_since_the_oldest() {
        let server = FakeApiServer::large();
        {
            let mut state = server.0.lock();
            state.watched = 10_000;
            let names: Vec<_> = (0..2_001).map(|number| format!("n{number}")).collect();
            for name in &names {
                state.write(name, Some(&spec()));
            }
            state.beat();
            for name in &names {
                state.write(name, Some(&spec()));
            }
            state.beat();
            state.write("n7", Some(&spec()));
            state.beat();
        }
        let (version, objects) = list_first(&server.api()).await.unwrap();
        let state = server.0.lock();
        assert_eq!(version, state.past[1]);
        assert_eq!(objects.len(), 2_002);
        drop(state);
        assert_eq!(
            server.asked("fieldSelector="),
            2,
            "n7 and the leader record"
        );
    }
}
