//! Attributes that only ZooKeeper keeps, moved through files and stores, and edited there by hand.

use std::path::{Path, PathBuf};

use kubekv::model::{AccessEntry, AccessList};
use kubekv::transfer::{Item, ItemVersions, Listing, ZnodeItem, write_dump};
use serde_json::{Value, json};

use crate::entries::{dump, entries, import};
use support::command::{embedded, run};
use support::etcd_member::Member;
use support::kubernetes::{kubectl, namespace};
use support::running::Running;

/// Everybody may write, and only one user may do the rest.
fn list() -> AccessList {
    let entry = |perms, scheme: &str, id: &str| AccessEntry {
        perms,
        scheme: scheme.to_owned(),
        id: id.to_owned(),
    };
    AccessList::from(vec![
        entry(31, "digest", "me:qgdPJWJGb2VklMFsStaP7r/ae4E="),
        entry(2, "world", "anyone"),
    ])
}

/// A dump with an entry of each kind, and with versions.
fn dumped(directory: &Path) -> PathBuf {
    dumped_with(directory, None)
}

/// The same, with what was set of the root.
fn dumped_with(directory: &Path, root: Option<Item>) -> PathBuf {
    let item = |value: &'static str, data, znode| Item {
        value: value.into(),
        znode: Some(znode),
        versions: Some(ItemVersions { data, acl: 2 }),
        ..Item::default()
    };
    let plain = ZnodeItem::default();
    let closed = ZnodeItem {
        acl: Some(list()),
        ..plain.clone()
    };
    let null = ZnodeItem {
        null: true,
        container: true,
        ..plain.clone()
    };
    let short = ZnodeItem {
        ttl_ms: Some(3_600_000),
        ..plain.clone()
    };
    let items = [
        ("closed", item("secret", 57, closed)),
        ("null", item("", 0, null)),
        ("short", item("mine", 1, short)),
        ("plain", item("open", 3, plain)),
    ];
    let items = items.map(|(key, item)| (key.into(), item)).into();
    let listing = Listing {
        items,
        root,
        ..Listing::default()
    };
    let path = directory.join("znodes.dump");
    write_dump(&mut std::fs::File::create(&path).unwrap(), &listing).unwrap();
    path
}

/// The entries of a store, with their versions.
fn versions(store: &str) -> std::collections::BTreeMap<String, Value> {
    let done = run(&["export", "--versions", "--from", store]);
    assert_eq!(done.code, 0, "{done:?}");
    entries(done.text())
}

fn import_dump(dump: &Path, to: &str, more: &[&str]) -> Value {
    let file = format!("@{}", dump.display());
    import(&[&[&*file, "--to", to], more].concat())
}

#[test]
fn access_lists_and_versions_survive_a_file_and_a_backup() {
    let home = tempfile::tempdir().unwrap();
    let file = dumped(home.path());
    let to = embedded(&home.path().join("a"));
    import_dump(&file, &to, &["--versions"]);
    let there = versions(&to);
    let acl = json!([
        {"perms": 31, "scheme": "digest", "id": "me:qgdPJWJGb2VklMFsStaP7r/ae4E="},
        {"perms": 2, "scheme": "world", "id": "anyone"},
    ]);
    let version = |data: u64| json!({"data": data, "acl": 2});
    let want = [
        json!({"key": "closed", "value": "secret", "znode": {"acl": acl}, "versions": version(57)}),
        json!({"key": "null", "value": "", "znode": {"null": true, "container": true}, "versions": version(0)}),
        json!({"key": "plain", "value": "open", "versions": version(3)}),
        json!({"key": "short", "value": "mine", "znode": {"ttl_ms": 3_600_000}, "versions": version(1)}),
    ];
    assert_eq!(there.values().cloned().collect::<Vec<_>>(), want);
    let (from, copy) = (home.path().join("a"), home.path().join("copy"));
    let [from, copy] = [from, copy].map(|path| path.display().to_string());
    let done = run(&["backup", &from, &copy]);
    assert_eq!(done.code, 0, "{done:?}");
    assert_eq!(versions(&format!("embedded:{copy}")), there);
}

