//! `kubekv serve`: start, readiness, end.

use std::io::Read;
use std::os::unix::net::UnixDatagram;

use rustix::process::Signal;
use support::command::binary;

use support::command::{by, embedded, kubekv};
use support::metrics::wait_for_metric;
use support::requests::{ask, send};
use support::running::Running;

#[test]
fn it_prints_what_dockerd_is_to_be_started_with() {
    let gateway = Running::start("memory:");
    let Running {
        consul,
        etcd,
        admin,
        ..
    } = gateway;
    assert_eq!(
        gateway.printed,
        format!(
            "consul  dockerd --cluster-store=consul://{consul}\n\
             etcd    dockerd --cluster-store=etcd://{etcd}\n\
             admin   http://{admin}\n"
        )
    );
    // What is printed is served.
    assert!(ask(consul, "GET /v1/status/leader").starts_with("HTTP/1.1 200 "));
    assert!(ask(etcd, "GET /version").starts_with("HTTP/1.1 200 "));
}

#[test]
fn it_listens_on_the_faces_that_are_on() {
    let mut command = kubekv();
    command.args([
        "serve", "--store", "memory:", "--consul", "off", "--etcd", "off",
    ]);
    command.args(["--zookeeper", "off", "--admin", "127.0.0.1:0"]);
    let mut child = command
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = [0; 6];
    child
        .stdout
        .as_mut()
        .unwrap()
        .read_exact(&mut line)
        .unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(&line, b"admin ");
}

#[test]
fn told_to_end_it_answers_parked_polls_and_ends_well() {
    for signal in [Signal::TERM, Signal::INT, Signal::QUIT] {
        let gateway = Running::start("memory:");
        assert_eq!(gateway.run(&["put", "a", "1"]).code, 0);
        let index = gateway.run(&["get", "a", "--json"]).json()["ModifyIndex"].to_string();
        let poll = format!("GET /v1/kv/a?index={index}&wait=10m");
        let mut consul = send(gateway.consul, &poll);
        let mut etcd = send(gateway.etcd, "GET /v2/keys/a?wait=true");
        wait_for_metric(gateway.admin, "kubekv_space_watches 2");

        gateway.signal(signal);
        let mut answer = String::new();
        consul.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        let header = format!("x-consul-index: {index}\r\n");
        assert!(answer.to_lowercase().contains(&header), "{answer}");
        let mut answer = String::new();
        etcd.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 "), "{answer}");
        let done = gateway.end();
        assert_eq!(done.code, 0, "{done:?}");
    }
}

#[test]
fn signals_that_mean_other_things_elsewhere_are_logged_and_end_nothing() {
    let gateway = Running::start("memory:");
    assert_eq!(gateway.run(&["put", "a", "1"]).code, 0);
    let mut poll = send(gateway.consul, "GET /v1/kv/a?index=2&wait=10m");
    wait_for_metric(gateway.admin, "kubekv_space_watches 1");
    let ignored = [
        (Signal::HUP, "SIGHUP"),
        (Signal::USR1, "SIGUSR1"),
        (Signal::USR2, "SIGUSR2"),
        (Signal::ALARM, "SIGALRM"),
        (Signal::IO, "SIGIO"),
        (Signal::PIPE, ""),
    ];
    for (signal, _) in ignored {
        gateway.signal(signal);
        assert_eq!(gateway.run(&["get", "a"]).text(), "1\n", "{signal:?}");
    }
    // What waits goes on waiting, and is answered when the gateway is told to end.
    wait_for_metric(gateway.admin, "kubekv_space_watches 1");
    let done = gateway.stop();
    let mut answer = String::new();
    poll.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert_eq!(done.code, 0, "{done:?}");
    for (_, name) in ignored {
        let lines = done.err.lines();
        let said = lines.filter(|line| line.contains("signal ignored") && line.contains(name));
        assert!(said.count() >= 1, "{name}: {}", done.err);
    }
}

