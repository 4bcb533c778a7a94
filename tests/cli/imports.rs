//! `kubekv import`: accepted data, and errors for invalid data.

use support::command::{Done, done, run_with};
use support::requests::ask;
use support::running::Running;

/// Data for an import; the reason where only one of `kubekv import` and `consul kv import` accepts it.
const DATA: &[(&[u8], Option<&str>)] = &[
    (b"[]", None),
    (b" \n[]\t", None),
    (b"null", None),
    (b"", None),
    (b"{}", None),
    (b"\"text\"", None),
    (b"7", None),
    (b"[] []", None),
    (b"[,]", None),
    (b"[{\"key\":\"a\"}", None),
    (b"\xef\xbb\xbf[]", None),
    (b"[7]", None),
    (b"[{}]", None),
    (b"[{\"key\":\"\"}]", None),
    (b"[{\"key\":\"a\"}]", None),
    (b"[{\"key\":\"/a\"}]", None),
    (b"[{\"key\":\"a//b/\"}]", None),
    (b"[{\"key\":\"\\u003ca\\u003e \\u00e9\"}]", None),
    (b"[{\"key\":7}]", None),
    (b"[{\"key\":null,\"Key\":\"a\"}]", None),
    (b"[{\"key\":\"a\",\"value\":null}]", None),
    (b"[{\"key\":\"a\",\"value\":\"MQ==\"}]", None),
    (b"[{\"key\":\"a\",\"value\":\"MR==\"}]", None),
    (b"[{\"key\":\"a\",\"value\":\"MQ\"}]", None),
    (b"[{\"key\":\"a\",\"value\":\"M\\nQ=\\r\\n=\"}]", None),
    (b"[{\"key\":\"a\",\"value\":\"MQ== \"}]", None),
    (b"[{\"key\":\"a\",\"value\":\"-_==\"}]", None),
    (b"[{\"key\":\"a\",\"value\":true}]", None),
    (b"[{\"key\":\"a\",\"flags\":18446744073709551615}]", None),
    (b"[{\"key\":\"a\",\"flags\":18446744073709551616}]", None),
    (b"[{\"key\":\"a\",\"flags\":-1}]", None),
    (b"[{\"key\":\"a\",\"flags\":-0}]", None),
    (b"[{\"key\":\"a\",\"flags\":1.0}]", None),
    (b"[{\"key\":\"a\",\"flags\":1e2}]", None),
    (b"[{\"key\":\"a\",\"flags\":\"1\"}]", None),
    (b"[{\"key\":\"a\",\"flags\":null}]", None),
    (b"[{\"key\":\"b\",\"flags\":1,\"key\":\"a\",\"FLAGS\":2}]", None),
    (b"[{\"KEY\":\"a\",\"fLaGs\":3,\"VALUE\":\"MQ==\"}]", None),
    ("[{\"\u{212a}ey\":\"a\",\"flag\u{17f}\":3}]".as_bytes(), None),
    (b"[{\"key\":\"a\",\"more\":{\"of\":[1,{}]},\"session\":5}]", None),
    (b"[{\"key\":\"a\",\"other\":\"\xff\\ud800\"}]", None),
    (b"[{\"key\":\"a\",\"namespace\":\"\"}]", None),
    (b"[{\"key\":\"a\",\"namespace\":\"n\"}]", None),
    (b"[{\"key\":\"a\",\"namespace\":7}]", None),
    (
        b"[{\"LockIndex\":1,\"Key\":\"a\",\"Flags\":4,\"Value\":\"MQ==\",\"Session\":\"5b\",\"CreateIndex\":9,\"ModifyIndex\":9}]",
        None,
    ),
    (b"[null]", None),
    (
        b"[{\"key\":\"a\",\"namespace\":\"default\"}]",
        Some("Consul Enterprise writes it, and no other Consul accepts it"),
    ),
    (
        b"[{\"key\":\"a\",\"partition\":\"p\"}]",
        Some("Consul 1.8 does not know it; later versions do"),
    ),
    (
        b"[{\"key\":\"a\xff\"}]",
        Some("Consul writes it under another name"),
    ),
];