#[test]
fn lists_that_lock_clients_out_are_printed_and_removed() {
    let home = tempfile::tempdir().unwrap();
    let store = embedded(&home.path().join("a"));
    import_dump(&dumped(home.path()), &store, &[]);
    let gateway = Running::start(&store);
    let refused = gateway.run(&["get", "closed"]);
    assert!(
        refused.code != 0 && refused.err.contains("Permission denied"),
        "{refused:?}"
    );
    let in_use = run(&["acl", "reset", "closed", "--to", &store]);
    assert_eq!(in_use.code, 6, "{in_use:?}");
    assert!(in_use.err.contains("zookeeper-super"), "{in_use:?}");
    gateway.stop();
    let printed = "closed\tdigest:me:qgdPJWJGb2VklMFsStaP7r/ae4E=:cdrwa\nclosed\tworld:anyone:w\n";
    for command in [
        &["acl", "get", "/", "--recursive", "--to", &store][..],
        &["acl", "get", "closed", "--to", &store],
        &["acl", "reset", "/closed/", "--to", &store],
    ] {
        let done = run(command);
        assert_eq!((done.code, done.text()), (0, printed), "{command:?}");
    }
    let none = run(&["acl", "get", "/", "--recursive", "--json", "--to", &store]);
    assert_eq!(none.json(), json!([]));
    let gateway = Running::start(&store);
    assert_eq!(gateway.run(&["get", "closed"]).text(), "secret\n");
    gateway.stop();
    assert_eq!(versions(&store)["closed"]["versions"]["acl"], 1);
}

#[test]
#[ignore = "needs etcd: tests/run"]
fn access_lists_are_printed_beside_a_running_gateway() {
    let home = tempfile::tempdir().unwrap();
    let member = Member::start("etcd");
    let store = member.store("kv");
    import_dump(&dumped_with(home.path(), Some(root())), &store, &[]);
    let gateway = Running::start(&store);
    support::metrics::wait_for_metric(gateway.admin, "kubekv_store_is_leader 1");
    let done = run(&["acl", "get", "/", "--recursive", "--to", &store]);
    let keys = done.text().lines().filter_map(|line| line.split_once('\t'));
    let keys: Vec<_> = keys.map(|(key, _)| key).collect();
    // The root's is kept apart from clients' keys, and comes after them.
    assert_eq!(keys, ["closed", "closed", "", ""], "{done:?}");
    let refused = run(&["acl", "reset", "/", "--to", &store]);
    assert_eq!(refused.code, 6, "{refused:?}");
    assert!(refused.err.contains("leads this store"), "{refused:?}");
    assert_eq!(gateway.stop().code, 0);
}

/// The root, closed.
fn root() -> Item {
    Item {
        znode: Some(ZnodeItem {
            acl: Some(list()),
            ..ZnodeItem::default()
        }),
        versions: Some(ItemVersions { data: 3, acl: 2 }),
        ..Item::default()
    }
}

/// The access list of a store's root, as it is printed, with its version.
fn root_of(store: &str) -> (String, Value) {
    let done = run(&["acl", "get", "/", "--to", store]);
    assert_eq!(done.code, 0, "{done:?}");
    let dump = run(&["export", "--versions", "--from", store]);
    let lines = dump
        .text()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    let root = lines.filter_map(|mut line: Value| Some(line.get_mut("root")?.take()));
    let versions = root.map(|root| root["versions"].clone());
    (done.text().to_owned(), versions.collect())
}

#[test]
fn the_access_list_of_the_root_is_moved() {
    let home = tempfile::tempdir().unwrap();
    let [first, second, third] = ["a", "b", "c"].map(|name| embedded(&home.path().join(name)));
    let file = dumped_with(home.path(), Some(root()));
    import_dump(&file, &first, &["--versions"]);
    let closed = "\tdigest:me:qgdPJWJGb2VklMFsStaP7r/ae4E=:cdrwa\n\tworld:anyone:w\n".to_owned();
    let want = (closed, json!([{"data": 3, "acl": 2}]));
    assert_eq!(root_of(&first), want);
    // From a store to a store that clients have used.
    import_dump(&dumped(home.path()), &second, &["--versions"]);
    let report = import(&[
        "--from",
        &first,
        "--to",
        &second,
        "--into-existing",
        "--versions",
    ]);
    assert_eq!(
        (&report["written"], &report["equal"]),
        (&json!(1), &json!(4))
    );
    assert_eq!(root_of(&second), want);
    // What knows nothing of access lists opens nothing, and deletes nothing.
    let export = r#"[{"key":"closed","flags":0,"value":"eA=="}]"#;
    import(&[export, "--to", &second, "--into-existing", "--delete"]);
    assert_eq!(root_of(&second).0, want.0);
    // Beneath another key it is nobody's root.
    let moved = import(&["--from", &first, "--to", &third, "--dest-prefix", "app/"]);
    let left = json!([{"left_out": "root", "name": "/"}]);
    assert_eq!(moved["left_out"], left);
    assert_eq!(root_of(&third), (String::new(), json!([])));
    let part = run(&["export", "clo", "--from", &first]);
    assert!(!part.text().contains("{\"root\""), "{part:?}");
}

