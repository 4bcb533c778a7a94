//! Sessions of ZooKeeper's on two gateways of one shared store: scenarios that hold whatever the store is.
//!
//! Clients reach the second gateway, which relays them to the first until that is gone.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::gateway::{state, until_ready};
use crate::metrics::metric;
use crate::running::Running;
use crate::until::until;
use crate::zookeeper_client::{EPHEMERAL, PERSISTENT, SEQUENTIAL, ZooKeeperClient};

const DELETED: i32 = 2;
const CHANGED: i32 = 3;
const CHILDREN: i32 = 4;

/// The timeout of a session that a test does not let expire, in milliseconds.
const LONG: i32 = 30_000;

/// The shortest timeout that there is, in milliseconds.
const SHORT: i32 = 4_000;

/// A session that lasts over `take_over`: with its ephemerals and watches, without a write, and with exact metadata.
///
/// What others do meanwhile is told; a session whose client is gone ends after its full term, and that is told, too.
pub fn sessions_last(second: &Running, take_over: impl FnOnce()) {
    let to = second.zookeeper();
    let mut client = ZooKeeperClient::begin(to, LONG);
    let mut gone = ZooKeeperClient::begin(to, SHORT);
    client.create("/q", PERSISTENT);
    client.create("/e", EPHEMERAL);
    gone.create("/gone", EPHEMERAL);
    for n in 0..3 {
        let path = client.create("/q/n-", SEQUENTIAL);
        assert_eq!(path, format!("/q/n-{n:010}"));
    }
    client.delete("/q/n-0000000002");
    client.delete("/q/n-0000000000");
    client.watch("/q");
    client.watch_children("/q");
    client.watch("/gone");
    let (before, owned) = (client.stat("/q").unwrap(), client.stat("/e").unwrap());
    assert_eq!(owned.ephemeral_owner, client.session.id);
    assert_eq!((before.children, before.children_version), (1, 5));
    let relayed = "kubekv_relay_connections{face=\"zookeeper\"}";
    assert_eq!(metric(second, relayed), 2, "by way of the standby");
    take_over();
    until_ready(second);
    let writes = || metric(second, "kubekv_space_commits_total");
    let written = writes();
    let session = client.session.clone();
    client.take_up();
    assert_eq!(client.session, session);
    assert_eq!(client.take_events(), [], "nothing happened meanwhile");
    assert_eq!(client.stat("/e"), Some(owned));
    assert_eq!(client.stat("/q"), Some(before));
    assert_eq!(writes(), written, "a session is taken up without a write");
    let mut other = ZooKeeperClient::begin(to, LONG);
    other.set("/q", "new");
    assert_eq!(other.create("/q/n-", SEQUENTIAL), "/q/n-0000000003");
    assert_eq!(client.until_event(), (CHANGED, "/q".to_owned()));
    assert_eq!(client.until_event(), (CHILDREN, "/q".to_owned()));
    assert_eq!(client.until_event(), (DELETED, "/gone".to_owned()));
    let over = ZooKeeperClient::again(to, &gone.session, gone.zxid);
    assert!(over.is_none(), "a session that ended is taken up");
    other.watch("/e");
    client.close();
    assert_eq!(other.until_event(), (DELETED, "/e".to_owned()));
}

/// A leader that was paused while another took over answers none of its sessions' requests.
pub fn a_paused_leader_answers_no_session((first, second): (Running, Running), follows: &str) {
    let mut client = ZooKeeperClient::begin(first.zookeeper(), LONG);
    client.create("/e", EPHEMERAL);
    first.signal(Signal::STOP);
    until_ready(&second);
    let (session, zxid) = (client.session.clone(), client.zxid);
    let mut again = ZooKeeperClient::again(second.zookeeper(), &session, zxid).unwrap();
    assert!(again.stat("/e").is_some());
    again.delete("/e");
    // On the connection that it had, to a gateway that does not know yet that it is not the leader.
    client.begin_create("/late", PERSISTENT);
    first.signal(Signal::CONT);
    assert_eq!(client.is_done(), None, "a gateway that is deposed answered");
    until("deposed", || state(&first) == follows);
    assert_eq!(again.stat("/late"), None);
    assert_eq!(again.stat("/e"), None);
    // Its term is long over, and it relays.
    let mut third = ZooKeeperClient::again(first.zookeeper(), &session, again.zxid).unwrap();
    assert_eq!(third.stat("/e"), None);
    assert!(!again.ping(), "two connections have one session");
    assert_eq!(second.stop().code, 0);
}

/// While the store is away pings are answered as long as the gateway leads; and a session outlives an outage that is longer than
/// its timeout.
pub fn sessions_outlive_an_outage(gateway: &Running, mut store: impl FnMut(Signal)) {
    let to = gateway.zookeeper();
    let mut client = ZooKeeperClient::begin(to, SHORT);
    let mut writing = ZooKeeperClient::begin(to, LONG);
    client.create("/e", EPHEMERAL);
    store(Signal::STOP);
    let stopped = Instant::now();
    writing.begin_create("/w", PERSISTENT);
    for _ in 0..20 {
        assert!(client.ping(), "the connection ended");
    }
    store(Signal::CONT);
    assert_eq!(writing.is_done(), Some(true));
    assert!(client.ping());
    store(Signal::STOP);
    until("not leading", || state(gateway) != "ok");
    let longest = Duration::from_secs(8);
    std::thread::sleep(longest.saturating_sub(stopped.elapsed()));
    store(Signal::CONT);
    until_ready(gateway);
    let mut client = ZooKeeperClient::again(to, &client.session, client.zxid).unwrap();
    assert!(client.stat("/e").is_some(), "the session ended early");
    assert!(ZooKeeperClient::again(to, &writing.session, writing.zxid).is_some());
    client.close();
}

/// Containers and nodes with a TTL end at the gateway that takes over, which tells it; never while they have children.
pub fn containers_and_ttl_nodes_end(second: &Running, take_over: impl FnOnce()) {
    let to = second.zookeeper();
    let mut client = ZooKeeperClient::begin(to, LONG);
    for path in ["/used", "/new", "/full"] {
        client.create_container(path);
    }
    for path in ["/used/child", "/full/child"] {
        client.create(path, PERSISTENT);
    }
    client.create_with_ttl("/ttl", 5_000);
    client.create("/ttl/child", PERSISTENT);
    client.create_with_ttl("/short", 15_000);
    client.delete("/used/child");
    // The sweep that may end it is a minute away, or at the other gateway.
    for path in ["/used", "/short"] {
        assert!(client.watch(path).is_some(), "{path}");
    }
    take_over();
    until_ready(second);
    client.take_up();
    let mut events = [client.until_event(), client.until_event()];
    events.sort();
    let deleted = |path: &str| (DELETED, path.to_owned());
    assert_eq!(events, [deleted("/short"), deleted("/used")]);
    for path in ["/new", "/full", "/ttl"] {
        assert!(client.stat(path).is_some(), "{path}");
    }
    client.watch("/ttl");
    client.delete("/ttl/child");
    assert_eq!(client.until_event(), deleted("/ttl"));
}
