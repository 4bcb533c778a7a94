//! Imports from a real ZooKeeper, filled by its own command line and by libkv.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::json;

use crate::entries::{dump, entries, import};
use support::certificates::certificates;
use support::command::{Done, done, embedded, kubekv, run};
use support::running::Running;
use support::zookeeper::ZooKeeper;

/// Fills one with a node of each kind, and more than are asked for at a time.
fn fill(zookeeper: &ZooKeeper) {
    let mut lines: Vec<String> = [
        "create /kv ofthechroot",
        "create /kv/app \"\"",
        "create /kv/app/text hello",
        "create /kv/app/text/in deep",
        "create /kv/app/\u{e9} caf\u{e9}",
        "create /kv/app/empty \"\"",
        "create -s /kv/app/job- numbered",
        "create -c /kv/box mine",
        "create /kv/box/in kept",
        "create -t 3600000 /kv/short mine",
        "addauth digest me:hidden",
        "create /kv/private \"\"",
        "create /kv/private/one mine auth:me:hidden:cdrwa",
        "setAcl /kv/private/one auth:me:hidden:cdrwa,ip:10.0.0.0/8:r",
        "create /kv/null",
        "set /kv/app/text hallo",
        "set /kv/app/text hello",
        "create /other 1",
    ]
    .map(str::to_owned)
    .to_vec();
    lines.push("create /kv/many \"\"".to_owned());
    lines.extend((0..800).map(|number| format!("create /kv/many/k{number:03} v{number}")));
    zookeeper.run(&lines);
}

/// Runs it with a password in the environment.
fn with_password(password: &str, arguments: &[&str]) -> Done {
    let mut command = kubekv();
    command
        .args(arguments)
        .env("KUBEKV_FROM_PASSWORD", password);
    done(command.output().unwrap())
}

#[test]
#[ignore = "needs ZooKeeper: tests/run"]
fn zookeeper_is_imported() {
    let zookeeper = ZooKeeper::start();
    fill(&zookeeper);
    let home = tempfile::tempdir().unwrap();
    let to = embedded(home.path());
    // The first server is down; the second answers.
    let from = format!("zk://127.0.0.1:1,{}/kv", zookeeper.address);
    let both = ["import", "--from", &from, "--to", &to];

    // A node that the import may not read is not skipped silently.
    let somebody = [&both[..], &["--from-user", "somebody"]].concat();
    for refused in [run(&both), with_password("wrong", &somebody)] {
        assert_eq!(refused.code, 4, "{refused:?}");
        let line = "kubekv: ZooKeeper does not permit this client to read /kv/private/one";
        assert!(refused.err.contains(line), "{refused:?}");
    }
    let me = ["--versions", "--from-user", "me"];
    let moved = with_password("hidden", &[&both[..], &me].concat());
    assert_eq!(moved.code, 0, "{moved:?}");
    assert!(!moved.err.contains("access list"), "{moved:?}");
    let origin = format!(
        "from      zookeeper 127.0.0.1:1,{}/kv, at index ",
        zookeeper.address
    );
    assert!(moved.text().contains(&origin), "{moved:?}");
    assert!(!format!("{moved:?}").contains("hidden"), "{moved:?}");
    assert_moved(&to);

    // A part of it, by way of a file; it asks for nothing that it has no use for.
    let part = run(&["export", "app/te", "--from", &from]);
    assert_eq!(part.code, 0, "{part:?}");
    let keys: Vec<String> = entries(part.text()).into_keys().collect();
    assert_eq!(keys, ["app/text", "app/text/in"]);
    // All nodes but ZooKeeper's own.
    let whole = format!("zk://{}", zookeeper.address);
    let done = with_password("hidden", &["export", "--from", &whole, "--from-user", "me"]);
    assert_eq!(done.code, 0, "{done:?}");
    let all = entries(done.text());
    assert_eq!(all["kv"]["value"], "ofthechroot");
    assert_eq!(all.len(), 2 + 813);
    assert!(all.keys().all(|key| !key.starts_with("zookeeper")));
    // To who may not change it, the server shows a list without its digests.
    let list = format!("digest:{DIGEST}:cdrwa,world:anyone:r");
    zookeeper.run(&[
        "create /part".to_owned(),
        format!("create /part/masked x {list}"),
    ]);
    let part = format!("{whole}/part");
    let masked = run(&["export", "--from", &part]);
    assert_eq!(masked.code, 1, "{masked:?}");
    let line = "left out: access list that the source does not show to this user (the entry is moved, readable and writable by \
                every client): masked\n";
    assert!(masked.err.contains(line), "{masked:?}");
    let shown = with_password("hidden", &["export", "--from", &part, "--from-user", "me"]);
    assert_eq!(shown.code, 0, "{shown:?}");
    let acl = &entries(shown.text())["masked"]["znode"]["acl"];
    assert_eq!(
        (&acl[0]["id"], &acl[1]["perms"]),
        (&json!(DIGEST), &json!(1))
    );
}

