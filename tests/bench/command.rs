//! The command `kubekv bench`: what it prints and refuses.

use std::fs;

use kubekv::bench::report::RunResult;
use support::command::{Done, done, kubekv, run};
use support::running::Running;

use crate::fake::Fake;
use crate::gateway::Gateway;

/// A short load of the command.
fn bench(operation: &str, target: &str, more: &[&str]) -> Done {
    let short = [
        "bench",
        operation,
        target,
        "--duration",
        "0.2",
        "--warm-up",
        "0",
        "--clients",
        "2",
    ];
    run(&[&short[..], more].concat())
}

fn consul(gateway: &Gateway) -> String {
    format!("consul://{}", gateway.consul)
}

#[test]
fn json_on_standard_output_is_alone_there() {
    let gateway = Gateway::start();
    let done = bench("put", &consul(&gateway), &["--json", "-"]);
    assert_eq!(done.code, 0, "{done:?}");
    let result: RunResult = serde_json::from_slice(&done.out).unwrap();
    assert!(result.operations["put"].answered > 0);
    assert_eq!(result.load.arguments[..2], ["bench", "put"]);
    // Runs of a second and more show their progress.
    let long = [
        "bench",
        "put",
        &consul(&gateway),
        "--json",
        "-",
        "--warm-up",
        "0",
    ];
    let done = run(&[&long[..], &["--duration", "1.3"]].concat());
    assert!(done.err.contains("/s  p50"), "{done:?}");
    assert_eq!(done.json()["kubekv_bench"], 1);
    let quiet = bench("put", &consul(&gateway), &["--json", "-", "--quiet"]);
    assert_eq!(
        (quiet.json()["kubekv_bench"].as_u64(), &*quiet.err),
        (Some(1), "")
    );
    let silent = bench("get", &consul(&gateway), &["-q"]);
    assert_eq!((silent.code, silent.text(), &*silent.err), (0, "", ""));
}

#[test]
fn results_in_files_are_merged_and_compared() {
    let gateway = Gateway::start();
    let directory = tempfile::tempdir().unwrap();
    let [one, other] = ["one.json", "other.json"].map(|name| directory.path().join(name));
    let [one, other] = [one.to_str().unwrap(), other.to_str().unwrap()];
    for file in [one, other] {
        let done = bench("get", &consul(&gateway), &["--json", file, "--quiet"]);
        assert_eq!((done.code, done.text()), (0, ""), "{done:?}");
    }
    let merged = run(&["bench", "merge", one, other, "--at-once"]);
    assert_eq!(merged.code, 0, "{merged:?}");
    assert!(merged.text().contains("4 clients"), "{merged:?}");
    let compare = |more: &[&str]| {
        let done = run(&[
            &[
                "bench", "compare", "--ours", one, "--theirs", one, "--label", "same",
            ],
            more,
        ]
        .concat());
        assert_eq!(done.code, 0, "{done:?}");
        done.text().to_owned()
    };
    let line = compare(&["--at-least", "1"]);
    assert!(
        line.starts_with("same ") && line.contains("1.00x (1.00 to 1.00), goal at least 1x"),
        "{line}"
    );
    assert!(!line.contains("MISSED"), "{line}");
    assert!(compare(&["--at-least", "1.1"]).contains(": MISSED"));
    assert!(compare(&["--at-most", "0.9", "--figure", "p99"]).contains(": MISSED"));
    let text = fs::read_to_string(one).unwrap();
    let mut limited: RunResult = serde_json::from_str(&text).unwrap();
    limited.limited_by = Some("lateness".to_owned());
    fs::write(one, serde_json::to_string(&limited).unwrap()).unwrap();
    assert!(compare(&[]).contains("; limited by lateness in 2 of 2 runs"));
    for arguments in [
        &["bench", "compare", "--ours", one, "--theirs", one, other][..],
        &[
            "bench", "compare", "--ours", one, "--theirs", other, "--figure", "cpu",
        ],
        &[
            "bench",
            "compare",
            "--ours",
            one,
            "--theirs",
            other,
            "--operation",
            "put",
        ],
        &["bench", "merge", "Cargo.toml"],
    ] {
        let refused = run(arguments);
        assert_eq!((refused.code, refused.text()), (2, ""), "{refused:?}");
    }
    assert_eq!(run(&["bench", "merge", "/no/such/file"]).code, 8);
}