#[test]
#[ignore = "needs consul: tests/run"]
fn import_accepts_and_rejects_what_consul_kv_import_does() {
    let gateway = Running::start("memory:");
    let outcome = |done: &Done| {
        let entries = gateway.run(&["export"]).text().to_owned();
        assert_eq!(gateway.run(&["delete", "", "--recurse"]).code, 0);
        (done.code == 0, entries)
    };
    let mut wrong = Vec::new();
    for (data, difference) in DATA {
        let ours = run_with(
            &["import", "-", "--address", &gateway.consul.to_string()],
            data,
        );
        let own = outcome(&ours);
        let theirs = outcome(&consul(&gateway, data));
        let is_same = own == theirs;
        if is_same != difference.is_none() {
            let data = data.escape_ascii();
            wrong.push(format!(
                "{data}\n  consul {theirs:?}\n  kubekv {own:?} {}",
                ours.err
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// `consul kv import -`, to the same gateway.
fn consul(gateway: &Running, data: &[u8]) -> Done {
    use std::io::Write as _;
    let address = format!("-http-addr=http://{}", gateway.consul);
    let mut child = std::process::Command::new("consul")
        .args(["kv", "import", &address, "-"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("needs consul 1.8 in PATH");
    // It may have exited before it read all input: its exit code and output show the result.
    let _unread = child.stdin.take().unwrap().write_all(data);
    done(child.wait_with_output().unwrap())
}

#[test]
fn a_saved_response_of_consuls_api_is_imported() {
    let (here, there) = (Running::start("memory:"), Running::start("memory:"));
    assert_eq!(here.run(&["put", "a/b", "hi", "--flags", "42"]).code, 0);
    assert_eq!(here.run(&["put", "a/dir/"]).code, 0);
    let session = ask(here.consul, "PUT /v1/session/create");
    let session = session.split('"').nth(3).unwrap();
    ask(here.consul, &format!("PUT /v1/kv/a/lock?acquire={session}"));
    let saved = ask(here.consul, "GET /v1/kv/?recurse");
    let saved = saved.split("\r\n\r\n").nth(1).unwrap();
    let address = there.consul.to_string();
    let imported = run_with(&["import", "-", "--address", &address], saved.as_bytes());
    assert_eq!(imported.code, 0, "{imported:?}");
    assert_eq!(
        imported.text(),
        "Imported: a/b\nImported: a/dir/\nImported: a/lock\n"
    );
    // The lock is reported, as everything that is not imported.
    assert!(
        imported.err.contains("left out: lock: a/lock (by "),
        "{imported:?}"
    );
    assert_eq!(there.run(&["export"]).out, here.run(&["export"]).out);

    let store = tempfile::tempdir().unwrap();
    let to = support::command::embedded(&store.path().join("store"));
    let moved = run_with(&["import", "-", "--to", &to, "--json"], saved.as_bytes());
    assert_eq!((moved.code, &moved.json()["entries"]), (0, &3.into()));
}

#[test]
fn an_invalid_import_is_rejected_with_its_entry_and_field() {
    let gateway = Running::start("memory:");
    let data = r#"[{"Key":"a","Flags":0},{"Key":"b","Flags":"hush","Value":""}]"#;
    let done = gateway.run(&["import", data]);
    assert_eq!(done.code, 2, "{done:?}");
    assert_eq!(
        done.err,
        "kubekv: the data is not an export of Consul: entry 2 (\"b\"): its field \"Flags\" is a text, not a whole number \
         from 0 to 18446744073709551615\n"
    );
    assert_eq!(gateway.run(&["list"]).text(), "", "nothing was written");
}

#[test]
fn imported_keys_are_filtered_and_moved_by_prefix() {
    let gateway = Running::start("memory:");
    let data = r#"[{"key":"a/x"},{"key":"a/y/"},{"key":"b"}]"#;
    for (arguments, keys) in [
        (&["--dest-prefix", "p/"][..], "p/a/x\np/a/y/\np/b\n"),
        (&["--prefix", "a/"], "a/x\na/y/\n"),
        (&["--prefix", "a/", "--dest-prefix", "q-"], "q-x\nq-y/\n"),
    ] {
        let done = gateway.run(&[&["import", data], arguments].concat());
        assert_eq!(done.code, 0, "{done:?}");
        assert_eq!(gateway.run(&["list"]).text(), keys);
        assert_eq!(gateway.run(&["delete", "", "--recurse"]).code, 0);
    }
}
