//! Two gateways on an etcd of three members, which are killed, paused, partitioned, restored and lead in turn.

use std::io::Read;
use std::net::TcpStream;

use rustix::process::Signal;

use crate::gateway::{get, metric, put, start, state, until, until_ready};
use crate::writers::Writers;
use support::etcd_members::{Members, copy};
use support::requests::{ask, read_until, send};
use support::running::Running;

/// So long that no fault of one member costs the gateway its leadership.
const LONG: [&str; 2] = ["--lead-duration", "15"];

/// A leader and a standby; both connect to the same member first.
fn pair(store: &str) -> (Running, Running) {
    let first = start(store, "first", &LONG);
    until_ready(&first);
    let second = start(store, "second", &LONG);
    (first, second)
}

/// Asserts that the first still leads, and that the second takes over when it stops.
fn hands_over(first: Running, second: Running) {
    assert_eq!(metric(&first, "kubekv_store_is_leader"), 1);
    assert_eq!(first.stop().code, 0);
    until_ready(&second);
    assert_eq!(second.stop().code, 0);
}

/// Reads until an answer is complete, or the other side closes.
fn read_to_end(mut stream: TcpStream) -> String {
    let mut received = Vec::new();
    let mut part = [0; 4096];
    while let Ok(read) = stream.read(&mut part) {
        received.extend_from_slice(&part[..read]);
        if read == 0 || received.ends_with(b"]") || received.ends_with(b"}\n") {
            break;
        }
    }
    String::from_utf8_lossy(&received).into_owned()
}

/// The index that Consul's face returns with an answer; none while nobody leads.
fn index_if_led(gateway: &Running, request: &str) -> Option<u64> {
    let answer = ask(gateway.consul, request).to_lowercase();
    let mut lines = answer.lines();
    let index = lines.find_map(|line| line.strip_prefix("x-consul-index: "))?;
    Some(index.parse().unwrap())
}

/// The index that Consul's face returns with an answer.
fn index(gateway: &Running, request: &str) -> u64 {
    let mut index = None;
    until("an index", || {
        index = index_if_led(gateway, request);
        index.is_some()
    });
    index.unwrap()
}

fn writes_are_held_while_etcd_elects(component: &str) {
    let mut members = Members::start(component);
    let leader = members.leader();
    let others = [(leader + 1) % 3, (leader + 2) % 3];
    let store = members.store(&[others[0], leader, others[1]], "p");
    let (first, second) = pair(&store);
    let writers = Writers::start(&first);
    writers.until_more(20);
    // The first time, the gateway talks to another member.
    for _ in 0..2 {
        let leader = members.leader();
        members.kill(leader);
        writers.until_more(50);
        members.again(leader);
        members.leader();
    }
    members.move_leader();
    writers.until_more(50);
    writers.end(&first);
    hands_over(first, second);
}

#[test]
#[ignore = "needs etcd: tests/run"]
fn writes_are_held_while_etcd_elects_on_3_4() {
    writes_are_held_while_etcd_elects("etcd");
}

#[test]
#[ignore = "needs etcd: tests/run"]
fn writes_are_held_while_etcd_elects_on_3_5() {
    writes_are_held_while_etcd_elects("etcd-3.5");
}

#[test]
#[ignore = "needs etcd: tests/run"]
fn writes_are_held_while_etcd_elects_on_3_6() {
    writes_are_held_while_etcd_elects("etcd-3.6");
}

/// Functions that make a member unavailable, and available again.
type Away = (fn(&mut Members, usize), fn(&mut Members, usize));

const PAUSED: Away = (Members::stop, Members::go_on);
const CUT_OFF: Away = (Members::cut_off, Members::join);

fn switches_to_another_member(mut members: Members, (goes, is_back): Away) {
    let leader = members.leader();
    let others = [(leader + 1) % 3, (leader + 2) % 3];
    // A follower of etcd, and then its leader.
    for order in [[0, 1, 2], [2, 0, 1]] {
        let order = order.map(|at| [others[0], others[1], leader][at]);
        let (store, away) = (members.store(&order, "p"), order[0]);
        let (first, second) = pair(&store);
        let writers = Writers::start(&first);
        writers.until_more(20);
        goes(&mut members, away);
        writers.until_more(50);
        is_back(&mut members, away);
        members.leader();
        writers.until_more(20);
        writers.end(&first);
        hands_over(first, second);
    }
}