/// Commands that are refused, and what the message names.
const NONSENSE: [(&str, &str); 43] = [
    ("get consul://192.0.2.1:8500", "--allow-remote"),
    ("docker etcd2://192.0.2.1:2379", "--allow-remote"),
    ("idle zk://192.0.2.1:2181 --sessions 1", "--allow-remote"),
    ("idle HERE", "--connections"),
    ("idle HERE --connections 1 --sessions 1", "--sessions"),
    ("idle HERE --sessions 1 --pid 4294967295", "--pid"),
    ("poll zk://192.0.2.1:2181", "--allow-remote"),
    ("fill etcd3://192.0.2.1:2379", "--allow-remote"),
    ("get http://127.0.0.1:1", "want consul://"),
    ("get embedded:/tmp", "want consul://"),
    ("get 127.0.0.1:8500", "want consul://"),
    ("get consul://me:pw@127.0.0.1:8500", "TARGET"),
    ("get kube://127.0.0.1:9", "want consul://"),
    ("get kube://127.0.0.1:9/bench", "give --tls-ca"),
    (
        "get HERE --user me --password-file Cargo.toml",
        "Consul takes a token",
    ),
    (
        "get etcd2://127.0.0.1:9 --token-file Cargo.toml",
        "only consul://",
    ),
    ("get HERE --token-file /no/such/file", "/no/such/file"),
    ("get HERE --tls-ca /no/such/file", "/no/such/file"),
    (
        "get HERE --tls-cert Cargo.toml --tls-key Cargo.toml",
        "--tls-ca",
    ),
    ("get HERE --pid 4294967295", "--pid"),
    ("poll HERE --pid 4294967295", "--pid"),
    ("get HERE --duration 0", "--duration"),
    ("get HERE --clients 0", "--clients"),
    ("get HERE --rate 1e99", "--rate"),
    ("get HERE --arrivals poisson", "--rate"),
    ("get HERE --prefix=", "--prefix"),
    ("watch HERE --prefix=", "--prefix"),
    ("put consul://127.0.0.1:1,127.0.0.1:2", "want one server"),
    ("get HERE --bind nowhere", "--bind"),
    ("get HERE --key a --keys 5", "--key"),
    ("put HERE --consistency default", "--consistency"),
    ("put HERE --no-fill", "--no-fill"),
    ("list HERE --distribution own", "--distribution"),
    ("create HERE --key a", "--key"),
    ("delete HERE --keys 5", "--keys"),
    ("mix HERE --weights get=0", "--weights"),
    ("get zk://127.0.0.1:9 --no-compression", "--no-compression"),
    ("stat HERE", "stat: only with zk://"),
    (
        "ephemeral etcd2://127.0.0.1:9",
        "ephemeral: only with zk://",
    ),
    (
        "mix etcd3://127.0.0.1:9 --weights put=1,stat=1",
        "stat: only",
    ),
    ("put HERE --pipeline 2", "--pipeline: only with zk://"),
    ("ephemeral zk://127.0.0.1:9 --keys 5", "--keys"),
    ("constant --listen 0.0.0.0:0", "loopback"),
];

#[test]
fn loads_that_are_nonsense_are_refused_in_a_line() {
    for (command, want) in NONSENSE {
        let command = format!("bench {command}").replace("HERE", "consul://127.0.0.1:9");
        let arguments: Vec<_> = command.split(' ').collect();
        let done = run(&arguments);
        assert_eq!((done.code, done.text()), (2, ""), "{command}: {done:?}");
        assert!(done.err.contains(want), "{command}: {done:?}");
        assert!(!done.err.contains("panicked"), "{command}: {done:?}");
    }
}

#[test]
fn more_clients_than_files_are_refused_before_the_first_connects() {
    let mut shell = std::process::Command::new("sh");
    shell.args([
        "-c",
        "ulimit -n 256 && exec \"$0\" bench get consul://127.0.0.1:9 --clients 250",
    ]);
    let refused = done(shell.arg(support::command::binary()).output().unwrap());
    assert_eq!(refused.code, 2, "{refused:?}");
    assert!(refused.err.contains("ulimit"), "{refused:?}");
}

#[test]
fn a_value_of_any_length_and_any_number_of_keys_are_bounded() {
    let gateway = Gateway::start();
    let zipfian = ["--keys", "100000000", "--distribution", "zipfian"];
    let done = bench("put", &consul(&gateway), &zipfian);
    assert_eq!(done.code, 0, "{done:?}");
    let endless = bench("put", &consul(&gateway), &["--value-file", "/dev/zero"]);
    assert_eq!(endless.code, 2, "{endless:?}");
    let fast = bench(
        "put",
        &consul(&gateway),
        &["--rate", "1e6", "--timeout", "1"],
    );
    assert!(fast.text().contains("NOT SENT: "), "{fast:?}");
    assert_eq!(fast.code, 0, "{fast:?}");
}

#[test]
fn a_server_that_does_not_answer_is_not_reached() {
    let nobody = bench("put", "consul://127.0.0.1:9", &[]);
    assert_eq!(nobody.code, 3, "{nobody:?}");
    assert!(nobody.text().contains("failed: connection: "), "{nobody:?}");
    assert!(nobody.err.contains("answered no operation"), "{nobody:?}");
    // Keys come first.
    for command in ["get", "poll", "fill", "idle --sessions=1"] {
        let words: Vec<&str> = command.split(' ').collect();
        let done = run(&[&["bench"], &words[..], &["consul://127.0.0.1:9"]].concat());
        assert_eq!((done.code, done.text()), (3, ""), "{done:?}");
        assert!(done.err.contains("cannot write the keys"), "{done:?}");
    }
    let silent = Fake::start(|stream| async move {
        std::future::pending::<()>().await;
        drop(stream);
    });
    let target = format!("consul://{}", silent.address);
    let done = bench("put", &target, &["--timeout", "0.2"]);
    assert_eq!(done.code, 3, "{done:?}");
    assert!(done.text().contains("failed: timeout"), "{done:?}");
}

