//! Tests of the Docker guard over a keyspace in memory.

use std::convert::Infallible;
use std::time::Duration;

use super::*;
use crate::docker::IllegalChange;
use crate::guard::Bounds;
use crate::guard::memory_keyspace::any_client;
use crate::model::{
    AccessList, Attrs, Caller, Credentials, DirMark, Entry, FaceName, Key, KeyRange, LeaseId,
    Record, Revision, Verb,
};
use crate::space::{
    Admit, ChangeError, Demand, Denied, Draft, EntrySieve as _, Keyspace, Lookup as _,
};
use crate::store::{MemoryStore, Store as _};

const COUNT: &str = "docker/network/v1.0/endpoint_count/n/";
const NETWORK: &str = "docker/network/v1.0/network/n/";
const GOOD: &str = r#"{"name":"a","id":"n","networkType":"overlay","enableIPv6":false}"#;

struct Gateway {
    space: Keyspace,
    guard: Arc<DockerGuard>,
}

async fn gateway(mode: DockerGuardMode) -> Gateway {
    let store = Arc::new(MemoryStore::new());
    let bounds: Arc<dyn Admit> = Arc::new(Bounds::new(store.limits()));
    let guard = DockerGuard::new(mode, &mut Registry::default());
    let admit = crate::guard::with_docker(bounds, Some(&guard), None);
    let opened = Keyspace::open(store, admit, &mut Registry::default()).await;
    let (space, _expiry) = opened.unwrap();
    Gateway { space, guard }
}

/// How a key is put.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Put {
    Plain,
    Compared,
}

impl Gateway {
    async fn put(&self, caller: &Caller, how: Put, key: &str, value: &str) -> Result<(), Denied> {
        let key = Key::user(key);
        let write = |draft: &mut Draft<'_>| {
            if how == Put::Compared {
                draft.compares(&key);
            }
            let mut record = draft.successor(&key);
            record.value = value.to_owned().into();
            draft.put(&key, record);
            Ok::<_, Infallible>(())
        };
        denied(self.space.commit(caller, write).await.map(drop))
    }

    async fn delete(&self, caller: &Caller, key: &str) -> Result<(), Denied> {
        let key = Key::user(key);
        let delete = |draft: &mut Draft<'_>| {
            draft.delete(&key);
            Ok::<_, Infallible>(())
        };
        denied(self.space.commit(caller, delete).await.map(drop))
    }

    fn shown(&self, key: &str) -> Option<String> {
        let view = self.space.read(&any_client());
        let entry = view.get(&Key::user(key))?;
        Some(String::from_utf8_lossy(entry.value()).into_owned())
    }

    fn listed(&self) -> Vec<String> {
        let view = self.space.read(&any_client());
        let listed = view.scan(&Key::user("docker/"));
        listed.map(|(key, _)| key.to_string()).collect()
    }
}

fn denied<E: std::fmt::Debug>(done: Result<(), ChangeError<E>>) -> Result<(), Denied> {
    match done {
        Ok(()) => Ok(()),
        Err(ChangeError::Denied(denied)) => Err(denied),
        Err(other) => panic!("{other:?}"),
    }
}

fn client(address: &str) -> Caller {
    Caller::Client {
        face: FaceName::Consul,
        peer: format!("{address}:1").parse().unwrap(),
        credentials: Credentials::default(),
    }
}

