//! Leadership of two gateways on one prefix.

use rustix::process::Signal;

use crate::gateway::{metric, put, start, state, until, until_ready};
use support::command::kubekv;
use support::etcd_member::Member;
use support::leadership;
use support::requests::{answer, connect, read_until, send_bytes};
use support::running::Running;

/// A leader and a standby.
fn pair(store: &str) -> (Running, Running) {
    leadership::pair(|name| start(store, name, &[]), "standby")
}

/// The same, with leadership that lasts so long that only one that was handed over can be taken.
fn lasting_pair(store: &str) -> (Running, Running) {
    let long = ["--lead-duration", "300"];
    leadership::pair(|name| start(store, name, &long), "standby")
}

fn takes_over_after_kill_9(component: &str) {
    let member = Member::start(component);
    leadership::follower_takes_over_after_kill_9(pair(&member.store("p")));
}

#[test]
#[ignore = "needs etcd: tests/run"]
fn standby_takes_over_after_kill_9_on_3_4() {
    takes_over_after_kill_9("etcd");
}

#[test]
#[ignore = "needs etcd: tests/run"]
fn standby_takes_over_after_kill_9_on_3_5() {
    takes_over_after_kill_9("etcd-3.5");
}

#[test]
#[ignore = "needs etcd: tests/run"]
fn standby_takes_over_after_kill_9_on_3_6() {
    takes_over_after_kill_9("etcd-3.6");
}

#[test]
#[ignore = "needs etcd: tests/run"]
fn hosts_at_rest_survive_a_takeover() {
    let member = Member::start("etcd-3.6");
    leadership::hosts_at_rest_survive_a_takeover(pair(&member.store("p")));
}

#[test]
#[ignore = "needs etcd: tests/run"]
fn stopping_leader_hands_over() {
    let member = Member::start("etcd-3.6");
    let (first, second) = lasting_pair(&member.store("p"));
    let shown = |gateway: &Running| {
        let done = gateway.run(&["status", "--json", "--admin", &gateway.admin.to_string()]);
        let status = done.json();
        let [name, role, leader] = ["gateway", "role", "leader"].map(|field| status[field].clone());
        (done.code, [name, role, leader], status["term"].as_u64())
    };
    let (code, names, term) = shown(&first);
    assert_eq!(
        (code, names),
        (0, ["first", "leader", "first"].map(Into::into))
    );
    // It relays nothing, so that its Consul face answers nothing; its status is shown all the same.
    let (code, names, same) = shown(&second);
    assert_eq!(
        (code, names),
        (4, ["second", "follower", "first"].map(Into::into))
    );
    assert_eq!(same, term);
    leadership::leader_hands_over(first, &second);
    let (code, names, next) = shown(&second);
    assert_eq!(
        (code, names),
        (0, ["second", "leader", "second"].map(Into::into))
    );
    assert!(next > term, "{next:?} after {term:?}");
    let done = second.stop();
    assert_eq!(done.code, 0);
    // Its status as a standby was an answer, not a failure.
    assert!(!done.err.contains("503"), "{}", done.err);
}

#[test]
#[ignore = "needs etcd: tests/run"]
fn leader_stopped_right_after_its_takeover_hands_over() {
    let member = Member::start("etcd-3.6");
    let store = member.store("p");
    let long = ["--lead-duration", "300"];
    // Its first heartbeat is in flight when it gives leadership up.
    for _ in 0..20 {
        let gateway = start(&store, "next", &long);
        until_ready(&gateway);
        let done = gateway.stop();
        assert_eq!(done.code, 0);
        assert!(!done.err.contains("could not be given up"), "{}", done.err);
    }
}

#[test]
#[ignore = "needs etcd: tests/run"]
fn paused_leader_neither_reads_nor_writes() {
    let member = Member::start("etcd-3.6");
    let pair = pair(&member.store("p"));
    leadership::paused_leader_neither_reads_nor_writes(pair, "standby");
}

