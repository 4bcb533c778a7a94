//! Renewals: equal writes of hosts at rest cost the store nothing, and nothing that is renewed is cut short.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use kubekv::guard::Bounds;
use kubekv::model::{Caller, Cause, Key, Lease, LeaseEnd, LeaseId};
use kubekv::space::{Acquired, Committed, Draft, Keyspace, Lookup, node_ranges};
use kubekv::store::{CommitError, Store};
use prometheus_client::registry::Registry;
use proptest::prelude::*;
use tokio::task::JoinHandle;

use super::held_store::HeldStore;
use super::log_store::LogStore;
use super::{get, pass};

const HOST: &str = "docker/nodes/10.0.0.1:2376";
const TTL: Duration = Duration::from_secs(60);

/// A gateway that leads over a store.
struct Leader {
    space: Keyspace,
    expiry: JoinHandle<()>,
}

impl Leader {
    async fn of(store: Arc<dyn Store>) -> Self {
        let admit = Arc::new(Bounds::new(store.limits()));
        let opened = Keyspace::open(store, admit, &mut Registry::default()).await;
        let (space, expiry) = opened.unwrap();
        space.renew_under(&["docker/nodes".to_owned()]);
        Self { space, expiry }
    }

    async fn over(store: &LogStore) -> Self {
        Self::of(Arc::new(store.clone())).await
    }

    /// Another gateway takes over: this one ends nothing any more.
    async fn taken_over(self, store: &LogStore) -> Self {
        self.expiry.abort();
        store.age();
        Self::over(store).await
    }

    fn is_alive(&self, key: &str) -> bool {
        get(&self.space, key).is_some()
    }
}

/// What a host writes again and again.
async fn write(space: &Keyspace, key: &str, value: &str, ttl: Duration) -> Committed<()> {
    let key = Key::user(key);
    let value = bytes::Bytes::copy_from_slice(value.as_bytes());
    let put = |draft: &mut Draft<'_>| {
        let mut record = draft.successor(&key);
        record.value = value.clone();
        record.attrs.deadline = Some(draft.deadline_in(ttl));
        draft.put(&key, record);
        draft.renews();
        Ok::<_, Infallible>(())
    };
    space.commit(&Caller::System, put).await.unwrap()
}

async fn beat(space: &Keyspace) -> Committed<()> {
    write(space, HOST, "10.0.0.1:2376", TTL).await
}

/// A host that is known, and that renewals keep alive from now on.
async fn begin(space: &Keyspace) {
    beat(space).await;
    beat(space).await;
}

#[tokio::test(start_paused = true)]
async fn hosts_at_rest_cost_the_store_nothing() {
    let store = LogStore::default();
    let leader = Leader::over(&store).await;
    let mut watch = leader
        .space
        .watch(&Caller::System, node_ranges("docker/nodes", true));
    begin(&leader.space).await;
    let (sent, known) = (store.sent(), leader.space.read(&Caller::System).revision());
    for _ in 0..30 {
        pass(Duration::from_secs(20)).await;
        let renewed = beat(&leader.space).await;
        let commit = renewed.commit.unwrap();
        assert_eq!((renewed.revision, commit.revision), (known, known));
        let [change] = commit.changes.as_slice() else {
            panic!("{commit:?}");
        };
        let deadline = change.now.as_ref().unwrap().attrs().deadline.unwrap();
        assert!(!deadline.is_kept_by_renewals(), "it is shown to a client");
        assert_eq!(deadline.ttl_ms, 60_000);
    }
    assert_eq!(store.sent(), sent, "no write to the store");
    assert_eq!(watch.try_next().unwrap().unwrap().cause, Cause::Set);
    assert!(watch.try_next().is_some(), "the one that every watch owed");
    assert!(watch.try_next().is_none(), "renewals wake nobody");
    pass(Duration::from_secs(59)).await;
    assert!(leader.is_alive(HOST));
    pass(Duration::from_secs(2)).await;
    assert!(!leader.is_alive(HOST));
}