/// The user `me` in ZooKeeper's scheme `digest`: the SHA-1 of `me:hidden`.
const DIGEST: &str = "me:qgdPJWJGb2VklMFsStaP7r/ae4E=";

/// Asserts that a store has the nodes of `fill`.
fn assert_moved(store: &str) {
    let there = dump(store);
    let directory = |key: &str, dir: &str| json!({"key": key, "value": "", "dir": dir});
    for row in [
        directory("app/", "implied"),
        directory("app/empty/", "made"),
        json!({"key": "app/text", "value": "hello"}),
        json!({"key": "app/text/in", "value": "deep"}),
        json!({"key": "app/\u{e9}", "value": "caf\u{e9}"}),
        json!({"key": "app/job-0000000003", "value": "numbered"}),
        // The report does not say that these would expire by themselves.
        json!({"key": "box", "value": "mine"}),
        json!({"key": "box/in", "value": "kept"}),
        json!({"key": "short", "value": "mine"}),
        directory("private/", "implied"),
        json!({"key": "private/one", "value": "mine", "znode": {"acl": [
            {"perms": 31, "scheme": "digest", "id": DIGEST},
            {"perms": 1, "scheme": "ip", "id": "10.0.0.0/8"},
        ]}}),
        json!({"key": "null/", "value": "", "dir": "made", "znode": {"null": true}}),
        directory("many/", "implied"),
        json!({"key": "many/k799", "value": "v799"}),
    ] {
        assert_eq!(there[row["key"].as_str().unwrap()], row);
    }
    assert_eq!(there.len(), 13 + 800, "{there:?}");
    let versions = run(&["export", "--versions", "--from", store]);
    let versions = entries(versions.text());
    for (key, data, acl) in [
        ("app/text", 2, 0),
        ("app/text/in", 0, 0),
        ("private/one", 0, 1),
    ] {
        assert_eq!(
            versions[key]["versions"],
            json!({"data": data, "acl": acl}),
            "{key}"
        );
    }
}

/// The program of `tests/libkv/keys`.
fn keys(directory: &Path) -> PathBuf {
    let program = directory.join("keys");
    let built = Command::new("go")
        .args(["build", "-o"])
        .arg(&program)
        .arg("./keys")
        .current_dir("tests/libkv")
        .output()
        .unwrap();
    assert!(built.status.success(), "{built:?}");
    program
}

/// Runs the program to its end; its output.
fn libkv(program: &Path, arguments: &[&str]) -> String {
    let done = done(Command::new(program).args(arguments).output().unwrap());
    assert_eq!(done.code, 0, "{done:?}");
    done.text().to_owned()
}

/// Starts the program, and waits for the line it prints when it is ready.
fn libkv_on(program: &Path, arguments: &[&str]) -> Child {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let out = child.stdout.as_mut().unwrap();
    BufReader::new(out).read_line(&mut line).unwrap();
    assert!(["held\n", "begun\n"].contains(&&*line), "{line}");
    child
}

/// Ends the program.
fn end(mut child: Child) {
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
}