#[tokio::test]
async fn harmful_records_and_changes_are_refused_and_counted() {
    let gateway = gateway(DockerGuardMode::Enforce).await;
    let any = any_client();
    let refused = |why: &str| Err(Denied::Guarded(format!("the Docker guard: {why}")));
    let put = |how, key, value| gateway.put(&any, how, key, value);
    assert_eq!(
        put(Put::Plain, "docker/network/v1.0/network/", "").await,
        Ok(())
    );
    assert_eq!(put(Put::Plain, "other", "{}").await, Ok(()));
    assert_eq!(put(Put::Plain, COUNT, "{\"Count\":0}").await, Ok(()));
    let missing = "id is missing or of a wrong type: daemons would panic";
    assert_eq!(
        put(Put::Plain, NETWORK, r#"{"name":"a"}"#).await,
        refused(missing)
    );
    assert_eq!(put(Put::Plain, NETWORK, GOOD).await, Ok(()));
    let unconditional = refused("it is written without a comparison");
    assert_eq!(put(Put::Plain, NETWORK, GOOD).await, unconditional);
    assert_eq!(put(Put::Compared, NETWORK, GOOD).await, Ok(()));
    let jumps = refused("an endpoint count changes by more than one, or does not begin at 0");
    assert_eq!(put(Put::Compared, COUNT, "{\"Count\":2}").await, jumps);
    assert_eq!(put(Put::Compared, COUNT, "{\"Count\":1}").await, Ok(()));
    assert_eq!(gateway.guard.refusals(), 3);
    let spelled = COUNT.trim_end_matches('/');
    let again = put(Put::Plain, spelled, "{\"Count\":0}").await;
    assert!(matches!(again, Err(Denied::Guarded(why)) if why.contains("slash")));
    // Together, each would excuse the other.
    let both = |draft: &mut Draft<'_>| {
        draft.delete(&Key::user(NETWORK));
        draft.delete(&Key::user(COUNT));
        Ok::<_, Infallible>(())
    };
    let done = denied(gateway.space.commit(&any, both).await.map(drop));
    assert!(matches!(done, Err(Denied::Guarded(why)) if why.contains("several")));
    // The operator may do all of it.
    let operator = Caller::Operator;
    assert_eq!(
        gateway
            .put(&operator, Put::Plain, COUNT, "{\"Count\":0}")
            .await,
        Ok(())
    );
}

#[tokio::test]
async fn a_whole_tree_is_not_deleted_and_a_host_writes_its_own() {
    let gateway = gateway(DockerGuardMode::Enforce).await;
    let (one, other) = (client("10.0.0.1"), client("10.0.0.2"));
    let node = "docker/nodes/10.0.0.1:2376";
    let put = |caller| gateway.put(caller, Put::Plain, node, "10.0.0.1:2376");
    assert!(put(&other).await.is_err());
    assert_eq!(put(&one).await, Ok(()));
    assert_eq!(put(&any_client()).await, Ok(()), "a sidecar's");
    let all = |draft: &mut Draft<'_>| {
        draft.delete_all(&Key::user("docker/"));
        Ok::<_, Infallible>(())
    };
    let done = denied(gateway.space.commit(&one, all).await.map(drop));
    assert!(matches!(done, Err(Denied::Guarded(why)) if why.contains("at once")));
    assert_eq!(gateway.delete(&one, node).await, Ok(()));
}

/// A renewal is no commit, and could keep the entry of a host alive that is gone.
#[tokio::test(start_paused = true)]
async fn a_host_renews_its_own_entry_only() {
    let gateway = gateway(DockerGuardMode::Enforce).await;
    gateway.space.renew_under(&["docker/nodes".to_owned()]);
    let (one, other) = (client("10.0.0.1"), client("10.0.0.2"));
    let key = Key::user("docker/nodes/10.0.0.1:2376");
    let beat = async |caller: &Caller| {
        let beat = |draft: &mut Draft<'_>| {
            draft.renews();
            let mut record = draft.successor(&key);
            record.value = "10.0.0.1:2376".into();
            record.attrs.deadline = Some(draft.deadline_in(Duration::from_secs(60)));
            draft.put(&key, record);
            Ok::<_, Infallible>(())
        };
        denied(gateway.space.commit(caller, beat).await.map(drop))
    };
    for _ in 0..2 {
        assert_eq!(beat(&one).await, Ok(()));
    }
    let stored = gateway.space.read(&one).revision();
    assert_eq!(beat(&one).await, Ok(()));
    assert_eq!(gateway.space.read(&one).revision(), stored, "a renewal");
    assert!(matches!(beat(&other).await, Err(Denied::Guarded(_))));
    assert_eq!(gateway.guard.refusals(), 1);
}