#[test]
fn what_was_acknowledged_is_there_after_kill_9() {
    let directory = tempfile::tempdir().unwrap();
    let store = embedded(&directory.path().join("store"));
    let gateway = Running::start(&store);
    assert_eq!(gateway.run(&["put", "a", "1"]).code, 0);
    gateway.signal(Signal::KILL);
    gateway.end();
    let gateway = Running::start(&store);
    assert_eq!(gateway.run(&["get", "a"]).text(), "1\n");
    assert_eq!(gateway.stop().code, 0);
}

#[test]
fn indexes_of_the_catalog_do_not_fall_over_a_restart_and_tell_of_another_node() {
    let directory = tempfile::tempdir().unwrap();
    let store = embedded(&directory.path().join("store"));
    let start = |node: &str| Running::start_by(kubekv(), &["--store", &store, "--node-name", node]);
    let nodes = |gateway: &Running, query: &str| {
        let answer = ask(gateway.consul, &format!("GET /v1/catalog/nodes{query}"));
        let index = answer.to_lowercase();
        let index = index.split("x-consul-index: ").nth(1).unwrap();
        let index: u64 = index.split("\r\n").next().unwrap().parse().unwrap();
        (index, answer)
    };
    let first = start("first");
    let (before, answer) = nodes(&first, "");
    assert!(answer.contains("\"first\""), "{answer}");
    for value in ["1", "2", "3"] {
        assert_eq!(first.run(&["put", "a", value]).code, 0);
    }
    assert_eq!(nodes(&first, "").0, before, "keys are no part of the list");
    assert_eq!(first.stop().code, 0);
    let second = start("second");
    // A client that goes on from where it was is shown the other node at once.
    let (after, answer) = nodes(&second, &format!("?index={before}&wait=10m"));
    assert!(after > before, "{after} after {before}");
    assert!(answer.contains("\"second\""), "{answer}");
    assert_eq!(second.stop().code, 0);
}

#[test]
fn it_answers_though_nobody_reads_its_log() {
    let (unread, log) = std::io::pipe().unwrap();
    let mut command = kubekv();
    command.args(["serve", "--store", "memory:", "--log-level", "debug"]);
    for face in ["--consul", "--etcd", "--admin"] {
        command.args([face, "127.0.0.1:0"]);
    }
    let gateway = Running::spawn_logging_to(command, log.into());
    // More than a pipe holds, which is 64 KiB: a line for each request.
    for _ in 0..1000 {
        let answer = ask(gateway.consul, "GET /v1/kv/none");
        assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
    }
    assert_eq!(gateway.stop().code, 0);
    drop(unread);
}

#[test]
fn it_tells_the_service_manager() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    let mut command = kubekv();
    command.env("NOTIFY_SOCKET", &path);
    let gateway = Running::start_by(command, &["--store", "memory:"]);
    let received = || {
        let mut message = [0; 64];
        let length = socket.recv(&mut message).unwrap();
        String::from_utf8(message[..length].to_vec()).unwrap()
    };
    assert_eq!(received().trim(), "READY=1");
    gateway.signal(Signal::TERM);
    assert_eq!(received().trim(), "STOPPING=1");
    assert_eq!(gateway.end().code, 0);
}

#[test]
fn it_raises_its_limit_of_open_files() {
    let mut command = by("sh");
    command.args(["-c", "ulimit -Sn 100; exec \"$0\" \"$@\"", binary()]);
    let gateway = Running::start_by(command, &["--store", "memory:"]);
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", gateway.pid())).unwrap();
    let files = limits
        .lines()
        .find(|line| line.starts_with("Max open files"));
    let numbers: Vec<&str> = files.unwrap().split_whitespace().skip(3).collect();
    assert_eq!(numbers[0], numbers[1], "soft is not hard");
}

#[test]
fn no_token_and_no_value_is_logged() {
    let gateway = Running::start_by(kubekv(), &["--store", "memory:", "--log-level", "trace"]);
    ask(gateway.consul, "GET /v1/kv/a?token=hush-token");
    ask(gateway.etcd, "PUT /v2/keys/a?value=hush-value");
    assert_eq!(gateway.run(&["put", "b", "hush-body"]).code, 0);
    let done = gateway.stop();
    assert_eq!(done.code, 0);
    assert!(done.err.contains("token=hidden"), "{}", done.err);
    assert!(!done.err.contains("hush-"), "{}", done.err);
}