#[test]
#[ignore = "needs ZooKeeper and Go: tests/run"]
fn libkv_finds_its_zookeeper_entries_in_kubekv() {
    let zookeeper = ZooKeeper::start();
    let home = tempfile::tempdir().unwrap();
    let (program, to) = (keys(home.path()), embedded(&home.path().join("store")));
    let server = zookeeper.address.to_string();
    // As dockerd calls its records, and as others do.
    let network = "docker/network/v1.0/network";
    let (n1, n2) = (format!("{network}/n1/"), format!("{network}/n2/"));
    let count = "docker/network/v1.0/endpoint_count/n1/".to_owned();
    let (leader, rule) = ("docker/swarm/leader", "traefik/frontends/f/routes/r/rule");
    let record = "{\"name\":\"n\",\"id\":\"n1\"}";
    let pairs = [
        format!("{n1}={record}"),
        format!("{n2}=two"),
        format!("{count}={{\"Count\":3}}"),
        format!("{leader}=10.0.0.7:4000"),
        format!("{rule}=Host: a"),
    ];
    let pairs: Vec<&str> = pairs.iter().map(String::as_str).collect();
    libkv(&program, &[&["put", "zk", &server], &pairs[..]].concat());
    let node = "docker/nodes/10.0.0.7:2376";
    let held = libkv_on(&program, &["hold", "zk", &server, node, "locks/leader"]);

    let from = format!("zk://{server}");
    let moved = run(&["import", "--from", &from, "--to", &to]);
    assert_eq!(moved.code, 0, "{moved:?}");
    for line in [
        "left out: session: 0x",
        "left out: lock: locks/leader (by 0x",
        "left out: ephemeral entry: docker/nodes/10.0.0.7:2376 (by 0x",
        "left out: ephemeral entry: locks/leader/_c_",
    ] {
        assert!(moved.err.contains(line), "{line}: {moved:?}");
    }

    let gateway = Running::start(&to);
    let (consul, etcd) = (gateway.consul.to_string(), gateway.etcd.to_string());
    let all = [&*n1, &n2, &count, leader, rule, "locks/leader"];
    let get =
        |of: &str, at: &str, keys: &[&str]| libkv(&program, &[&["get", of, at], keys].concat());
    let there = get("zk", &server, &all);
    assert!(there.starts_with(&format!("{n1}={record}\n")), "{there}");
    assert!(there.ends_with("\nlocks/leader=mine\n"), "{there}");
    assert_eq!(get("etcd", &etcd, &all), there);
    assert_eq!(get("etcd", &etcd, &[node]), format!("{node}\n"));
    // Over consul://, a name that ends with a slash is another key.
    assert_eq!(
        get("consul", &consul, &all[3..]),
        get("zk", &server, &all[3..])
    );
    let list = |of: &str, at: &str, key: &str| libkv(&program, &["list", of, at, key]);
    for key in [network, "docker/network/v1.0", "traefik/frontends"] {
        assert_eq!(list("etcd", &etcd, key), list("zk", &server, key), "{key}");
    }
    assert_eq!(
        list("consul", &consul, &format!("{network}/")),
        format!("n1={record}\nn2=two\n")
    );
    goes_on(&program, &gateway, record);
    end(held);
    gateway.stop();
}

/// Imported entries can be written: a directory takes records, and a record its next version. A lock is free when its value,
/// which over etcd means that it is held, is deleted.
fn goes_on(program: &Path, gateway: &Running, record: &str) {
    let etcd = gateway.etcd.to_string();
    let network = "docker/network/v1.0/network";
    let (n2, n3) = (
        format!("{network}/n2/=again"),
        format!("{network}/n3/=three"),
    );
    let node = "docker/nodes/10.0.0.7:2376=back";
    libkv(program, &["put", "etcd", &etcd, &n2, &n3, node]);
    let now = libkv(program, &["list", "etcd", &etcd, network]);
    assert_eq!(now, format!("n1={record}\nn2=again\nn3=three\n"));
    let deleted = gateway.run(&["delete", "locks/leader"]);
    assert_eq!(deleted.code, 0, "{deleted:?}");
    let hold = ["hold", "etcd", &etcd, "mine", "locks/leader"];
    end(libkv_on(program, &hold));
}

#[test]
#[ignore = "needs ZooKeeper and Go: tests/run"]
fn changes_during_a_zookeeper_import_are_caught_up_or_reported() {
    let zookeeper = ZooKeeper::start();
    let home = tempfile::tempdir().unwrap();
    let (program, to) = (keys(home.path()), embedded(&home.path().join("store")));
    let server = zookeeper.address.to_string();
    libkv(&program, &["put", "zk", &server, "still=1"]);
    let writer = libkv_on(&program, &["churn", "zk", &server, "app/count"]);
    let from = format!("zk://{server}");
    let changing = run(&["import", "--from", &from, "--to", &to]);
    assert_eq!(changing.code, 1, "{changing:?}");
    let line = "changing in the source: app/count\n";
    assert!(changing.err.contains(line), "{changing:?}");
    let torn = run(&["export", "--from", &from]);
    assert_eq!(torn.code, 1, "{torn:?}");
    let line = "entry that changed while it was read (moved as it was read): app/count\n";
    assert!(torn.err.contains(line), "{torn:?}");
    assert!(!torn.text().contains("\"index\""), "{torn:?}");
    end(writer);
    import(&["--from", &from, "--to", &to, "--into-existing", "--delete"]);
    let now = run(&["export", "--from", &from]);
    assert_eq!(now.code, 0, "{now:?}");
    assert_eq!(dump(&to), entries(now.text()));
}