#[test]
fn versions_begin_anew_unless_they_are_asked_for() {
    let home = tempfile::tempdir().unwrap();
    let file = dumped(home.path());
    let to = embedded(&home.path().join("a"));
    import_dump(&file, &to, &[]);
    assert_eq!(
        versions(&to)["closed"]["versions"],
        json!({"data": 0, "acl": 0})
    );
    assert_eq!(dump(&to)["closed"].get("versions"), None);
    let export = r#"[{"key":"closed","flags":0,"value":"eA=="}]"#;
    let refused = run(&[
        "import",
        export,
        "--to",
        &to,
        "--into-existing",
        "--versions",
    ]);
    assert_eq!(refused.code, 2, "{refused:?}");
    assert!(
        refused
            .err
            .contains("--versions: the source has no versions"),
        "{refused:?}"
    );
}

#[test]
fn source_without_access_lists_opens_no_entry() {
    let home = tempfile::tempdir().unwrap();
    let file = dumped(home.path());
    let to = embedded(&home.path().join("a"));
    import_dump(&file, &to, &[]);
    let before = dump(&to)["closed"]["znode"].clone();
    let export = r#"[{"key":"closed","flags":0,"value":"eA=="}]"#;
    import(&[export, "--to", &to, "--into-existing"]);
    let now = &dump(&to)["closed"];
    assert_eq!((&now["value"], &now["znode"]), (&json!("x"), &before));
    // A store says that there is none: its list replaces the other.
    let open = embedded(&home.path().join("b"));
    import(&[export, "--to", &open]);
    import(&["--from", &open, "--to", &to, "--into-existing"]);
    assert_eq!(dump(&to)["closed"].get("znode"), None);
    assert_eq!(
        versions(&to)["closed"]["versions"],
        json!({"data": 2, "acl": 1})
    );
}

/// Asserts that edits of an entry are versions of it, and leave its access list, for who lists and who watches.
fn assert_edits_count(store: &str, edit: impl Fn(&str)) {
    let before = versions(store)["closed"].clone();
    assert_eq!(before["versions"], json!({"data": 57, "acl": 2}), "{store}");
    edit("by hand");
    edit("by hand again");
    let gateway = Running::start(store);
    edit("while it is watched");
    let done = gateway.run(&["put", "other", "x"]);
    assert_eq!(done.code, 0, "{done:?}");
    let edited = versions(store)["closed"].clone();
    let shown = json!({"key": "closed", "value": "while it is watched", "znode": before["znode"],
        "versions": {"data": 60, "acl": 2}});
    assert_eq!(edited, shown, "{store}");
    let done = gateway.run(&["put", "closed", "by a client"]);
    assert_eq!(done.code, 0, "{done:?}");
    gateway.stop();
    let written = versions(store)["closed"].clone();
    assert_eq!(
        written["versions"],
        json!({"data": 61, "acl": 2}),
        "{store}"
    );
    assert_eq!(written["znode"], before["znode"], "{store}");
}

#[test]
#[ignore = "needs etcd: tests/run"]
fn edits_by_etcdctl_leave_the_access_list_and_are_versions() {
    let home = tempfile::tempdir().unwrap();
    let member = Member::start("etcd");
    let store = member.store("kv");
    import_dump(&dumped(home.path()), &store, &["--versions"]);
    assert_edits_count(&store, |value| {
        member.ctl(&["put", "kv/closed", value]).unwrap();
    });
}

#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn edits_by_kubectl_leave_the_access_list_and_are_versions() {
    let home = tempfile::tempdir().unwrap();
    let namespace = namespace();
    let store = format!("kubernetes:{namespace}");
    import_dump(&dumped(home.path()), &store, &["--versions"]);
    let name = kubekv::store::kubernetes::object_name(b"closed");
    assert_edits_count(&store, |value| {
        let patch = json!({"spec": {"value": value}}).to_string();
        let patch = [
            "-n",
            &namespace,
            "patch",
            "kv",
            &name,
            "--type=merge",
            "-p",
            &patch,
        ];
        kubectl(&patch, &[]).unwrap();
    });
}

#[test]
#[ignore = "needs etcd and Kubernetes: tests/run"]
fn access_lists_and_versions_round_trip_through_every_store() {
    let home = tempfile::tempdir().unwrap();
    let member = Member::start("etcd-3.6");
    let mut from = embedded(&home.path().join("a"));
    let file = dumped_with(home.path(), Some(root()));
    import_dump(&file, &from, &["--versions"]);
    let whole = versions(&from);
    let closed = root_of(&from);
    let kubernetes = format!("kubernetes:{}", namespace());
    for to in [
        member.store("kv"),
        kubernetes,
        embedded(&home.path().join("b")),
    ] {
        import(&["--from", &from, "--to", &to, "--versions"]);
        assert_eq!(versions(&to), whole, "{to}");
        assert_eq!(root_of(&to), closed, "{to}");
        from = to;
    }
}