/// What a test changes of a record's attributes.
type Changed = fn(&mut Draft<'_>, &mut Attrs);

fn with_ttl(draft: &mut Draft<'_>, attrs: &mut Attrs) {
    attrs.deadline = Some(draft.deadline_in(Duration::from_secs(1)));
}

fn of_a_directory(draft: &mut Draft<'_>, attrs: &mut Attrs) {
    attrs.dir = DirMark::Made;
    with_ttl(draft, attrs);
}

impl Gateway {
    /// Writes an entry with the value that it has, and other attributes.
    async fn change(&self, key: &str, change: Changed) -> Result<(), Denied> {
        let key = Key::user(key);
        let write = |draft: &mut Draft<'_>| {
            draft.compares(&key);
            let mut record = draft.successor(&key);
            change(draft, &mut record.attrs);
            draft.put(&key, record);
            Ok::<_, Infallible>(())
        };
        denied(self.space.commit(&any_client(), write).await.map(drop))
    }
}

#[tokio::test]
async fn no_record_ends_by_itself_or_is_closed_to_others() {
    let gateway = gateway(DockerGuardMode::Enforce).await;
    let any = any_client();
    let fleeting = Err(Denied::Guarded(format!(
        "the Docker guard: {}",
        IllegalChange::Fleeting
    )));
    // A directory of something else, and one of which nothing is known yet.
    gateway.put(&any, Put::Plain, "app/key", "1").await.unwrap();
    for directory in ["app/", "docker/"] {
        assert_eq!(gateway.change(directory, of_a_directory).await, Ok(()));
        gateway.delete(&any, directory).await.unwrap();
    }
    gateway
        .put(&any, Put::Plain, COUNT, "{\"Count\":0}")
        .await
        .unwrap();
    let listed = |_: &mut Draft<'_>, attrs: &mut Attrs| attrs.set_access(AccessList::readable());
    let childless = |_: &mut Draft<'_>, attrs: &mut Attrs| attrs.set_childless_ttl_ms(Some(1));
    let locked = |_: &mut Draft<'_>, attrs: &mut Attrs| attrs.lock = Some(LeaseId(7));
    let bound = |_: &mut Draft<'_>, attrs: &mut Attrs| attrs.bound = Some(LeaseId(7));
    let changes: [Changed; 4] = [with_ttl, childless, locked, bound];
    for change in changes {
        assert_eq!(gateway.change(COUNT, change).await, fleeting);
    }
    for directory in [
        "docker/",
        "docker/network/",
        "docker/network/v1.0/endpoint_count/",
    ] {
        assert_eq!(
            gateway.change(directory, of_a_directory).await,
            fleeting,
            "{directory}"
        );
    }
    let closed = gateway.change(COUNT, listed).await;
    let why = format!("the Docker guard: {}", IllegalChange::AccessListed);
    assert_eq!(closed, Err(Denied::Guarded(why)));
    // Nodes are to end.
    let node = "docker/nodes/10.0.0.1:2376";
    gateway
        .put(&any, Put::Plain, node, "10.0.0.1:2376")
        .await
        .unwrap();
    assert_eq!(gateway.change(node, with_ttl).await, Ok(()));
}

#[tokio::test]
async fn in_mode_warn_all_is_done_and_told() {
    let gateway = gateway(DockerGuardMode::Warn).await;
    let any = any_client();
    assert_eq!(gateway.put(&any, Put::Plain, NETWORK, "{}").await, Ok(()));
    assert_eq!(gateway.guard.refusals(), 1);
    assert_eq!(gateway.shown(NETWORK).as_deref(), Some("{}"));
    assert_eq!(gateway.guard.quarantined().len(), 1);
}

#[tokio::test]
async fn a_bad_record_is_kept_from_clients_until_it_is_mended_or_gone() {
    let gateway = gateway(DockerGuardMode::Enforce).await;
    let any = any_client();
    let operator = Caller::Operator;
    gateway
        .put(&any, Put::Plain, COUNT, "{\"Count\":0}")
        .await
        .unwrap();
    gateway
        .put(&operator, Put::Plain, NETWORK, "{}")
        .await
        .unwrap();
    assert_eq!(gateway.shown(NETWORK), None);
    assert_eq!(gateway.listed(), [COUNT]);
    let alone = Demand::All(Verb::Read, KeyRange::Exact(Key::user(NETWORK)));
    assert!(gateway.space.asks(&any, || alone.clone()).is_err());
    let quarantined = gateway.guard.quarantined();
    assert_eq!(quarantined.len(), 1);
    assert_eq!(quarantined[0].key, NETWORK);
    assert_eq!(
        gateway
            .space
            .read(&operator)
            .scan(&Key::user("docker/"))
            .count(),
        2
    );
    // Whoever may replaces it, or deletes it.
    gateway.put(&any, Put::Plain, NETWORK, GOOD).await.unwrap();
    assert_eq!(gateway.shown(NETWORK).as_deref(), Some(GOOD));
    assert_eq!(gateway.guard.quarantined(), []);
    gateway
        .put(&operator, Put::Plain, NETWORK, "[")
        .await
        .unwrap();
    assert_eq!(gateway.shown(NETWORK), None);
    gateway.delete(&any, NETWORK).await.unwrap();
    assert_eq!(gateway.guard.quarantined(), []);
}

