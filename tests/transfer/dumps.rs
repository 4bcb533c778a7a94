//! Transfers between embedded stores and files, which need no other program.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

use kubekv::config::{SourceAccess, SourceUrl, StoreAccess, StoreUrl};
use kubekv::transfer::{Import, ImportOptions, ImportReport, Item, Items, Listing, Source};

use crate::entries::{assert_named, dump, filled, import, json, refused};
use support::command::{embedded, kubekv, run, run_with};
use support::requests::ask;
use support::running::Running;

#[test]
fn export_and_import_through_a_file_lose_nothing() {
    let home = tempfile::tempdir().unwrap();
    let from = filled(&home.path().join("a"));
    let (file, to) = (
        home.path().join("fleet.dump"),
        embedded(&home.path().join("b")),
    );
    let path = file.to_str().unwrap();
    let exported = run(&["export", "--from", &from, "--output", path]);
    assert_eq!(exported.code, 0, "{exported:?}");
    assert_named(&exported.err);
    let mode = std::os::unix::fs::PermissionsExt::mode(&file.metadata().unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    // An existing file is not overwritten.
    assert_eq!(
        refused(&["export", "--from", &from, "--output", path]).code,
        8
    );

    let done = run(&["import", &format!("@{path}"), "--to", &to]);
    assert_eq!(done.code, 0, "{done:?}");
    assert_named(&done.err);
    assert!(done.text().contains("\nverified  "), "{done:?}");
    assert_eq!(dump(&to), dump(&from));

    let gateway = Running::start(&to);
    let one = |key: &str| json(gateway.consul, &format!("GET /v1/kv/docker/{key}"))[0].clone();
    assert_eq!(
        (&one("text")["Value"], &one("text")["Flags"]),
        (&"aGVsbG8=".into(), &7.into())
    );
    assert_eq!(one("most")["Flags"], u64::MAX);
    assert_eq!(one("node/")["Value"], "YSByZWNvcmQgb2YgZG9ja2VyZCdz");
    assert_eq!(one("bytes%20%C3%A9")["Value"], "/wAKIg==");
    assert_eq!(one("locked")["Session"], serde_json::Value::Null);
    assert!(ask(gateway.consul, "GET /v1/kv/docker/lent").contains(" 404 "));
    let node = json(gateway.etcd, "GET /v2/keys/tree/ttl")["node"].clone();
    assert_eq!(node["value"], "short");
    assert!(node["ttl"].as_u64().unwrap() > 2_900);
    let node = json(gateway.etcd, "GET /v2/keys/tree/ends")["node"].clone();
    assert_eq!(node["dir"], true);
    assert!(node["ttl"].as_u64().unwrap() > 3_900);
    assert_eq!(
        json(gateway.etcd, "GET /v2/keys/tree/empty")["node"]["dir"],
        true
    );
    gateway.stop();
}

#[test]
fn target_with_entries_is_refused_without_consent() {
    let home = tempfile::tempdir().unwrap();
    let store = |name: &str| embedded(&home.path().join(name));
    let (from, to) = (store("a"), store("b"));
    for (store, keys) in [
        (&from, &["both", "same", "new"][..]),
        (&to, &["both", "same", "old"]),
    ] {
        let gateway = Running::start(store);
        for key in keys {
            let value = if *key == "same" { "s" } else { store.as_str() };
            assert_eq!(gateway.run(&["put", key, value]).code, 0);
        }
        gateway.stop();
    }
    let arguments = ["import", "--from", &from, "--to", &to];
    let before = dump(&to);
    let done = refused(&arguments);
    assert_eq!(done.code, 1, "{done:?}");
    assert!(done.err.contains("there are 3 entries already"), "{done:?}");
    assert_eq!(dump(&to), before);

    let done = import(&["--from", &from, "--to", &to, "--into-existing"]);
    assert_eq!(
        [&done["written"], &done["equal"], &done["deleted"]],
        [2, 1, 0]
    );
    assert_eq!(done["extra"][0], "old");
    let mut wanted = dump(&from);
    wanted.insert("old".to_owned(), before["old"].clone());
    assert_eq!(dump(&to), wanted);

    // A part of it, under another name; nothing else is touched.
    let part = ["--prefix", "n", "--dest-prefix", "dest/", "--into-existing"];
    let done = import(&[&["--from", &from, "--to", &to, "--delete"], &part[..]].concat());
    assert_eq!([&done["written"], &done["deleted"]], [1, 0]);
    assert!(dump(&to).contains_key("dest/ew"));

    let done = import(&["--from", &from, "--to", &to, "--into-existing", "--delete"]);
    assert_eq!(
        [&done["written"], &done["equal"], &done["deleted"]],
        [0, 3, 2]
    );
    assert_eq!(dump(&to), dump(&from));
}

#[test]
fn truncated_dump_is_refused_before_any_write() {
    let home = tempfile::tempdir().unwrap();
    let from = filled(&home.path().join("a"));
    let whole = run(&["export", "--from", &from]).out;
    let to = embedded(&home.path().join("b"));
    let middle = whole.len() / 2;
    for (data, word) in [
        (&whole[..middle], "cut off"),
        (&whole[..whole.len() - 40], "cut off"),
        (b"{}", "neither a dump"),
        (b"", "neither a dump"),
    ] {
        let done = run_with(&["import", "--to", &to], data);
        assert_eq!(done.code, 2, "{done:?}");
        assert!(done.err.contains(word), "{done:?}");
    }
    assert!(!home.path().join("b").exists());
    let done = run_with(&["import", "-", "--to", &to], &whole);
    assert_eq!(done.code, 0, "{done:?}");
    // A gateway accepts Consul's exports, and no dump.
    let done = run_with(&["import"], &whole);
    assert_eq!(done.code, 2, "{done:?}");
}

#[test]
fn consul_export_is_imported() {
    let home = tempfile::tempdir().unwrap();
    let to = embedded(home.path());
    let data = r#"[{"key":"a","flags":3,"value":"eA=="}]"#;
    let done = import(&[data, "--to", &to]);
    let from = done["from"].as_str().unwrap();
    assert!(from.starts_with("an export of Consul (sha256 "), "{from}");
    let line = dump(&to)["a"].clone();
    assert_eq!(
        line,
        serde_json::json!({"key": "a", "value": "x", "flags": 3})
    );
}

#[test]
fn oversized_entries_are_reported_and_the_rest_imported() {
    let home = tempfile::tempdir().unwrap();
    let to = embedded(home.path());
    let big = base64::Engine::encode(
        &base64::engine::general_purpose::STANDARD,
        vec![b'x'; (2 << 20) + 1],
    );
    let long = "k".repeat(4097);
    let data = format!(
        r#"[{{"key":"big","flags":0,"value":"{big}"}},{{"key":"{long}","flags":0,"value":""}},
            {{"key":"good","flags":0,"value":""}}]"#
    );
    let done = run_with(&["import", "--to", &to], data.as_bytes());
    assert_eq!(done.code, 1, "{done:?}");
    for words in [
        "does not take: big: a value of 2097153 bytes",
        ": a name of 4097 bytes",
        "kubekv: entries that were not imported, or that may be wrong: 2; they are named above",
    ] {
        assert!(done.err.contains(words), "{words}: {done:?}");
    }
    assert_eq!(dump(&to).len(), 1);
}