#[test]
#[ignore = "needs etcd: tests/run"]
fn gateway_leaves_a_paused_member() {
    switches_to_another_member(Members::start("etcd-3.6"), PAUSED);
}

#[test]
#[ignore = "needs etcd and root: tests/run"]
fn gateway_leaves_a_partitioned_member() {
    switches_to_another_member(Members::start_apart("etcd-3.6"), CUT_OFF);
}

fn former_etcd_leader_serves_no_stale_data(mut members: Members, (goes, is_back): Away) {
    let leader = members.leader();
    let others = [(leader + 1) % 3, (leader + 2) % 3];
    // The first gateway has no other member.
    let first = start(&members.store(&[leader], "p"), "first", &[]);
    until_ready(&first);
    let all = members.store(&[others[0], others[1], leader], "p");
    let second = start(&all, "second", &[]);
    put(&first, "k", "before");
    goes(&mut members, leader);
    // At the unavailable member, which still takes itself for the leader.
    let late = send(first.consul, "PUT /v1/kv/late");
    until_ready(&second);
    put(&second, "k", "after");
    let mut read = send(first.consul, "GET /v1/kv/k?raw");
    is_back(&mut members, leader);
    members.leader();
    assert_eq!(second.stop().code, 0);
    until_ready(&first);
    let answer = read_until(&mut read, "\r\n\r\nafter");
    assert!(!answer.contains("before"), "{answer}");
    assert_eq!(get(&first, "k").as_deref(), Some("after"));
    assert_eq!(get(&first, "late"), None);
    drop(late);
    assert_eq!(first.stop().code, 0);
}

#[test]
#[ignore = "needs etcd: tests/run"]
fn paused_etcd_leader_serves_no_stale_data() {
    former_etcd_leader_serves_no_stale_data(Members::start("etcd-3.6"), PAUSED);
}

#[test]
#[ignore = "needs etcd and root: tests/run"]
fn partitioned_etcd_leader_serves_no_stale_data() {
    former_etcd_leader_serves_no_stale_data(Members::start_apart("etcd-3.6"), CUT_OFF);
}

#[test]
#[ignore = "needs etcd: tests/run"]
fn compaction_while_a_gateway_is_paused_causes_a_relist() {
    let mut members = Members::start("etcd-3.6");
    let leader = members.leader();
    let others = [(leader + 1) % 3, (leader + 2) % 3];
    let store = members.store(&[others[0], others[1], leader], "p");
    let first = start(&store, "first", &[]);
    until_ready(&first);
    let second = start(&store, "second", &[]);
    put(&first, "kept", "v");
    put(&first, "gone", "v");
    let waits = send(first.etcd, "GET /v2/keys/gone?wait=true");
    until("parked", || {
        metric(&first, "kubekv_face_in_flight{face=\"etcd\"}") == 1
    });
    first.signal(Signal::STOP);
    // Its watch must resume at a compacted revision.
    members.kill(others[0]);
    until_ready(&second);
    let deleted = second.run(&["delete", "gone"]);
    assert_eq!(deleted.code, 0, "{deleted:?}");
    put(&second, "kept", "w");
    members.compact();
    first.signal(Signal::CONT);
    members.again(others[0]);
    // The waiting client gets no wrong answer: its gateway leads no more, and closes the connection.
    let answer = read_to_end(waits);
    assert!(!answer.contains("\"action\""), "{answer}");
    until("relisted", || {
        metric(&first, "kubekv_store_relists_total") > 0
    });
    assert_eq!(second.stop().code, 0);
    until_ready(&first);
    assert_eq!(get(&first, "kept").as_deref(), Some("w"));
    assert_eq!(get(&first, "gone"), None);
    let at = index(&first, "GET /v1/kv/gone");
    put(&first, "gone", "again");
    assert!(index(&first, "GET /v1/kv/gone") > at);
    assert_eq!(first.stop().code, 0);
}