#[tokio::test]
async fn a_network_without_a_count_is_kept_from_clients() {
    let gateway = gateway(DockerGuardMode::Enforce).await;
    let operator = Caller::Operator;
    gateway
        .put(&operator, Put::Plain, NETWORK, GOOD)
        .await
        .unwrap();
    assert_eq!(gateway.shown(NETWORK), None);
    // In the other spelling.
    let count = COUNT.trim_end_matches('/');
    gateway
        .put(&operator, Put::Plain, count, "{\"Count\":3}")
        .await
        .unwrap();
    assert_eq!(gateway.shown(NETWORK).as_deref(), Some(GOOD));
    gateway.delete(&operator, count).await.unwrap();
    assert_eq!(gateway.shown(NETWORK), None);
}

/// Writes a count in either spelling, or deletes it; the network is shown where the first that is there is one.
#[tokio::test]
async fn a_network_is_shown_as_its_counts_change_in_either_spelling() {
    let gateway = gateway(DockerGuardMode::Enforce).await;
    let operator = Caller::Operator;
    gateway
        .put(&operator, Put::Plain, NETWORK, GOOD)
        .await
        .unwrap();
    let spellings = [COUNT, COUNT.trim_end_matches('/')];
    let values = [
        None,
        Some(r#"{"Count":0}"#),
        Some(r#"{"Count":1}"#),
        Some("boom"),
    ];
    let mut random = fastrand::Rng::with_seed(1);
    let mut counts = [None; 2];
    for _ in 0..200 {
        let (spelling, value) = (random.usize(..2), values[random.usize(..4)]);
        match value {
            Some(value) => {
                gateway
                    .put(&operator, Put::Plain, spellings[spelling], value)
                    .await
            }
            None => gateway.delete(&operator, spellings[spelling]).await,
        }
        .unwrap();
        counts[spelling] = value;
        let is_counted = counts
            .iter()
            .flatten()
            .next()
            .is_some_and(|first| *first != "boom");
        assert_eq!(gateway.shown(NETWORK).is_some(), is_counted, "{counts:?}");
    }
}

#[test]
fn a_network_is_not_judged_again_for_another_number() {
    let guard = DockerGuard::new(DockerGuardMode::Enforce, &mut Registry::default());
    let entry = |value: &'static str| Entry {
        record: Record {
            value: value.into(),
            attrs: Attrs::default(),
        },
        modified: Revision::new(1, 0),
    };
    let count = Key::user(COUNT);
    let (one, two, bad) = (
        entry(r#"{"Count":1}"#),
        entry(r#"{"Count":2}"#),
        entry("boom"),
    );
    let others = |before, now| guard.sieve.concerned(&count, before, now).unwrap().len();
    assert_eq!(others(Some(&one), Some(&two)), 0);
    for (before, now) in [
        (None, Some(&one)),
        (Some(&one), None),
        (Some(&one), Some(&bad)),
        (Some(&bad), None),
    ] {
        assert_eq!(others(before, now), 2);
    }
}

#[tokio::test]
async fn watches_and_the_past_show_a_bad_record_without_its_value() {
    let gateway = gateway(DockerGuardMode::Enforce).await;
    let ranges = vec![KeyRange::Exact(Key::user(COUNT))];
    let mut watch = gateway.space.watch(&any_client(), ranges);
    let written = gateway
        .put(&Caller::Operator, Put::Plain, COUNT, "boom")
        .await;
    assert_eq!(written, Ok(()));
    let commit = watch.next().await.unwrap();
    let now = commit.changes[0].now.as_ref().unwrap();
    assert_eq!(now.value().as_ref(), b"");
}