#[test]
#[ignore = "needs etcd: tests/run"]
fn deleted_leader_or_term_record_is_taken_again() {
    let member = Member::start("etcd-3.6");
    let gateway = start(&member.store("p"), "only", &[]);
    until_ready(&gateway);
    put(&gateway, "k", "v");
    for record in ["p/.kubekv/lead", "p/.kubekv/term"] {
        let delete = || {
            member.ctl(&["del", record]).unwrap();
        };
        leadership::deleted_record_is_taken_again(&gateway, delete, || {
            !member.ctl(&["get", record]).unwrap().is_empty()
        });
    }
    assert_eq!(gateway.stop().code, 0);
}

/// Asks on a connection that stays open, and reads until the other side closes it.
fn answer_until_closed(to: std::net::SocketAddr, request: &str) -> String {
    let head = format!("{request} HTTP/1.1\r\nHost: x\r\nContent-Length: 7");
    let form = "Content-Type: application/x-www-form-urlencoded";
    let request = format!("{head}\r\n{form}\r\n\r\nvalue=v");
    answer(send_bytes(to, request.as_bytes()))
}

/// A gateway that neither leads nor reaches a leader answers with its protocols' errors; a connection without a request
/// stays open, and is served once `restore_leader` has made a leader.
fn clients_get_no_leader_errors(standby: &Running, restore_leader: impl FnOnce()) {
    let silent = connect(standby.consul);
    let (consul, etcd) = (standby.consul, standby.etcd);
    let asked = std::thread::spawn(move || answer_until_closed(consul, "PUT /v1/kv/k"));
    let written = answer_until_closed(etcd, "PUT /v2/keys/k");
    assert!(written.starts_with("HTTP/1.1 500 "), "{written}");
    assert!(
        written.contains(r#"{"errorCode":300,"message":"Raft Internal Error","#),
        "{written}"
    );
    let asked = asked.join().unwrap();
    assert!(asked.starts_with("HTTP/1.1 500 "), "{asked}");
    assert!(asked.ends_with("\r\n\r\nNo cluster leader"), "{asked}");
    for face in ["consul", "etcd"] {
        let failed = format!("kubekv_relay_failed_total{{face=\"{face}\"}}");
        assert_eq!(metric(standby, &failed), 1, "{face}");
    }
    restore_leader();
    let mut silent = silent;
    let request = b"GET /v1/kv/k?raw HTTP/1.1\r\nHost: x\r\n\r\n";
    std::io::Write::write_all(&mut silent, request).unwrap();
    let answer = read_until(&mut silent, "\r\n\r\n");
    assert!(
        answer.starts_with("HTTP/1.1 404 "),
        "nothing was written: {answer}"
    );
}

#[test]
#[ignore = "needs etcd: tests/run"]
fn clients_get_no_leader_errors_while_the_leader_is_paused() {
    let member = Member::start("etcd-3.6");
    let store = member.store("p");
    let start = |name| {
        let more = ["--node-name", name, "--lead-duration", "300"];
        Running::start_by(kubekv(), &[&["--store", &store][..], &more].concat())
    };
    let first = start("first");
    until_ready(&first);
    let second = start("second");
    until("relaying", || state(&second) == "relaying");
    // Only the kernel accepts its connections.
    first.signal(Signal::STOP);
    clients_get_no_leader_errors(&second, || first.signal(Signal::CONT));
    assert_eq!(second.stop().code, 0);
    assert_eq!(first.stop().code, 0);
}

#[test]
#[ignore = "needs etcd: tests/run"]
fn clients_get_no_leader_errors_without_a_relay() {
    let member = Member::start("etcd-3.6");
    let (first, second) = lasting_pair(&member.store("p"));
    clients_get_no_leader_errors(&second, || {
        assert_eq!(first.stop().code, 0);
        until_ready(&second);
    });
    assert_eq!(second.stop().code, 0);
}