/// Waits until both have read etcd: one that has not cannot remember what it was.
fn until_read(gateways: [&Running; 2]) {
    let knows_a_leader = |gateway: &&Running| metric(gateway, "kubekv_store_term") > 0;
    until("both know a leader", || gateways.iter().all(knows_a_leader));
}

/// The gateway that leads, once one does: either of two may lose leadership while etcd is away.
fn leader_of(gateways: [&Running; 2]) -> &Running {
    let mut leader = None;
    until("a gateway leads", || {
        let mut gateways = gateways.into_iter();
        leader = gateways.find(|gateway| state(gateway) == "ok");
        leader.is_some()
    });
    leader.unwrap()
}

/// Two gateways notice that `restore` set etcd back to an earlier state.
fn restored_backup_is_noticed(
    mut members: Members,
    back_up: impl FnOnce(&mut Members),
    restore: impl FnOnce(&mut Members),
) {
    let store = members.store(&[0, 1, 2], "p");
    let first = start(&store, "first", &[]);
    until_ready(&first);
    let second = start(&store, "second", &[]);
    let both = [&first, &second];
    put(&first, "k", "old");
    back_up(&mut members);
    for key in ["k", "lost"] {
        until("writes are accepted again", || {
            leader_of(both).run(&["put", key, "new"]).code == 0
        });
    }
    until_read(both);
    let parked = |gateway: &Running| metric(gateway, "kubekv_face_in_flight{face=\"consul\"}") == 1;
    let (mut shown, mut waits) = (0, None);
    until("a poll is parked at a leader", || {
        let leader = leader_of(both);
        let Some(index) = index_if_led(leader, "GET /v1/kv/k") else {
            return false;
        };
        let poll = format!("GET /v1/kv/k?index={index}&wait=600s");
        (shown, waits) = (index, Some(send(leader.consul, &poll)));
        until("parked", || parked(leader) || state(leader) != "ok");
        parked(leader)
    });
    // The gateways look only when etcd is past its old revision: revisions alone do not reveal the restore.
    first.signal(Signal::STOP);
    second.signal(Signal::STOP);
    let before = members.revision();
    restore(&mut members);
    while members.revision() <= before + 50 {
        members.member(0).ctl(&["put", "outside", "v"]).unwrap();
    }
    first.signal(Signal::CONT);
    second.signal(Signal::CONT);
    // The waiting client gets the current entries, or must resync.
    let answer = read_to_end(waits.unwrap());
    assert!(!answer.contains("bmV3"), "{answer}");
    until("the restored value is read", || {
        let read = leader_of(both).run(&["get", "k", "--raw"]);
        read.code == 0 && read.text().trim_end() == "old"
    });
    assert_eq!(get(leader_of(both), "lost"), None);
    let now = index(leader_of(both), "GET /v1/kv/k");
    assert!(now > shown, "{now} comes after {shown} was shown");
    put(leader_of(both), "k", "newer");
    assert!(index(leader_of(both), "GET /v1/kv/k") > now);
    for gateway in [first, second] {
        assert_eq!(gateway.stop().code, 0);
    }
}

#[test]
#[ignore = "needs etcd: tests/run"]
fn restored_snapshot_is_noticed() {
    let directory = tempfile::tempdir().unwrap();
    let snapshot = directory.path().join("snapshot");
    restored_backup_is_noticed(
        Members::start("etcd"),
        |members| members.save(&snapshot),
        |members| members.restore(&snapshot),
    );
}

#[test]
#[ignore = "needs etcd: tests/run"]
fn restored_data_directories_are_noticed() {
    let directory = tempfile::tempdir().unwrap();
    let kept = |at: usize| directory.path().join(at.to_string());
    let back_up = |members: &mut Members| members.while_down(|at, data| copy(data, &kept(at)));
    let restore = |members: &mut Members| {
        members.while_down(|at, data| {
            std::fs::remove_dir_all(data).unwrap();
            copy(&kept(at), data);
        });
    };
    restored_backup_is_noticed(Members::start("etcd-3.6"), back_up, restore);
}
