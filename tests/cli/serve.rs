//! `kubekv serve`: start, readiness, shutdown.

use std::io::{Read, Write};
use std::os::unix::net::UnixDatagram;

use rustix::process::Signal;
use support::command::binary;

use support::command::{by, embedded, kubekv, run};
use support::metrics::{metric, wait_for_metric};
use support::requests::{ask, send};
use support::running::Running;

#[test]
fn serve_prints_the_options_for_dockerd() {
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
    // The printed addresses are served.
    assert!(ask(consul, "GET /v1/status/leader").starts_with("HTTP/1.1 200 "));
    assert!(ask(etcd, "GET /version").starts_with("HTTP/1.1 200 "));
}

#[test]
fn serve_listens_on_enabled_faces_only() {
    for (zookeeper, first) in [
        ("off", "admin   http://127.0.0.1:"),
        (
            "127.0.0.1:0",
            "zookeeper dockerd --cluster-store=zk://127.0.0.1:",
        ),
    ] {
        let mut command = kubekv();
        command.args([
            "serve", "--store", "memory:", "--consul", "off", "--etcd", "off",
        ]);
        command.args(["--zookeeper", zookeeper, "--admin", "127.0.0.1:0"]);
        let mut child = command
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = vec![0; first.len()];
        let out = child.stdout.as_mut().unwrap();
        out.read_exact(&mut line).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(String::from_utf8_lossy(&line), first);
    }
}

#[test]
fn a_termination_signal_answers_parked_polls_and_exits_with_0() {
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
fn sighup_and_sigusr_are_logged_and_do_not_stop_the_gateway() {
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
    // The parked poll keeps waiting, and is answered when the gateway is stopped.
    wait_for_metric(gateway.admin, "kubekv_space_watches 1");
    let done = gateway.stop();
    let mut answer = String::new();
    poll.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert_eq!(done.code, 0, "{done:?}");
    for (_, name) in ignored {
        let lines = done.err.lines();
        let matching = lines.filter(|line| line.contains("signal ignored") && line.contains(name));
        assert!(matching.count() >= 1, "{name}: {}", done.err);
    }
}

#[test]
fn acknowledged_writes_survive_kill_9() {
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
fn catalog_indexes_do_not_fall_after_a_restart_and_rise_when_the_node_changes() {
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
    assert_eq!(
        nodes(&first, "").0,
        before,
        "writes to keys do not move the catalog's index"
    );
    assert_eq!(first.stop().code, 0);
    let second = start("second");
    // A client that continues with its last index gets the new node at once.
    let (after, answer) = nodes(&second, &format!("?index={before}&wait=10m"));
    assert!(after > before, "{after} after {before}");
    assert!(answer.contains("\"second\""), "{answer}");
    assert_eq!(second.stop().code, 0);
}

#[test]
fn requests_are_answered_while_the_log_is_not_read() {
    let (unread, log) = std::io::pipe().unwrap();
    let mut command = kubekv();
    command.args(["serve", "--store", "memory:", "--log-level", "debug"]);
    for face in ["--consul", "--etcd", "--admin"] {
        command.args([face, "127.0.0.1:0"]);
    }
    let gateway = Running::spawn_logging_to(command, log.into());
    // More log lines than fit into a pipe of 64 KiB: one for each request.
    for _ in 0..1000 {
        let answer = ask(gateway.consul, "GET /v1/kv/none");
        assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
    }
    assert_eq!(gateway.stop().code, 0);
    drop(unread);
}

#[test]
fn readiness_and_stopping_are_sent_to_the_service_manager() {
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
fn serve_raises_the_limit_of_open_files() {
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
fn tokens_and_values_are_never_logged() {
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
fn the_admin_port_serves_health_and_metrics() {
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
fn a_lost_store_stops_the_gateway() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    let gateway = Running::start(&embedded(&path));
    std::fs::rename(&path, directory.path().join("elsewhere")).unwrap();
    // The write is not acknowledged, whatever the answer is.
    assert_ne!(gateway.run(&["put", "a", "1"]).code, 0);
    let done = gateway.end();
    assert_eq!(done.code, 7, "{done:?}");
    let last = done.err.lines().last().unwrap();
    assert!(last.starts_with("kubekv: "), "{}", done.err);
}

#[test]
fn options_are_applied_to_the_faces() {
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
    // The limit of two is for both faces together; the admin port has its own.
    let consul = send(gateway.consul, "GET /v1/status/leader");
    let etcd = send(gateway.etcd, "GET /version");
    wait_for_metric(gateway.admin, "kubekv_face_connections{face=\"consul\"} 1");
    wait_for_metric(gateway.admin, "kubekv_face_connections{face=\"etcd\"} 1");
    assert_eq!(gateway.run(&["get", "a"]).code, 3);
    let refused = "kubekv_face_connections_refused_total{face=\"consul\",reason=\"total\"} 1";
    wait_for_metric(gateway.admin, refused);
    drop((consul, etcd));
    wait_for_metric(gateway.admin, "kubekv_face_connections{face=\"consul\"} 0");
    assert_eq!(gateway.run(&["list"]).code, 0);
}

#[test]
fn plaintext_on_other_addresses_needs_an_explicit_option() {
    let mut command = kubekv();
    command.env("KUBEKV_ALLOW_PLAINTEXT", "true");
    command.args(["serve", "--store", "memory:", "--consul", "0.0.0.0:0"]);
    command.args(["--etcd", "127.0.0.1:0", "--admin", "127.0.0.1:0"]);
    let gateway = Running::spawn(command);
    // The printed address can be connected to, so it is no wildcard.
    assert!(!gateway.consul.ip().is_unspecified());
    assert!(ask(gateway.consul, "GET /v1/status/leader").starts_with("HTTP/1.1 200 "));
}

#[test]
fn the_memory_limit_bounds_the_entries() {
    let limited = ["--store", "memory:", "--memory-limit", "64MiB"];
    let gateway = Running::start_by(kubekv(), &limited);
    let limit = metric(&gateway, "kubekv_space_bytes_limit");
    assert_eq!(limit, (64 << 20) / 100 * 45);
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&vec![b'v'; 500_000]).unwrap();
    let value = format!("@{}", file.path().display());
    let refused = (0..=limit / 500_000)
        .map(|key| gateway.run(&["put", &key.to_string(), &value]))
        .find(|done| done.code != 0);
    let refused = refused.expect("all was taken");
    assert!(refused.err.contains("--memory-limit"), "{}", refused.err);
    let used = metric(&gateway, "kubekv_space_bytes");
    assert!(used <= limit && used > limit - 600_000, "{used} of {limit}");
}

#[test]
fn a_memory_limit_that_means_nothing_is_refused() {
    for limit in ["1GB", "63MiB", "-1", "", "most"] {
        let limit = format!("--memory-limit={limit}");
        let done = run(&["serve", "--store", "memory:", &limit]);
        assert_eq!(done.code, 2, "{done:?}");
        assert!(done.err.contains("--memory-limit"), "{done:?}");
        assert_eq!(done.err.lines().count(), 1, "{done:?}");
    }
}