#[test]
fn secrets_are_sent_and_printed_nowhere() {
    let server = Fake::start(|mut stream| async move {
        while let Some(head) = crate::fake::read_request(&mut stream).await {
            let knows = head.contains("X-Consul-Token: s3cret-token\r\n")
                || head.contains("Authorization: Basic bWU6czNjcmV0LXB3\r\n");
            let answer: &[u8] = if knows {
                crate::fake::ANSWER
            } else {
                b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"
            };
            crate::fake::write(&mut stream, answer).await;
        }
    });
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("secret");
    let file = file.to_str().unwrap();
    let short = ["--duration", "0.2", "--warm-up", "0", "--json", "-"];
    let [consul, etcd] = ["consul", "etcd2"].map(|scheme| format!("{scheme}://{}", server.address));
    let shown = |done: &Done| {
        assert_eq!(done.code, 0, "{done:?}");
        let all = [done.text(), &done.err].concat();
        assert!(!all.contains("s3cret"), "{all}");
        let failed = done.json()["operations"]["put"]["failures"].clone();
        assert_eq!(failed, serde_json::json!({}), "{all}");
    };
    let with_variable = |name: &str, value: &str, arguments: &[&str]| {
        let mut command = kubekv();
        command.args(arguments).args(short).env(name, value);
        shown(&done(command.output().unwrap()));
    };
    with_variable(
        "KUBEKV_BENCH_TOKEN",
        "s3cret-token",
        &["bench", "put", &consul],
    );
    let put = ["bench", "put", &etcd, "--user", "me"];
    with_variable("KUBEKV_BENCH_PASSWORD", "s3cret-pw", &put);
    fs::write(file, "s3cret-token\n").unwrap();
    shown(&run(&[
        &["bench", "put", &consul, "--token-file", file],
        &short[..],
    ]
    .concat()));
    fs::write(file, "s3cret-pw\n").unwrap();
    shown(&run(
        &[&put[..], &["--password-file", file], &short[..]].concat()
    ));
}

#[test]
fn every_command_has_help() {
    let all = run(&["bench", "--help"]);
    assert_eq!(all.code, 0);
    for command in [
        "get",
        "stat",
        "list",
        "put",
        "cas",
        "create",
        "delete",
        "ephemeral",
        "lock",
        "mix",
        "watch",
        "poll",
        "idle",
        "docker",
        "fill",
        "merge",
        "compare",
        "constant",
    ] {
        assert!(all.text().contains(&format!("\n  {command} ")), "{command}");
        let done = run(&["bench", command, "--help"]);
        assert_eq!((done.code, &*done.err), (0, ""), "{command}");
    }
}

#[test]
fn each_client_shows_a_certificate_of_its_own() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name).display().to_string();
    let certs = |words: &[&str], dir: &str| {
        let done = run(&[&["certs"], words, &["--dir", dir]].concat());
        assert_eq!(done.code, 0, "{done:?}");
    };
    let authority = at("authority");
    certs(&["ca"], &authority);
    certs(&["server", "127.0.0.1"], &authority);
    let nodes = ["10.0.0.1", "10.0.0.2"];
    fs::create_dir(at("nodes")).unwrap();
    for node in nodes {
        certs(&["node", node], &authority);
        for ends in ["crt", "key"] {
            let name = format!("node-{node}.{ends}");
            fs::rename(
                at(&format!("authority/{name}")),
                at(&format!("nodes/{name}")),
            )
            .unwrap();
        }
    }
    let file = |name: &str| at(&format!("authority/{name}"));
    let (store, log) = (format!("embedded:{}", at("store")), at("audit.log"));
    let [cert, key, ca] = ["server.crt", "server.key", "ca.crt"].map(file);
    let options = format!(
        "--store {store} --audit {log} --tls-cert {cert} --tls-key {key} --tls-client-ca {ca} --tls-client-auth required \
         --admin-tls-cert off"
    );
    let options: Vec<_> = options.split_whitespace().collect();
    let gateway = Running::start_by(kubekv(), &options);
    let target = format!("consul://{}", gateway.consul);
    let shown = at("nodes");
    let done = bench("put", &target, &["--tls-ca", &ca, "--tls-certs", &shown]);
    assert_eq!(done.code, 0, "{done:?}");
    let empty = bench(
        "put",
        &target,
        &["--tls-ca", &ca, "--tls-certs", &at("store")],
    );
    assert_eq!(empty.code, 2, "{empty:?}");
    let plain = bench("put", &target, &["--tls-certs", &shown]);
    assert!(
        plain.code == 2 && plain.err.contains("--tls-ca"),
        "{plain:?}"
    );
    let done = gateway.stop();
    assert_eq!(done.code, 0, "{done:?}");
    let text = fs::read_to_string(log).unwrap();
    for node in nodes {
        let wrote = |line: &str| {
            line.contains("\"event\":\"write\"") && line.contains(&format!("cn:{node} "))
        };
        assert!(text.lines().any(wrote), "{node}: {text}");
    }
}