#[tokio::test(start_paused = true)]
async fn what_is_no_renewal_is_written() {
    let store = LogStore::default();
    let Leader { space, .. } = Leader::over(&store).await;
    begin(&space).await;
    let minute = |key, value| write(&space, key, value, TTL);
    for (what, writes) in [
        ("another value", 1),
        ("the value of before", 1),
        ("equal", 1),
        ("equal again", 0),
    ] {
        let sent = store.sent();
        let value = if what == "another value" {
            "other"
        } else {
            "10.0.0.1:2376"
        };
        minute(HOST, value).await;
        assert_eq!(store.sent() - sent, writes, "{what}");
    }
    for (ttl, writes) in [(30, 1), (30, 0), (60, 1), (60, 0)] {
        let sent = store.sent();
        write(&space, HOST, "10.0.0.1:2376", Duration::from_secs(ttl)).await;
        assert_eq!(store.sent() - sent, writes, "a TTL of {ttl} s");
    }
    for key in ["docker/nodes", "docker/network/x", "docker/nodesx"] {
        let sent = store.sent();
        for _ in 0..3 {
            minute(key, "v").await;
        }
        assert_eq!(store.sent() - sent, 3, "{key}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_renewed_entry_has_its_full_ttl_after_each_take_over() {
    let store = LogStore::default();
    let mut leader = Leader::over(&store).await;
    begin(&leader.space).await;
    for _ in 0..5 {
        // Longer than any deadline that the store could know.
        for _ in 0..5 {
            pass(Duration::from_secs(20)).await;
            beat(&leader.space).await;
        }
        pass(Duration::from_secs(50)).await;
        leader = leader.taken_over(&store).await;
        pass(Duration::from_secs(59)).await;
        assert!(leader.is_alive(HOST), "it was cut short");
        beat(&leader.space).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_dead_host_goes_although_gateways_take_over_again_and_again() {
    let store = LogStore::default();
    let mut leader = Leader::over(&store).await;
    begin(&leader.space).await;
    for _ in 0..4 {
        pass(Duration::from_secs(20)).await;
        beat(&leader.space).await;
    }
    let mut take_overs = 0;
    while leader.is_alive(HOST) {
        leader = leader.taken_over(&store).await;
        take_overs += 1;
        assert!(take_overs < 4, "it lives for ever");
        pass(Duration::from_secs(40)).await;
    }
    assert_eq!(
        take_overs, 2,
        "after the first it has its full TTL, and no longer"
    );
    pass(Duration::from_secs(1)).await;
    let records = leader.space.read(&Caller::System);
    assert_eq!(records.scan(&Key::system("deadline/")).count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_host_that_was_silent_is_not_cut_short_when_it_is_back() {
    let store = LogStore::default();
    let mut leader = Leader::over(&store).await;
    begin(&leader.space).await;
    leader = leader.taken_over(&store).await;
    // It is recorded by now when it ends.
    pass(Duration::from_secs(45)).await;
    let recorded = leader.space.read(&Caller::System);
    assert_eq!(recorded.scan(&Key::system("deadline/")).count(), 1);
    beat(&leader.space).await;
    leader = leader.taken_over(&store).await;
    pass(Duration::from_secs(59)).await;
    assert!(leader.is_alive(HOST));
    let view = leader.space.read(&Caller::System);
    let records = view.scan(&Key::system("deadline/"));
    let left: Vec<_> = records.map(|(_, record)| record.value().clone()).collect();
    let index = view.get(&Key::user(HOST)).unwrap().index();
    for record in &left {
        let record: serde_json::Value = serde_json::from_slice(record).unwrap();
        assert_eq!(record["modified"], index, "a void record was left");
    }
}

#[tokio::test(start_paused = true)]
async fn one_renewal_is_delivered_after_a_watch_broke() {
    let store = LogStore::default();
    let Leader { space, .. } = Leader::over(&store).await;
    begin(&space).await;
    pass(Duration::from_secs(10)).await;
    let mut watch = space.watch(&Caller::System, node_ranges("docker/nodes", true));
    beat(&space).await;
    assert!(watch.try_next().is_none());
    for _ in 0..3 {
        space.watch_broke();
    }
    pass(Duration::from_secs(10)).await;
    for _ in 0..3 {
        beat(&space).await;
    }
    assert!(watch.try_next().is_some(), "dockerd waits for it");
    assert!(watch.try_next().is_none(), "one is enough");
}

/// The end of an entry is on its way when its host renews it, and perhaps fails.
#[tokio::test(start_paused = true)]
async fn a_renewal_never_loses_to_an_end_that_was_decided_before_it() {
    let beat = |space: &Keyspace| {
        let space = space.clone();
        async move { write(&space, HOST, "v", Duration::from_secs(4)).await }
    };
    for (offset, fails) in (0..30).flat_map(|offset| [(offset, false), (offset, true)]) {
        let store = LogStore::default();
        let leader = Leader::over(&store).await;
        for _ in 0..2 {
            beat(&leader.space).await;
        }
        if fails {
            store.fail_next(CommitError::Unavailable("away".to_owned()));
        }
        pass(Duration::from_millis(3_750)).await;
        // Due now; how far its end is depends on how often others run.
        tokio::time::advance(Duration::from_millis(260)).await;
        for _ in 0..offset {
            tokio::task::yield_now().await;
        }
        beat(&leader.space).await;
        pass(Duration::from_millis(3_500)).await;
        assert!(leader.is_alive(HOST), "offset {offset}, fails: {fails}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_renewal_waits_for_what_is_accepted_of_its_entry() {
    let store = HeldStore::default();
    let Leader { space, .. } = Leader::of(Arc::new(store.clone())).await;
    let task = |space: &Keyspace| {
        let space = space.clone();
        tokio::spawn(async move { beat(&space).await })
    };
    let (first, second) = (task(&space), task(&space));
    store.accepted(2).await;
    store.sync();
    let known = first
        .await
        .unwrap()
        .revision
        .max(second.await.unwrap().revision);
    assert_eq!(beat(&space).await.revision, known, "nothing is pending");
    pass(Duration::from_secs(61)).await;
    // Its end is accepted, and not durable.
    assert_eq!(store.held(), (1, 0));
    let renewal = task(&space);
    store.accepted(2).await;
    assert_eq!(store.held(), (2, 0), "a create behind the end");
    store.sync();
    let created = renewal.await.unwrap().commit.unwrap();
    assert!(created.changes[0].before.is_none());
    assert!(get(&space, HOST).is_some());
}

#[tokio::test(start_paused = true)]
async fn an_end_that_failed_leaves_an_entry_that_can_be_renewed() {
    let store = LogStore::default();
    let leader = Leader::over(&store).await;
    begin(&leader.space).await;
    store.fail_next(CommitError::Unavailable("away".to_owned()));
    pass(Duration::from_millis(60_500)).await;
    assert!(leader.is_alive(HOST));
    beat(&leader.space).await;
    pass(Duration::from_secs(59)).await;
    assert!(leader.is_alive(HOST));
}

/// A client of another protocol writes the value, and keeps the TTL as it is.
#[tokio::test(start_paused = true)]
async fn a_write_that_keeps_the_deadline_neither_shortens_nor_prolongs_it() {
    let store = LogStore::default();
    let leader = Leader::over(&store).await;
    begin(&leader.space).await;
    for _ in 0..4 {
        pass(Duration::from_secs(20)).await;
        beat(&leader.space).await;
    }
    // Another millisecond than that of the last write.
    std::thread::sleep(Duration::from_millis(2));
    pass(Duration::from_secs(30)).await;
    super::put(&leader.space, HOST, "other").await;
    pass(Duration::from_secs(29)).await;
    assert!(leader.is_alive(HOST));
    pass(Duration::from_secs(2)).await;
    assert!(!leader.is_alive(HOST));
}

async fn session(space: &Keyspace, term_ms: Option<u64>) -> LeaseId {
    let lease = Lease {
        id: LeaseId::random(),
        term_ms,
        on_end: LeaseEnd::Delete,
        lock_delay_ms: 0,
        labels: std::collections::BTreeMap::default(),
        owner: kubekv::model::Principal::Anonymous,
        protocol: kubekv::model::LeaseProtocol::Consul,
    };
    let put = |draft: &mut Draft<'_>| {
        draft.put_lease(&lease);
        let key = Key::user(HOST);
        Ok::<_, Infallible>(draft.acquire(&key, lease.id, |record| record.value = "v".into()))
    };
    let locked = space.commit(&Caller::System, put).await.unwrap();
    assert_eq!(locked.reply, Acquired::Yes);
    lease.id
}

#[tokio::test(start_paused = true)]
async fn an_equal_write_under_a_session_with_a_ttl_is_no_write() {
    for (term_ms, writes) in [(Some(30_000), 0), (None, 4)] {
        let store = LogStore::default();
        let Leader { space, .. } = Leader::over(&store).await;
        // This is delivered after every watch had broken.
        let session = session(&space, term_ms).await;
        let sent = store.sent();
        let put = |draft: &mut Draft<'_>| {
            let key = Key::user(HOST);
            let mut record = draft.successor(&key);
            record.value = "v".into();
            draft.put(&key, record);
            draft.renews();
            Ok::<_, Infallible>(())
        };
        for _ in 0..4 {
            pass(Duration::from_secs(10)).await;
            assert!(space.renew(&Caller::System, session).unwrap());
            space.commit(&Caller::System, put).await.unwrap();
        }
        assert_eq!(store.sent() - sent, writes, "{term_ms:?}");
    }
}

/// What happens to one entry.
#[derive(Clone, Copy, Debug)]
enum Step {
    Write { ttl: u64, value: u8 },
    Pass(u64),
    TakeOver,
    WatchBreaks,
    WriteFails,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (prop_oneof![Just(6), Just(10)], 0..2_u8)
            .prop_map(|(ttl, value)| Step::Write { ttl, value }),
        4 => (500..4_000_u64).prop_map(Step::Pass),
        1 => Just(Step::TakeOver),
        1 => Just(Step::WatchBreaks),
        1 => Just(Step::WriteFails),
    ]
}

/// The entry lives at least until the deadline that its client was given, by a model that knows no renewals; and it goes when
/// nobody writes it.
async fn follows_a_model_of_deadlines(steps: Vec<Step>) {
    let store = LogStore::default();
    let mut leader = Leader::over(&store).await;
    let (mut now, mut until) = (Duration::ZERO, Duration::ZERO);
    for step in steps {
        match step {
            Step::Write { ttl, value } => {
                let ttl = Duration::from_secs(ttl);
                let value = value.to_string();
                write(&leader.space, HOST, &value, ttl).await;
                assert_eq!(get(&leader.space, HOST), Some(value));
                until = now + ttl;
            }
            Step::Pass(millis) => {
                let time = Duration::from_millis(millis);
                pass(time).await;
                now += time;
            }
            Step::TakeOver => leader = leader.taken_over(&store).await,
            Step::WatchBreaks => leader.space.watch_broke(),
            Step::WriteFails => store.fail_next(CommitError::Conflict),
        }
        // The test itself takes some of the wall clock's time.
        let is_due = now + Duration::from_secs(1) >= until;
        assert!(is_due || leader.is_alive(HOST), "cut short");
    }
    pass(Duration::from_secs(12)).await;
    assert!(!leader.is_alive(HOST), "it lives for ever");
    pass(Duration::from_secs(2)).await;
    let view = leader.space.read(&Caller::System);
    assert_eq!(view.scan(&Key::system("deadline/")).count(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn no_entry_is_cut_short(steps in prop::collection::vec(step(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(follows_a_model_of_deadlines(steps));
    }
}