#[test]
fn store_in_use_is_neither_read_nor_written() {
    let home = tempfile::tempdir().unwrap();
    let (used, other) = (
        embedded(&home.path().join("a")),
        embedded(&home.path().join("b")),
    );
    let gateway = Running::start(&used);
    for arguments in [
        &["export", "--from", &used][..],
        &["import", "--from", &used, "--to", &other],
        &["import", "[]", "--to", &used],
    ] {
        let done = refused(arguments);
        assert_eq!(done.code, 6, "{done:?}");
    }
    gateway.stop();
    let done = refused(&["import", "--from", &used, "--to", &used]);
    assert_eq!(done.code, 2, "{done:?}");
    assert_eq!(refused(&["import", "--from", &used]).code, 2);
    assert_eq!(refused(&["import", "[]", "--delete"]).code, 2);
    let gateway = &["--address", "127.0.0.1:1", "--to", &other];
    assert_eq!(refused(&[&["import"], &gateway[..]].concat()).code, 2);
    // Reading does not create a missing directory.
    let nothing = embedded(&home.path().join("c"));
    assert_eq!(refused(&["export", "--from", &nothing]).code, 6);
    assert!(!home.path().join("c").exists());
}

#[test]
fn killed_import_resumes() {
    let home = tempfile::tempdir().unwrap();
    let (file, to) = (
        home.path().join("export.json"),
        embedded(&home.path().join("b")),
    );
    let count = 5_000;
    let entries: Vec<String> = (0..count)
        .map(|number| format!(r#"{{"key":"k/{number:06}","flags":{number},"value":"eA=="}}"#))
        .collect();
    std::fs::write(&file, format!("[{}]", entries.join(","))).unwrap();
    let data = format!("@{}", file.display());
    let mut import = kubekv()
        .args(["import", &data, "--to", &to])
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut err = BufReader::new(import.stderr.take().unwrap()).lines();
    let progress = err.find(|line| line.as_ref().unwrap().starts_with("kubekv: written "));
    import.kill().unwrap();
    import.wait().unwrap();
    let progress = progress.unwrap().unwrap();

    // The entries there came from this import: another import is refused, and the same one resumes.
    let another = r#"[{"key":"a","flags":0,"value":""}]"#;
    let done = refused(&["import", another, "--to", &to]);
    assert!(done.err.contains("was not finished there"), "{done:?}");
    let done = run(&["import", "--json", &data, "--to", &to]);
    assert_eq!(done.code, 0, "{progress}: {done:?}");
    let done = done.json();
    let sum = done["written"].as_u64().unwrap() + done["equal"].as_u64().unwrap();
    assert_eq!(sum, count, "{done}");
    assert!(done["equal"].as_u64().unwrap() > 0, "{progress}: {done}");
    assert_eq!(dump(&to).len(), usize::try_from(count).unwrap());
}

fn items() -> impl Strategy<Value = Items> {
    let item = (
        vec(any::<u8>(), 0..100),
        any::<u64>(),
        proptest::option::of(60_000_u64..u64::from(u32::MAX)),
    );
    let item = item.prop_map(|(value, flags, ttl_left_ms)| Item {
        value: value.into(),
        flags,
        ttl_left_ms,
        ..Item::default()
    });
    btree_map(vec(any::<u8>(), 1..30), item, 0..40)
}

fn moved(items: Items, to: &std::path::Path) -> (ImportReport, Listing) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let target = StoreUrl::Embedded(to.to_owned());
    let import = Import {
        source: None,
        listing: Some(Listing {
            read_ms: kubekv::model::time::unix_ms(),
            items,
            ..Listing::default()
        }),
        target: target.clone(),
        access: StoreAccess::default(),
        options: ImportOptions::default(),
    };
    runtime.block_on(async {
        let report = import.run(&|_step| ()).await.unwrap();
        let source = Source {
            url: SourceUrl::Store(target),
            access: SourceAccess::default(),
            prefix: Vec::new(),
        };
        (report, source.read().await.unwrap())
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn any_entries_round_trip_unchanged(items in items()) {
        let home = tempfile::tempdir().unwrap();
        let (report, listing) = moved(items.clone(), home.path());
        prop_assert!(report.is_good(), "{:?}", report);
        prop_assert_eq!(report.written, items.len());
        let keys = |items: &Items| items.keys().cloned().collect::<Vec<_>>();
        prop_assert_eq!(keys(&listing.items), keys(&items));
        for (key, item) in &items {
            let now = &listing.items[key];
            prop_assert_eq!((&now.value, now.flags), (&item.value, item.flags));
            match (now.ttl_left_ms, item.ttl_left_ms) {
                (None, None) => {}
                (Some(now), Some(then)) => prop_assert!(now <= then && then - now < 30_000),
                (now, then) => prop_assert!(false, "{:?} was {:?}", now, then),
            }
        }
    }
}