#[test]
#[ignore = "needs ZooKeeper: tests/run"]
fn zookeeper_without_quorum_is_reported() {
    let alone = ZooKeeper::start_without_quorum();
    let address = alone.address;
    let done = run(&["export", "--from", &format!("zk://{address}")]);
    assert_eq!(done.code, 3, "{done:?}");
    let line = format!("kubekv: ZooKeeper at {address} is not currently serving requests");
    assert!(done.err.starts_with(&line), "{done:?}");
}

#[test]
#[ignore = "needs ZooKeeper and openssl: tests/run"]
fn zookeeper_is_read_over_tls() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    certificates(at, "ca", &["server", "ours"]);
    certificates(at, "other", &[]);
    let path = |name: &str| at.join(name).display().to_string();
    let (zookeeper, secure) = ZooKeeper::start_over_tls(at);
    zookeeper.run(&["create /a 1".to_owned()]);
    let export = |address: SocketAddr, access: &[(&str, &str)]| {
        let from = format!("zk://{address}");
        let mut arguments = vec!["export".to_owned(), "--from".to_owned(), from];
        for (option, name) in access {
            arguments.extend([(*option).to_owned(), path(name)]);
        }
        done(kubekv().args(&arguments).output().unwrap())
    };
    let (ours, key) = (("--from-cert", "ours.pem"), ("--from-key", "ours.key"));
    let read = export(secure, &[("--from-ca", "ca.pem"), ours, key]);
    assert_eq!(read.code, 0, "{read:?}");
    assert_eq!(entries(read.text())["a"]["value"], "1");
    let cannot = format!("kubekv: cannot reach ZooKeeper at {secure}: ");
    for (address, access, want) in [
        (
            secure,
            &[("--from-ca", "other.pem"), ours, key][..],
            &*cannot,
        ),
        // The server demands a certificate.
        (secure, &[("--from-ca", "ca.pem")], ""),
        (
            secure,
            &[],
            "closed the connection: it accepts no more connections (maxClientCnxns), accepts no plain ones",
        ),
        (
            zookeeper.address,
            &[("--from-ca", "ca.pem")],
            "cannot reach ZooKeeper",
        ),
    ] {
        let refused = export(address, access);
        assert_eq!(refused.code, 3, "{access:?}: {refused:?}");
        assert!(refused.err.contains(want), "{access:?}: {refused:?}");
    }
}

#[test]
fn server_that_is_no_zookeeper_is_reported() {
    let gateway = Running::start("memory:");
    for address in [gateway.consul, gateway.etcd] {
        let done = run(&["export", "--from", &format!("zk://{address}")]);
        assert_eq!(done.code, 4, "{done:?}");
        let line = format!("kubekv: this is not what ZooKeeper answers ({address}): a frame of ");
        assert!(done.err.starts_with(&line), "{done:?}");
    }
    gateway.stop();
    // A server that accepts no more connections.
    let full = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = full.local_addr().unwrap();
    std::thread::spawn(move || full.incoming().for_each(drop));
    let done = run(&["export", "--from", &format!("zk://{address}")]);
    assert_eq!(done.code, 3, "{done:?}");
    let line =
        format!("kubekv: what listens at {address} closed the connection: it accepts no more");
    assert!(done.err.starts_with(&line), "{done:?}");
    let done = run(&["export", "--from", "zk://127.0.0.1:1/kv"]);
    assert_eq!(done.code, 3, "{done:?}");
    let line = "kubekv: cannot reach ZooKeeper at 127.0.0.1:1: ";
    assert!(done.err.starts_with(line), "{done:?}");
    let done = run(&["import", "[]", "--to", "zk://127.0.0.1:1/kv"]);
    assert_eq!(done.code, 2, "{done:?}");
    assert!(
        done.err.contains("ZooKeeper is not a store of kubekv"),
        "{done:?}"
    );
}