#[test]
fn the_admin_port_answers() {
    let gateway = Running::start("memory:");
    let status = |request: &str| {
        let answer = ask(gateway.admin, request);
        answer.split(' ').nth(1).unwrap().to_owned()
    };
    for page in ["/livez", "/readyz", "/metrics", "/version"] {
        assert_eq!(status(&format!("GET {page}")), "200", "{page}");
        assert_eq!(status(&format!("POST {page}")), "405", "{page}");
    }
    assert_eq!(status("GET /"), "404");
    gateway.run(&["put", "a", "1"]);
    let metrics = ask(gateway.admin, "GET /metrics");
    for line in [
        "kubekv_face_requests_total{face=\"consul\",method=\"PUT\",status=\"200\"} 1",
        "kubekv_space_commits_total 1",
        "# EOF",
    ] {
        assert!(
            metrics.lines().any(|found| found == line),
            "{line}: {metrics}"
        );
    }
    let version = ask(gateway.admin, "GET /version");
    assert!(version.contains(concat!("\"version\":\"", env!("CARGO_PKG_VERSION"), "\"")));
}

#[test]
fn a_store_that_is_gone_ends_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    let gateway = Running::start(&embedded(&path));
    std::fs::rename(&path, directory.path().join("elsewhere")).unwrap();
    // Not acknowledged, whatever the answer is.
    assert_ne!(gateway.run(&["put", "a", "1"]).code, 0);
    let done = gateway.end();
    assert_eq!(done.code, 7, "{done:?}");
    let last = done.err.lines().last().unwrap();
    assert!(last.starts_with("kubekv: "), "{}", done.err);
}

#[test]
fn options_reach_the_faces() {
    let arguments = [
        "--store",
        "memory:",
        "--node-name",
        "here-1",
        "--datacenter",
        "dc-7",
        "--etcd-advertise",
        "http://10.0.0.1:2379",
        "--max-connections",
        "2",
    ];
    let gateway = Running::start_by(kubekv(), &arguments);
    let about = ask(gateway.consul, "GET /v1/agent/self");
    assert!(about.contains("\"NodeName\":\"here-1\""), "{about}");
    assert!(about.contains("\"Datacenter\":\"dc-7\""), "{about}");
    let members = ask(gateway.etcd, "GET /v2/members");
    assert!(
        members.contains("\"clientURLs\":[\"http://10.0.0.1:2379\"]"),
        "{members}"
    );

    wait_for_metric(gateway.admin, "kubekv_face_connections{face=\"consul\"} 0");
    wait_for_metric(gateway.admin, "kubekv_face_connections{face=\"etcd\"} 0");
    // Two for both faces together; the admin port has its own.
    let consul = send(gateway.consul, "GET /v1/status/leader");
    let etcd = send(gateway.etcd, "GET /version");
    wait_for_metric(gateway.admin, "kubekv_face_connections{face=\"consul\"} 1");
    wait_for_metric(gateway.admin, "kubekv_face_connections{face=\"etcd\"} 1");
    assert_eq!(gateway.run(&["get", "a"]).code, 3);
    let refused = "kubekv_face_connections_refused_total{face=\"consul\"} 1";
    wait_for_metric(gateway.admin, refused);
    drop((consul, etcd));
    wait_for_metric(gateway.admin, "kubekv_face_connections{face=\"consul\"} 0");
    assert_eq!(gateway.run(&["list"]).code, 0);
}

#[test]
fn plaintext_elsewhere_is_allowed_when_asked_for() {
    let mut command = kubekv();
    command.env("KUBEKV_ALLOW_PLAINTEXT", "true");
    command.args(["serve", "--store", "memory:", "--consul", "0.0.0.0:0"]);
    command.args(["--etcd", "127.0.0.1:0", "--admin", "127.0.0.1:0"]);
    let gateway = Running::spawn(command);
    // What is printed can be reached, and so is no wildcard.
    assert!(!gateway.consul.ip().is_unspecified());
    assert!(ask(gateway.consul, "GET /v1/status/leader").starts_with("HTTP/1.1 200 "));
}
